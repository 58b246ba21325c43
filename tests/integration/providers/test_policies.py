"""Versions of the policy in Postgres: what a reload stores, what it refuses, and what running code sees of it."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from providers.market.types import Capability
from providers.models import ActivePolicy, PolicyVersion, ProcessVersion, Provider, ProviderState, ReloadAttempt, RoutingPolicy
from providers.policy import Snapshot
from providers.selectors import ranks, route
from providers.selectors.versions import Following, difference, status
from providers.services import policies, process_versions
from tests.integration.providers.policy_rows import NOW, NUMBER, make_rows, order, reload

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def env_file(settings, tmp_path) -> Path:
    """An env file that is not there yet."""
    settings.ENV_FILE, settings.ENV_FILE_IS_NAMED = tmp_path / ".env", False
    return settings.ENV_FILE


@pytest.fixture
def policy() -> RoutingPolicy:
    return make_rows()


class TestReload:
    """From the draft to a version that runs."""

    def test_nobody_is_asked_before_a_version_is_active(self, policy):
        assert policies.current() == Snapshot()
        assert route(policies.current(), capability=Capability.BARS_1M, tier="T0") == []

    def test_draft_becomes_the_version_that_is_asked_by(self, policy):
        result = reload()
        assert (result.ok, result.policy_version, result.error) == (True, str(NUMBER), None)
        assert order() == ("polygon", "alpaca")
        assert policies.current().number == NUMBER
        names = [one.name for one in route(policies.current(), capability=Capability.BARS_1M, tier="T0")]
        assert names == ["polygon", "alpaca"]

    def test_edited_rows_change_nothing_before_a_reload(self, policy):
        reload()
        RoutingPolicy.objects.update(providers=["alpaca"])
        Provider.objects.filter(name="polygon").update(is_enabled=False, rate_per_minute=1)
        snapshot = policies.current()
        assert (order(), snapshot.providers["polygon"].is_enabled) == (("polygon", "alpaca"), True)
        assert policies.draft_differs()
        reload()
        assert (order(), policies.draft_differs()) == (("alpaca",), False)
        assert not policies.current().providers["polygon"].is_enabled

    def test_disabled_provider_is_not_asked_and_keeps_its_rank(self, policy):
        Provider.objects.filter(name="polygon").update(is_enabled=False)
        reload()
        (one,) = route(policies.current(), capability=Capability.BARS_1M, tier="T0")
        assert (one.name, one.rank) == ("alpaca", 1)
        assert sorted(ranks(policies.current(), capability=Capability.BARS_1M, tier="T0").values()) == [0, 1]
        assert route(policies.current(), capability=Capability.BARS_1M, tier="T0", only="polygon") == []

    def test_number_grows_when_two_reloads_fall_into_one_second_or_the_clock_goes_back(self, policy):
        numbers = [int(reload(now=NOW - i * timedelta(hours=1)).policy_version or 0) for i in range(3)]
        assert numbers == [NUMBER, NUMBER + 1, NUMBER + 2]
        assert policies.current().number == NUMBER + 2
        assert ActivePolicy.objects.count() == 1

    def test_version_keeps_its_author_its_way_and_what_it_changed(self, policy):
        reload()
        RoutingPolicy.objects.update(providers=["alpaca"])
        reload()
        row = PolicyVersion.objects.first()
        assert (row.author, row.through, row.created_at) == ("ada", "command", NOW)
        (change,) = row.diff
        assert change == {
            "what": "policy bars_1m for all tiers",
            "before": ["polygon", "alpaca"],
            "after": ["alpaca"],
            "source": "routing policy row",
        }

    def test_dry_run_changes_nothing_and_says_everything(self, policy, monkeypatch):
        reload()
        before = policies.current()
        monkeypatch.setenv("POLICY_BARS_1M", "alpaca")
        result = reload(dry_run=True)
        assert (result.ok, result.policy_version, [c.source for c in result.changes]) == (
            True, None, ["POLICY_BARS_1M (environment)"],
        )  # fmt: skip
        monkeypatch.setenv("POLICY_BARS_1M", "bogus,nobody")
        assert reload(dry_run=True).faults == (
            "unknown provider 'bogus' in POLICY_BARS_1M",
            "unknown provider 'nobody' in POLICY_BARS_1M",
        )
        assert policies.current() is before
        assert (PolicyVersion.objects.count(), ReloadAttempt.objects.count()) == (1, 1)

    @pytest.mark.parametrize(
        ("variables", "error"),
        [
            ({"POLICY_BARS_1M": "polygon,bogus"}, "unknown provider 'bogus' in POLICY_BARS_1M"),
            ({"POLICY_BARS_1M": ""}, "no provider in POLICY_BARS_1M: expected at least one"),
            ({"POLICY_BARS_1M_T0": "alpaca,alpaca"}, "provider 'alpaca' stands twice in POLICY_BARS_1M_T0"),
            ({"POLICY_BARS_2M": "alpaca"}, "unknown variable POLICY_BARS_2M: "),
            ({"BREAKER_DEMOTE_THRESHOLD": "0.9"}, "BREAKER_DEMOTE_THRESHOLD must be below BREAKER_PROMOTE_THRESHOLD"),
            ({"BREAKER_PROMOTE_THRESHOLD": "1.5"}, "BREAKER_PROMOTE_THRESHOLD must lie between 0.0 and 1.0, got 1.5"),
        ],
    )
    def test_refused_candidate_leaves_the_version_before_and_says_why(self, policy, monkeypatch, variables, error):
        reload()
        for name, text in variables.items():
            monkeypatch.setenv(name, text)
        result = reload()
        assert (result.ok, result.policy_version) == (False, None)
        assert result.error is not None
        assert result.error.startswith(error)
        assert (policies.current().number, PolicyVersion.objects.count()) == (NUMBER, 1)
        attempt = ReloadAttempt.objects.first()
        assert (attempt.is_ok, attempt.error, attempt.author, attempt.version) == (False, result.error, "ada", None)

    def test_unknown_provider_of_a_row_is_named_with_the_row(self, policy):
        RoutingPolicy.objects.update(providers=["polygon", "bogus"])
        assert reload().error == "unknown provider 'bogus' in the routing policy of bars_1m for all tiers"

    def test_negative_rate_reaches_no_row(self, policy):
        with pytest.raises(IntegrityError), transaction.atomic():
            Provider.objects.filter(name="polygon").update(rate_per_minute=-5)

    def test_isolated_provider_is_readmitted_when_a_version_becomes_active(self, policy, monkeypatch):
        state = ProviderState.objects.create(
            provider=Provider.objects.get(name="polygon"), capability="bars_1m", isolated_at=NOW, isolated_reason="bad key"
        )
        monkeypatch.setenv("POLICY_BARS_1M", "bogus")
        reload()
        state.refresh_from_db()
        assert state.isolated_reason == "bad key"
        monkeypatch.delenv("POLICY_BARS_1M")
        reload()
        state.refresh_from_db()
        assert (state.isolated_at, state.isolated_reason) == (None, "")

    def test_old_attempts_are_forgotten(self, policy):
        reload()
        reload(now=NOW + timedelta(days=91))
        assert [attempt.version for attempt in ReloadAttempt.objects.all()] == [NUMBER + 91 * 86_400]


class TestEnvFile:
    """Overrides that stand in the file."""

    def test_file_is_read_anew_at_every_reload_and_named_as_the_source(self, policy, env_file):
        reload()
        env_file.write_text("# who is asked\nexport POLICY_BARS_1M='alpaca'\nBREAKER_DEMOTE_THRESHOLD=0.5\nOTHER=1\n")
        result = reload()
        assert [change.source for change in result.changes] == [
            "BREAKER_DEMOTE_THRESHOLD (file .env)",
            "POLICY_BARS_1M (file .env)",
        ]
        assert (order(), policies.current().demote) == (("alpaca",), 0.5)
        env_file.write_text("POLICY_BARS_1M=polygon\n")
        reload()
        assert (order(), policies.current().demote) == (("polygon",), 0.70)

    def test_environment_wins_over_the_file(self, policy, env_file, monkeypatch):
        env_file.write_text("POLICY_BARS_1M=alpaca\n")
        monkeypatch.setenv("POLICY_BARS_1M", "polygon")
        reload()
        assert order() == ("polygon",)

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (b"POLICY_BARS_1M=alpaca\n=what\n", "line 2 of .env is not NAME=value"),
            (b"POLICY_BARS_1M='alpaca\n", "line 1 of .env is not NAME=value"),
            (b"A=\xff\n", "can't be read: not UTF-8"),
            (b"POLICY_BARS_1M\n", "no provider in POLICY_BARS_1M"),
        ],
    )
    def test_file_that_can_not_be_read_whole_is_refused(self, policy, env_file, content, fault):
        env_file.write_bytes(content)
        error = reload().error
        assert error is not None
        assert fault in error

    def test_file_that_is_named_must_be_there(self, policy, env_file, settings):
        assert reload().ok
        settings.ENV_FILE_IS_NAMED = True
        assert reload().error == f"MARKETDATA_ENV_FILE: {env_file} can't be read: no such file"

    def test_secrets_of_the_file_are_used_as_of_the_last_reload_and_stored_nowhere(self, policy, env_file, monkeypatch):
        def key() -> str | None:
            return route(policies.current(), capability=Capability.BARS_1M, tier="")[0].account.credentials.get("api_key")

        monkeypatch.delenv("POLYGON_API_KEY", raising=False)
        env_file.write_text("POLYGON_API_KEY=of-the-file$${x}\n")
        reload()
        assert key() == "of-the-file$${x}"
        env_file.write_text("POLYGON_API_KEY=rotated\n")
        assert key() == "of-the-file$${x}"
        reload()
        assert key() == "rotated"
        monkeypatch.setenv("POLYGON_API_KEY", "of-the-process")
        assert key() == "of-the-process"
        monkeypatch.setenv("POLYGON_API_KEY", "")
        assert key() == "rotated"
        stored = [str(row) for row in PolicyVersion.objects.values_list("content", "diff")]
        assert not any("of-the-file" in text or "rotated" in text for text in stored)


class TestRollback:
    """Back to a version that ran before."""

    def test_version_before_runs_again_and_the_draft_stays(self, policy):
        reload()
        RoutingPolicy.objects.update(providers=["alpaca"])
        reload()
        result = policies.activate(NUMBER, author="ada", through="admin", now=NOW + SECOND)
        assert (result.ok, result.policy_version) == (True, str(NUMBER))
        assert (order(), policies.current().number) == (("polygon", "alpaca"), NUMBER)
        assert policies.draft_differs()
        assert [str(change.after) for change in policies.changes()] == ["['alpaca']"]
        assert reload(now=NOW + SECOND).policy_version == str(NUMBER + 2)

    def test_version_whose_provider_is_gone_is_refused(self, policy):
        reload()
        RoutingPolicy.objects.update(providers=["alpaca"])
        Provider.objects.filter(name="polygon").delete()
        reload()
        result = policies.activate(NUMBER, author="ada", through="admin", now=NOW)
        assert (result.ok, result.error) == (False, "provider 'polygon' was deleted since")
        assert policies.current().number == NUMBER + 1

    def test_unknown_version_is_not_found(self, policy):
        with pytest.raises(PolicyVersion.DoesNotExist):
            policies.activate(7, author="ada", through="admin", now=NOW)

    def test_difference_is_told_against_the_active_version_or_another(self, policy):
        reload()
        RoutingPolicy.objects.update(providers=["alpaca"])
        reload()
        assert [change.after for change in difference(NUMBER)] == [["polygon", "alpaca"]]
        assert [change.after for change in difference(NUMBER + 1, against=NUMBER)] == [["alpaca"]]
        assert difference(NUMBER + 1) == []


class TestStart:
    """The first start, and simulated vendors that move."""

    def test_draft_is_activated_once(self, policy):
        assert policies.start(author="up", now=NOW).policy_version == str(NUMBER)
        RoutingPolicy.objects.update(providers=["alpaca"])
        assert policies.start(author="up", now=NOW) is None
        assert order() == ("polygon", "alpaca")

    def test_nothing_is_activated_when_there_is_no_policy(self):
        assert policies.start(author="up", now=NOW) is None
        assert not ReloadAttempt.objects.exists()

    def test_refused_first_draft_says_why(self, policy, monkeypatch):
        monkeypatch.setenv("POLICY_BARS_1M", "bogus")
        result = policies.start(author="up", now=NOW)
        assert result.error == "unknown provider 'bogus' in POLICY_BARS_1M"
        assert policies.current() == Snapshot()

    def test_moved_address_takes_no_unfinished_edit_along(self, policy):
        reload()
        RoutingPolicy.objects.update(providers=["alpaca"])
        policies.move(base_urls={"polygon": "http://127.0.0.1:9"}, author="demo", now=NOW)
        assert order() == ("polygon", "alpaca")
        assert policies.current().providers["polygon"].base_url == "http://127.0.0.1:9"
        assert policies.move(base_urls={"polygon": "http://127.0.0.1:9"}, author="demo", now=NOW) is None


class TestReading:
    """What a task pays, and what an operator sees."""

    def test_snapshot_costs_one_query_and_the_same_object_comes_back(self, policy, django_assert_num_queries):
        reload()
        first = policies.current()
        with django_assert_num_queries(1):
            assert policies.current() is first
        with django_assert_num_queries(0):
            route(first, capability=Capability.BARS_1M, tier="T0")
            ranks(first, capability=Capability.BARS_1M, tier="T0")

    def test_process_reports_when_its_version_changes_or_time_has_passed(self, policy, django_assert_num_queries):
        reload()
        policies.current()
        process_versions.report_process(now=NOW, every=timedelta(0))
        with django_assert_num_queries(0):
            process_versions.report_process(now=NOW + 29 * SECOND)
        process_versions.report_process(now=NOW + 30 * SECOND)
        assert ProcessVersion.objects.get().seen_at == NOW + 30 * SECOND
        reload()
        policies.current()
        process_versions.report_process(now=NOW + 31 * SECOND)
        assert ProcessVersion.objects.get().version == NUMBER + 1

    def test_status_tells_who_lags_and_who_is_gone(self, policy):
        reload()
        for process, version, age in (("a", NUMBER, 0), ("b", NUMBER - 1, 60), ("c", NUMBER, 301), ("d", None, 0)):
            seen = NOW - age * SECOND
            ProcessVersion.objects.create(process=process, host="h", role="worker", version=version, seen_at=seen)
        found = {one.process: one.following for one in status(now=NOW).processes}
        assert found == {"a": Following.CURRENT, "b": Following.LAGGING, "c": Following.GONE, "d": Following.LAGGING}
