"""`GET /health/ready` of a real web process, beside servers that are well, gone, mute or not as they should be."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test import Client

from collector.partitions import BARS, QUOTES, forget_known
from marketdata_site.embedded import Servers
from marketdata_site.observability.clock import now
from ops.health import database
from ops.health.finding import Severity
from ops.models import BeatTick
from tests.feed_support import valkey
from tests.integration.health.parts import ALL_PARTS, DATABASE_PARTS, asked, failing, make_well, mute_server, ready
from tests.waiting import wait_until
from tests.web_server import running

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 60
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture
def web() -> Iterator[str]:
    """All is well at first."""
    make_well()
    with running() as address:
        yield address
    forget_known()


def _wait_for(web: str, expected: set[str]) -> None:
    seen: set[str] = set()

    def is_so() -> bool:
        nonlocal seen
        seen = failing(web)
        return seen == expected

    wait_until(is_so, seconds=PATIENCE_S, what=f"the failure of {expected or 'nothing'}", every_s=0.2)


def test_service_is_ready_when_every_part_is_well_and_says_so_to_anybody_without_an_address(web: str, client: Client) -> None:
    status, parts = ready(web)
    assert (status, [part["found"] for part in parts.values() if not part["ok"]]) == (200, [])
    assert parts["beat"]["found"].startswith("beat rang ")
    text = client.get("/health/ready", **ELSEWHERE).content.decode()
    assert connection.settings_dict["HOST"] not in text
    assert connection.settings_dict["NAME"] not in text


def test_stopped_valkey_fails_broker_and_stream_and_nothing_else_until_it_is_back(web: str, servers: Servers) -> None:
    assert servers.valkey is not None
    servers.valkey.stop()
    try:
        _wait_for(web, {"broker", "stream"})
        assert asked(f"{web}/health")[0] == 200
    finally:
        servers.valkey.start()
    _wait_for(web, set())


def test_valkey_that_hangs_is_waited_for_no_longer_than_the_limit(web: str) -> None:
    pid = int(valkey().info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        _wait_for(web, {"broker", "stream"})
    finally:
        os.kill(pid, signal.SIGCONT)
    _wait_for(web, set())


def test_emptied_valkey_is_no_failure(web: str) -> None:
    valkey().flushall()
    assert ready(web)[0] == 200


def test_database_that_nobody_has_fails_all_that_is_in_it_and_names_no_address() -> None:
    secret = "postgresql://someone:hunter2-hunter2@127.0.0.1:1/nobodys"
    with running(DATABASE_URL=secret) as web:
        status, parts = ready(web)
        text = asked(f"{web}/health/ready")[1]
    assert (status, {name for name, part in parts.items() if not part["ok"]}) == (503, set(DATABASE_PARTS))
    assert parts["beat"]["found"] == "not looked at, because postgres failed"
    assert not any(word in text for word in ("127.0.0.1", "someone", "hunter2", "nobodys"))


def test_servers_that_take_a_connection_and_say_nothing_keep_nobody_waiting() -> None:
    with mute_server() as port:
        mute = {"DATABASE_URL": f"postgresql://x@127.0.0.1:{port}/x", "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        with running(**mute, CELERY_BROKER_URL=f"redis://127.0.0.1:{port}/1") as web:
            status, parts = ready(web)
            assert (status, {name for name, part in parts.items() if not part["ok"]}) == (503, set(ALL_PARTS))
            assert asked(f"{web}/health")[0] == 200


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _silence_beat() -> None:
    _execute("UPDATE ops_beattick SET at = clock_timestamp() - interval '1 hour'")


def _forget_beat() -> None:
    BeatTick.objects.all().delete()


def _lose(what: Callable[[], str]) -> Callable[[], None]:
    return lambda: _execute(f"DROP TABLE {what()}")


FAULTS = {
    "beat is silent": ("beat", _silence_beat, "silent for 3"),
    "beat never rang": ("beat", _forget_beat, "no beat has ever rung"),
    "this month's bars": ("partitions", _lose(lambda: BARS.partition_name(BARS.period_of(now()))), "1 of the partitions"),
    "next month's bars": ("partitions", _lose(lambda: BARS.partition_name(BARS.period_of(now()) + 1)), "1 of the partitions"),
    "tomorrow's quotes": ("partitions", _lose(lambda: QUOTES.partition_name(QUOTES.period_of(now()) + 1)), "1 of the"),
}


def test_what_is_wrong_in_the_database_fails_its_part_and_no_other(web: str) -> None:
    for part, break_it, found in FAULTS.values():
        break_it()
        _wait_for(web, {part})
        assert found in ready(web)[1][part]["found"]
        make_well()
        _wait_for(web, set())


@pytest.fixture
def applied() -> Iterator[None]:
    """The table of migrations comes back as it was."""
    _execute("CREATE TABLE kept AS SELECT * FROM django_migrations")
    yield
    _execute(
        "CREATE TABLE IF NOT EXISTS django_migrations (LIKE kept)",
        "DELETE FROM django_migrations",
        "INSERT INTO django_migrations SELECT * FROM kept",
        "DROP TABLE kept",
    )


@pytest.mark.usefixtures("applied")
def test_migration_that_is_not_applied_fails_and_one_of_a_newer_program_does_not(web: str) -> None:
    _execute("INSERT INTO django_migrations (app, name, applied) VALUES ('ops', '9999_of_tomorrow', now())")
    wait_until(
        lambda: "of a newer program" in ready(web)[1]["migrations"]["found"],
        seconds=PATIENCE_S,
        what="the newer one",
        every_s=0.2,
    )
    _wait_for(web, set())
    _execute("DELETE FROM django_migrations WHERE app = 'ops' AND name LIKE '0004%'")
    _wait_for(web, {"migrations"})
    assert ready(web)[1]["migrations"]["found"] == "1 migrations are not applied"


@pytest.mark.usefixtures("applied")
def test_database_without_any_migration_is_told_as_such() -> None:
    _execute("ALTER TABLE django_migrations RENAME TO lost_migrations")
    try:
        finding = database.look_at_migrations()
    finally:
        _execute("ALTER TABLE lost_migrations RENAME TO django_migrations")
    assert finding.severity is Severity.ERROR
    assert finding.found.endswith("migrations are not applied")
    assert "ops.0001_audit" in finding.detail


def test_table_that_is_locked_costs_a_moment_and_its_own_part(web: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE ops_beattick IN ACCESS EXCLUSIVE MODE")
        try:
            _wait_for(web, {"beat"})
        finally:
            cursor.execute("ROLLBACK")
    _wait_for(web, set())


@pytest.mark.parametrize(("shift", "side"), [(60, "ahead of"), (-60, "behind")])
def test_clock_that_is_apart_from_that_of_postgres_fails(shift: float, side: str) -> None:
    finding = database.look_at_clock(seconds=lambda: time.time() + shift)
    assert finding.severity is Severity.ERROR
    assert f"s {side} that of Postgres" in finding.found
    assert database.look_at_clock().severity is Severity.OK


def test_slow_answer_is_no_drift() -> None:
    moments = iter([time.time() - 60, time.time() + 60])
    assert database.look_at_clock(seconds=lambda: next(moments)).severity is Severity.OK


def test_clock_offset_is_no_drift_and_makes_no_beat_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    make_well()
    with running(MARKETDATA_CLOCK_OFFSET="-7200") as web:
        assert failing(web) <= {"partitions"}  # those of the shifted time, around midnight of a month's first day
