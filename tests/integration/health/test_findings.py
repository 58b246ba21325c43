"""What single checks of `doctor` find, where a whole installation would be too much to set up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import override_settings

from collector.models import Instrument
from marketdata_site.observability.version import VERSION
from ops.health import machine, routes, servers
from ops.health.finding import Severity
from providers.models import ActivePolicy, ProcessVersion, RoutingPolicy
from providers.services import policies
from tests.feed_support import valkey
from tests.integration.collector.rows import make_policy, make_provider, make_series

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
BALLAST_BYTES = 64 << 20
EXABYTE = 1 << 60


def test_disk_is_judged_by_the_fullest_one_and_by_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    paths = [tmp_path, tmp_path / "not" / "yet"]
    assert machine.look_at_disks(paths, low=1, empty=0).severity is Severity.OK
    assert machine.look_at_disks(paths, low=EXABYTE, empty=0).severity is Severity.WARNING
    assert machine.look_at_disks(paths, low=EXABYTE, empty=EXABYTE).severity is Severity.ERROR


def test_home_that_everybody_may_change_is_an_error_and_one_that_they_may_read_is_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert machine.look_at_home(tmp_path).severity is Severity.OK
    tmp_path.chmod(0o757)
    assert machine.look_at_home(tmp_path).severity is Severity.ERROR


def test_secret_that_its_group_may_read_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    key = tmp_path / "secret-key"
    key.write_text("x")
    key.chmod(0o640)
    finding = machine.look_at_home(tmp_path)
    assert (finding.severity, finding.advice) == (Severity.WARNING, f"chmod 600 {key}")
    key.chmod(0o600)
    assert machine.look_at_home(tmp_path).severity is Severity.OK


@pytest.mark.parametrize("key", ["django-insecure-" + "x7" * 30, "short", "ab" * 40])
def test_secret_key_that_can_be_guessed_is_an_error(key: str) -> None:
    with override_settings(SECRET_KEY=key):
        assert machine.look_at_secret_key().severity is Severity.ERROR


def test_no_active_policy_is_an_error_and_a_draft_that_would_be_refused_a_warning() -> None:
    assert routes.look_at_policy().severity is Severity.ERROR
    make_provider("polygon")
    make_policy("polygon")
    assert routes.look_at_policy().severity is Severity.OK
    RoutingPolicy.objects.update(providers=["bogus"])
    finding = routes.look_at_policy()
    assert finding.severity is Severity.WARNING
    assert "bogus" in finding.detail


def test_order_for_a_tier_that_does_not_exist_is_a_warning() -> None:
    make_provider("polygon")
    make_policy("polygon", tier="T1")
    assert routes.look_at_policy().severity is Severity.OK
    make_policy("polygon", tier="T11")
    finding = routes.look_at_policy()
    assert (finding.severity, "T11" in finding.found) == (Severity.WARNING, True)


@pytest.mark.usefixtures("_no_key")
def test_only_providers_that_may_be_asked_need_their_keys() -> None:
    make_provider("polygon", credentials={"api_key": "NO_SUCH_KEY"})
    make_provider("alpaca", is_enabled=False, credentials={"key_id": "NO_SUCH_ID", "secret_key": "NO_SUCH_SECRET"})
    make_policy("alpaca")
    assert routes.look_at_credentials().severity is Severity.OK
    make_policy("polygon", "alpaca", capability="bars_1d")
    assert routes.look_at_credentials().found == "polygon lacks NO_SUCH_KEY"


@pytest.fixture
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_SUCH_KEY", "NO_SUCH_ID", "NO_SUCH_SECRET"):
        monkeypatch.delenv(name, raising=False)


def _process(name: str, *, version: int | None, code: str = VERSION, seen: timedelta = timedelta(0)) -> None:
    ProcessVersion.objects.create(process=name, host="h", role="worker", version=version, code=code, seen_at=NOW - seen)


@pytest.fixture
def active() -> int:
    """A version that became active ten minutes ago."""
    make_provider("polygon")
    make_policy("polygon")
    ActivePolicy.objects.update(activated_at=NOW - timedelta(minutes=10))
    number = policies.current().number
    assert number is not None
    return number


def test_processes_of_one_version_do_not_drift_and_those_that_are_gone_do_not_count(active: int) -> None:
    _process("a", version=active)
    _process("gone", version=active - 1, code="0.0.1", seen=timedelta(minutes=6))
    assert routes.look_at_drift(now=NOW).severity is Severity.OK


def test_process_that_runs_another_policy_or_another_program_is_named(active: int) -> None:
    _process("a", version=active)
    _process("b", version=active - 1)
    _process("c", version=active, code="")
    finding = routes.look_at_drift(now=NOW)
    assert finding.severity is Severity.WARNING
    assert finding.detail == f"b runs policy {active - 1}; c is of version unknown"


def test_process_that_has_not_begun_a_job_since_a_reload_a_moment_ago_does_not_drift_yet(active: int) -> None:
    ActivePolicy.objects.update(activated_at=NOW - timedelta(seconds=20))
    _process("a", version=active - 1, seen=timedelta(seconds=30))
    assert routes.look_at_drift(now=NOW).severity is Severity.OK
    _process("b", version=active - 1, seen=timedelta(seconds=10))
    assert routes.look_at_drift(now=NOW).detail == f"b runs policy {active - 1}"


def test_calendar_that_is_not_known_is_told() -> None:
    series = make_series("AAPL")
    Instrument.objects.filter(pk=series.instrument_id).update(calendar="XNOWHERE")
    finding = routes.look_at_calendars(now=NOW)
    assert finding.severity is Severity.WARNING
    assert "XNOWHERE" in finding.detail


def test_valkey_that_is_full_or_forgets_is_told() -> None:
    server = valkey()
    before = server.config_get("maxmemory*")
    try:
        server.set("ballast", b"x" * BALLAST_BYTES)  # beside which a client's buffers do not matter
        server.config_set("maxmemory", int(server.info("memory")["used_memory"] * 1.05))
        assert servers.look_at_stream().severity is Severity.WARNING
        server.config_set("maxmemory", 1)
        assert servers.look_at_stream().severity is Severity.ERROR
        server.config_set("maxmemory", 1 << 33)
        server.config_set("maxmemory-policy", "allkeys-lru")
        assert "forgets" in servers.look_at_stream().found
    finally:
        for name in ("maxmemory", "maxmemory-policy"):
            server.config_set(name, before[name])
        server.delete("ballast")
    assert servers.look_at_stream().severity is Severity.OK
