"""pytest plugin (`-p tests.servers`): real Postgres and Valkey for the whole run, ready before settings are read.

`DATABASE_URL` and `REDIS_URL` that are set are used as they are: their servers must be there for tests, which create a database
beside the named one and empty Valkey's. Otherwise a private pair is started, which ends with this process however that ends.
`MARKETDATA_TEST_SERVERS=off` starts nothing, for runs of pure unit tests.

`MARKETDATA_REQUIRE_TOOLS=1` turns every skip into a failure: for machines on which all tools are there.
"""

import os
from collections.abc import Generator
from contextlib import ExitStack

import pytest

from marketdata_site import environment
from marketdata_site.embedded import Servers, private

_until_the_end = ExitStack()


def _start() -> Servers | None:
    os.environ["MARKETDATA_ROLE"] = "test"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")
    if "MARKETDATA_HOME" not in os.environ:
        os.environ["MARKETDATA_HOME"] = str(environment.PROJECT / ".marketdata" / "tests")
    servers = None
    wanted = {name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)}
    if wanted and os.environ.get("MARKETDATA_TEST_SERVERS") != "off":
        servers = _until_the_end.enter_context(private())
        os.environ.update({name: url for name, url in servers.environment().items() if not os.environ.get(name)})
    environment.prepare(with_servers=False)
    return servers


_servers = _start()


@pytest.fixture(scope="session")
def servers() -> Servers:
    """The private pair, for tests that stop or restart a server."""
    if _servers is None:
        pytest.skip("the servers are not ours to restart: DATABASE_URL and REDIS_URL are set")
    return _servers


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail instead of skip where everything has to be there."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("MARKETDATA_REQUIRE_TOOLS") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped, but MARKETDATA_REQUIRE_TOOLS=1 lets nothing be skipped: {report.longrepr}"
    return report


def pytest_unconfigure() -> None:
    """Stop the servers."""
    _until_the_end.close()
