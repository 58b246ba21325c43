"""What calls said about providers, in the rows that all workers share."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction

from providers.breaker import Phase
from providers.errors import AuthFailed, NotEntitled, ProviderError, VendorFault
from providers.health import Tally
from providers.lanes import Lane
from providers.market.types import MINUTE_US, SECOND_US, Micros, from_us
from providers.models import HealthSample, Incumbent, Provider, ProviderState, RoutingPolicy
from providers.outcomes import Outcome, Seen
from providers.policy import Snapshot
from providers.routing import Use
from providers.services import overrides, policies, probes, sampling, standings
from providers.services.choosing import choose, look
from providers.watch import MAX_CONCURRENT_CALLS
from tests.builders import us
from tests.integration.collector.rows import make_policy, make_provider

pytestmark = pytest.mark.django_db
many_connections = pytest.mark.django_db(transaction=True)

NOW = us("2025-10-08 14:00")
BARS = "bars_1m"


def _tally(outcome: Outcome, count: int, *, at: Micros = NOW) -> Tally:
    return Tally(seen=tuple(Seen(at + i, outcome) for i in range(count)))


def _report(provider: Provider, outcome: Outcome, count: int, *, now: Micros = NOW, **rest: object) -> standings.State:
    values = {"use": Use.NORMAL, "promote": 0.85, **rest}
    tally = _tally(outcome, count, at=now)
    return standings.report(provider_id=provider.pk, capability=BARS, tally=tally, now=now + SECOND_US, **values)


def _policy(*names: str) -> Snapshot:
    for name in names:
        make_provider(name, adapter="polygon")
    make_policy(*names)
    return policies.current()


def _choose(snapshot: Snapshot, *, now: Micros = NOW, lane: Lane = Lane.LIVE) -> list[tuple[str, Use]]:
    choice = choose(snapshot, capability=BARS, tier="T0", lane=lane, now=now)
    return [(step.provider, step.use) for step in choice.decision.steps]


@many_connections
def test_reports_of_many_workers_at_once_are_all_counted() -> None:
    provider = make_provider()

    def work(number: int) -> None:
        try:
            for i in range(5):
                _report(provider, Outcome.OK, 2, now=NOW + (5 * number + i) * 1_000)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    row = ProviderState.objects.get()
    assert row.memory["health"]["slow"]["calls"] == pytest.approx(40, rel=0.01)
    assert sum(calls for _, calls, _ in row.memory["breaker"]["recent"]) == 40


def test_breaker_opens_in_the_row_and_the_log_says_until_when(caplog: pytest.LogCaptureFixture) -> None:
    provider = make_provider()

    _report(provider, Outcome.VENDOR_ERROR, 5)

    row = ProviderState.objects.get()
    assert row.phase == "open"
    assert row.open_until is not None
    assert 30 <= (row.open_until - from_us(NOW + SECOND_US)).total_seconds() <= 33
    told = [r for r in caplog.records if getattr(r, "action", "").startswith("breaker")]
    assert [r.action for r in told] == ["breaker_open"]
    assert told[0].getMessage().startswith("the breaker of polygon for bars_1m is open until ")
    assert "vendor_error 5" in told[0].getMessage()


def test_worker_that_is_stopped_in_a_report_loses_the_row_soon() -> None:
    provider = make_provider()

    standings.locked(provider_id=provider.pk, capability=BARS)

    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("5s",)


def test_next_provider_is_asked_while_a_breaker_is_open_and_one_probe_goes_first_when_its_time_is_over() -> None:
    snapshot = _policy("first", "second")
    first = Provider.objects.get(name="first")

    _report(first, Outcome.VENDOR_ERROR, 5)

    assert _choose(snapshot, now=NOW + 10 * SECOND_US) == [("second", Use.NORMAL)]
    assert _choose(snapshot, now=NOW + 40 * SECOND_US) == [("first", Use.PROBE), ("second", Use.NORMAL)]
    assert Incumbent.objects.get().provider.name == "second"


@many_connections
def test_only_one_of_many_gets_the_probe_until_it_is_released_or_runs_out() -> None:
    provider = make_provider()
    _report(provider, Outcome.VENDOR_ERROR, 5)
    later = NOW + MINUTE_US

    def take(number: int) -> bool:
        try:
            return probes.take(provider_id=provider.pk, capability=BARS, holder=f"worker {number}", now=later)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(take, range(8)))

    assert sum(got) == 1
    holder = f"worker {got.index(True)}"
    probes.release(provider_id=provider.pk, capability=BARS, holder="somebody else")
    assert not take(9)
    probes.release(provider_id=provider.pk, capability=BARS, holder=holder)
    assert take(9)
    lapsed = later + round(probes.LEASE.total_seconds() * SECOND_US)
    assert not probes.take(provider_id=provider.pk, capability=BARS, holder="b", now=lapsed - 1)
    assert probes.take(provider_id=provider.pk, capability=BARS, holder="b", now=lapsed)


def test_probe_is_not_to_be_had_before_the_breakers_time_is_over() -> None:
    provider = make_provider()
    _report(provider, Outcome.VENDOR_ERROR, 5)

    assert not probes.take(provider_id=provider.pk, capability=BARS, holder="a", now=NOW + 10 * SECOND_US)


def test_three_good_probes_close_the_breaker_and_calls_of_before_say_nothing() -> None:
    provider = make_provider()
    _report(provider, Outcome.VENDOR_ERROR, 5)
    later = NOW + MINUTE_US

    late = _report(provider, Outcome.VENDOR_ERROR, 5, now=NOW + 2 * SECOND_US)
    assert late.breaker.trips == 1
    state = _report(provider, Outcome.OK, 3, now=later, use=Use.PROBE)

    assert state.breaker.phase is Phase.CLOSED
    assert ProviderState.objects.get().phase == "closed"


def test_answer_to_live_work_that_could_not_wait_lets_the_probe_out_before_its_time() -> None:
    provider = make_provider()
    _report(provider, Outcome.VENDOR_ERROR, 5)
    soon = NOW + 10 * SECOND_US

    _report(provider, Outcome.OK, 3, now=soon, use=Use.NORMAL)
    assert not probes.take(provider_id=provider.pk, capability=BARS, holder="a", now=soon)
    _report(provider, Outcome.OK, 1, now=soon, use=Use.GENTLE)
    assert probes.take(provider_id=provider.pk, capability=BARS, holder="a", now=soon)


@pytest.mark.parametrize(
    ("error", "capabilities"), [(AuthFailed("bad key"), {BARS, "quotes_l1"}), (NotEntitled("not in the plan"), {BARS})]
)
def test_isolated_provider_is_not_asked_until_a_reload(error: AuthFailed | NotEntitled, capabilities: set[str]) -> None:
    snapshot = _policy("first", "second")
    first = Provider.objects.get(name="first")
    ProviderState.objects.create(provider=first, capability="quotes_l1")

    standings.isolate(provider_id=first.pk, capability=BARS, error=error, now=NOW, version=snapshot.number)

    assert {row.capability for row in ProviderState.objects.exclude(isolated_at=None)} == capabilities
    choice = look(snapshot, capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW)
    assert [step.provider for step in choice.decision.steps] == ["second"]
    assert str(error) in choice.decision.skipped[0].reason
    policies.reload(author="me", through="command", now=from_us(NOW))
    assert _choose(snapshot)[0] == ("first", Use.NORMAL)


def test_refusal_of_an_old_key_does_not_isolate_when_a_reload_came_between() -> None:
    before = _policy("first")
    first = Provider.objects.get(name="first")
    policies.reload(author="me", through="command", now=from_us(NOW))

    for version, is_isolated in ((before.number, False), (policies.current().number, True)):
        standings.isolate(provider_id=first.pk, capability=BARS, error=AuthFailed("bad key"), now=NOW, version=version)
        assert ProviderState.objects.exclude(isolated_at=None).exists() is is_isolated


def test_log_names_the_isolated_provider_and_why(caplog: pytest.LogCaptureFixture) -> None:
    snapshot = _policy("first")
    pk = Provider.objects.get(name="first").pk
    standings.isolate(provider_id=pk, capability=BARS, error=NotEntitled("no plan"), now=NOW, version=snapshot.number)

    assert [r.getMessage() for r in caplog.records if getattr(r, "action", "") == "provider_isolated"] == [
        "first is isolated for bars_1m: no plan"
    ]


def _isolating(*errors: ProviderError, lane: Lane = Lane.LIVE, answered: bool = False) -> ProviderError | None:
    return standings.isolating(errors, lane=lane, answered=answered)


def test_bad_key_isolates_whatever_else_was_said() -> None:
    bad_key = AuthFailed("x")

    assert _isolating(VendorFault("x"), bad_key, lane=Lane.HISTORY, answered=True) is bad_key
    assert _isolating(VendorFault("x"), VendorFault("x"), VendorFault("x")) is None


def test_refusal_of_the_plan_isolates_only_where_several_live_symbols_get_nothing_else() -> None:
    refused = [NotEntitled("x")] * 3

    assert _isolating(*refused) is refused[0]
    assert _isolating(*refused, lane=Lane.HISTORY) is None
    assert _isolating(*refused, answered=True) is None
    assert _isolating(*refused[:2]) is None


def test_breakers_stay_as_they_are_while_three_providers_cannot_be_reached() -> None:
    names = ["one", "two", "three"]
    providers = [make_provider(name, adapter="polygon") for name in names]
    for provider in providers[:2]:
        _report(provider, Outcome.LOCAL_ERROR, 1)

    _report(providers[2], Outcome.LOCAL_ERROR, 20, now=NOW + SECOND_US)
    assert ProviderState.objects.get(provider=providers[2]).phase == "closed"

    _report(providers[2], Outcome.LOCAL_ERROR, 20, now=NOW + 30 * SECOND_US)  # the others are silent by now
    assert ProviderState.objects.get(provider=providers[2]).phase == "open"


def _forced(provider: Provider, kind: Phase, minutes: int = 10) -> None:
    until = from_us(NOW) + timedelta(minutes=minutes)
    overrides.force(
        provider_id=provider.pk, capability=BARS, kind=kind, until=until, reason="maintenance", by="ann", now=from_us(NOW)
    )


def test_forced_open_holds_until_its_expiry_and_says_who_and_why() -> None:
    snapshot = _policy("first", "second")
    _forced(Provider.objects.get(name="first"), Phase.OPEN)

    choice = look(snapshot, capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW + MINUTE_US)
    assert [step.provider for step in choice.decision.steps] == ["second"]
    assert "maintenance" in choice.decision.skipped[0].reason
    assert _choose(snapshot, now=NOW + 10 * MINUTE_US)[0][0] == "first"


def test_forced_closed_is_asked_although_its_breaker_is_open() -> None:
    snapshot = _policy("first")
    first = Provider.objects.get(name="first")
    _report(first, Outcome.VENDOR_ERROR, 5)
    _forced(first, Phase.CLOSED)

    assert _choose(snapshot, now=NOW + 5 * SECOND_US) == [("first", Use.NORMAL)]
    overrides.unforce(provider_id=first.pk, capability=BARS)
    assert _choose(snapshot, now=NOW + 5 * SECOND_US) == [("first", Use.GENTLE)]


@pytest.mark.parametrize("later", [5 * SECOND_US, 2 * MINUTE_US])
def test_forced_closed_lets_as_many_calls_out_as_any_when_its_own_breaker_is_open_or_half_open(later: Micros) -> None:
    snapshot = _policy("first")
    first = Provider.objects.get(name="first")
    _report(first, Outcome.VENDOR_ERROR, 5)
    _forced(first, Phase.CLOSED)

    choice = look(snapshot, capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW + later)

    assert choice.watch(choice.decision.steps[0]).may_start(MAX_CONCURRENT_CALLS - 1)


@pytest.mark.parametrize("is_enabled", [True, False])
def test_provider_without_an_adapter_in_this_process_is_skipped_and_the_others_are_asked(is_enabled: bool) -> None:
    snapshot = _policy("first", "second")
    lost = replace(snapshot.providers["first"], adapter="gone", is_enabled=is_enabled)

    choice = look(
        replace(snapshot, providers={**snapshot.providers, "first": lost}),
        capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW,
    )  # fmt: skip

    assert [step.provider for step in choice.decision.steps] == ["second"]
    assert [(s.provider, s.reason) for s in choice.decision.skipped] == [("first", "this process has no adapter 'gone'")]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"reason": " "}, "reason"), ({"until": from_us(NOW)}, "expiry"), ({"kind": Phase.HALF_OPEN}, "half_open")],
)
def test_override_without_reason_or_end_is_refused(change: dict[str, object], message: str) -> None:
    provider = make_provider()
    values = {"kind": Phase.OPEN, "until": from_us(NOW + MINUTE_US), "reason": "why", **change}

    with pytest.raises(ValueError, match=message):
        overrides.force(provider_id=provider.pk, capability=BARS, by="ann", now=from_us(NOW), **values)
    assert not ProviderState.objects.exists()


def test_history_waits_where_live_asks_gently_when_all_breakers_are_open() -> None:
    snapshot = _policy("first")
    _report(Provider.objects.get(name="first"), Outcome.VENDOR_ERROR, 5)
    soon = NOW + 5 * SECOND_US

    assert _choose(snapshot, now=soon, lane=Lane.LIVE) == [("first", Use.GENTLE)]
    choice = look(snapshot, capability=BARS, tier="T0", lane=Lane.HISTORY, now=soon)
    assert choice.decision.steps == ()
    assert choice.decision.retry_at is not None


def test_new_order_holds_at_once_and_an_unchanged_one_keeps_its_first_place() -> None:
    snapshot = _policy("first", "second")
    make_policy("first", "second", capability="bars_1d")
    for capability in ("bars_1m", "bars_1d"):
        second = Provider.objects.get(name="second")
        Incumbent.objects.create(capability=capability, tier="T0", provider=second, since=from_us(NOW))
    assert _choose(snapshot) == [("first", Use.TRIAL), ("second", Use.NORMAL), ("first", Use.NORMAL)]

    RoutingPolicy.objects.filter(capability=BARS).update(providers=["first", "second", "third"])
    make_provider("third", adapter="polygon")
    assert policies.reload(author="me", through="command", now=from_us(NOW)).ok

    assert _choose(policies.current())[0] == ("first", Use.NORMAL)
    assert Incumbent.objects.get(capability="bars_1d").provider.name == "second"


def test_job_of_the_version_before_does_not_bring_its_first_place_back() -> None:
    before = _policy("first", "second")
    RoutingPolicy.objects.update(providers=["second", "first"])
    assert policies.reload(author="me", through="command", now=from_us(NOW)).ok

    assert _choose(before)[0] == ("first", Use.NORMAL)
    assert not Incumbent.objects.exists()
    assert _choose(policies.current())[0] == ("second", Use.NORMAL)
    assert Incumbent.objects.get().provider.name == "second"


def test_history_leaves_the_first_place_to_live_work() -> None:
    snapshot = _policy("first", "second")

    _choose(snapshot, lane=Lane.HISTORY)
    assert not Incumbent.objects.exists()
    _choose(snapshot, lane=Lane.LIVE)
    assert Incumbent.objects.get().provider.name == "first"


def test_looking_changes_nothing() -> None:
    snapshot = _policy("first", "second")

    look(snapshot, capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW)

    assert not Incumbent.objects.exists()
    assert not ProviderState.objects.exists()


def test_sample_is_taken_once_in_ten_seconds_of_who_is_in_use() -> None:
    snapshot = _policy("used", "idle")
    _report(Provider.objects.get(name="used"), Outcome.OK, 3)
    idle = Provider.objects.get(name="idle")
    _report(idle, Outcome.OK, 3, now=NOW - 11 * MINUTE_US)

    taken = [sampling.sample(snapshot, now=NOW + seconds * SECOND_US) for seconds in (2, 8, 12)]

    assert taken == [1, 0, 1]
    samples = HealthSample.objects.order_by("at")
    assert [sample.provider.name for sample in samples] == ["used", "used"]
    assert [sample.at.second for sample in samples] == [0, 10]
    assert samples[0].score == pytest.approx(samples[0].parts["value"], abs=1e-4)
    assert {"availability_fast", "completeness_slow", "freshness_fast", "quota"} <= set(samples[0].parts)


@many_connections
def test_report_and_sample_wait_for_no_writer_of_rows_that_refer_to_the_provider() -> None:
    snapshot = _policy("used")
    used = Provider.objects.get(name="used")
    _report(used, Outcome.OK, 3)

    def elsewhere() -> int:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            _report(used, Outcome.OK, 3)
            sampling.sample(snapshot, now=NOW + 2 * SECOND_US)
            return ProviderState.objects.filter(updated_at=from_us(NOW + 2 * SECOND_US)).count()
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        with connection.cursor() as cursor:  # as a foreign key's check does
            cursor.execute("SELECT 1 FROM providers_provider WHERE id = %s FOR KEY SHARE", [used.pk])
        assert pool.submit(elsewhere).result(60) == 1


@many_connections
def test_sample_is_taken_while_a_report_holds_the_row() -> None:
    snapshot = _policy("used")
    used = Provider.objects.get(name="used")
    _report(used, Outcome.OK, 3)

    def elsewhere() -> int:
        try:
            return sampling.sample(snapshot, now=NOW + 2 * SECOND_US)
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        standings.locked(provider_id=used.pk, capability=BARS)
        assert pool.submit(elsewhere).result(60) == 1
