"""pytest plugin (`-p tests.servers`): real Postgres and Valkey for the whole run, ready before settings are read.

`DATABASE_URL` and `REDIS_URL` that are set are used as they are: their servers must be there for tests, which create a database
beside the named one and empty Valkey's. Otherwise a private pair is started, which ends with this process however that ends.
`MARKETDATA_TEST_SERVERS=off` starts nothing, for runs of pure unit tests.

`MARKETDATA_REQUIRE_TOOLS=1` turns every skip into a failure: for machines on which all tools are there.
"""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from tempfile import TemporaryDirectory

import pytest
from pytest_django import DjangoDbBlocker

from marketdata_site import environment
from marketdata_site.embedded import Servers, private

_until_the_end = ExitStack()
_PRIVATE = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PROMETHEUS_MULTIPROC_DIR"}
_MADE = "MARKETDATA_TEST_MADE"
"""Names of the variables that this plugin set: a process of a parallel run inherits them, and makes its own instead."""
MADE_BY_DJANGO = frozenset({"auth", "contenttypes"})
"""Apps whose rows Django makes itself after each migration and flush."""


def _start() -> Servers | None:
    for name in os.environ.pop(_MADE, "").split():
        del os.environ[name]
    before = set(os.environ)
    os.environ["MARKETDATA_ROLE"] = "test"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")
    if "MARKETDATA_HOME" not in os.environ:
        os.environ["MARKETDATA_HOME"] = str(environment.PROJECT / ".marketdata" / "tests")
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):  # counts of this run alone
        folder = TemporaryDirectory(prefix="marketdata-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = _until_the_end.enter_context(folder)
    os.environ["MARKETDATA_ENV_FILE"] = os.devnull  # an operator's overrides and keys are not the tests'
    for name in [name for name in os.environ if name.startswith(("POLICY_", "BREAKER_"))]:
        del os.environ[name]
    servers = None
    wanted = {name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)}
    if wanted and os.environ.get("MARKETDATA_TEST_SERVERS") != "off":
        servers = _until_the_end.enter_context(private())
        os.environ.update({name: url for name, url in servers.environment().items() if not os.environ.get(name)})
    environment.prepare(with_servers=False)
    os.environ[_MADE] = " ".join(sorted(_PRIVATE & (os.environ.keys() - before)))
    return servers


_servers = _start()


@pytest.fixture(scope="session")
def servers() -> Servers:
    """The private pair, for tests that stop or restart a server."""
    if _servers is None:
        pytest.skip("the servers are not ours to restart: DATABASE_URL and REDIS_URL are set")
    return _servers


@pytest.fixture(scope="session")
def rows_of_migrations(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> str:
    """What the migrations wrote into the test database, serialised. From then on the database is emptied quickly."""
    from django.db import connection

    from tests.emptying import QuickOperations

    with django_db_blocker.unblock():
        written = json.loads(connection.creation.serialize_db_to_string())
    connection.ops = QuickOperations(connection)
    return json.dumps([row for row in written if row["model"].partition(".")[0] not in MADE_BY_DJANGO])


@pytest.fixture(autouse=True)
def _rows_of_migrations_come_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test with real transactions all tables are emptied, those that a migration fills too: fill these again.

    This plugin is loaded before pytest-django, so this fixture ends after the emptying.
    """
    marker = request.node.get_closest_marker("django_db")
    is_marked = marker is not None and bool(marker.kwargs.get("transaction"))
    if not is_marked and not {"transactional_db", "live_server"} & set(request.fixturenames):
        yield
        return
    kept = request.getfixturevalue("rows_of_migrations")
    yield
    with request.getfixturevalue("django_db_blocker").unblock():
        _load(kept)


def _load(kept: str) -> None:
    from django.core import serializers

    for row in serializers.deserialize("json", kept):
        row.save()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail instead of skip where everything has to be there."""
    report = yield
    is_excused = item.get_closest_marker("recorded") is not None  # recorded data is not a tool that can be installed
    is_skipped = report.skipped and not hasattr(report, "wasxfail")
    if is_skipped and not is_excused and os.environ.get("MARKETDATA_REQUIRE_TOOLS") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped, but MARKETDATA_REQUIRE_TOOLS=1 lets nothing be skipped: {report.longrepr}"
    return report


def pytest_unconfigure() -> None:
    """Stop the servers."""
    _until_the_end.close()
