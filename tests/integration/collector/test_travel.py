"""A job's way through the providers: what is left unasked says why, and waits for tokens are short where others wait behind."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collector.services.failover import NOT_ASKED, PATIENCE_S, Journey, Turn, travel
from marketdata_site.observability.metrics import page
from providers.errors import VendorFault
from providers.fetching import ProviderResult
from providers.health import Tally
from providers.lanes import Lane
from providers.loop import EventLoopThread
from providers.market.types import MINUTE_US, BarBatch, Micros, from_us
from providers.models import Provider, ProviderState
from providers.outcomes import Outcome, Seen
from providers.policy import Snapshot
from providers.routing import Use
from providers.services import policies, probes
from providers.services.choosing import Choice, look
from providers.services.standings import report
from tests.builders import us
from tests.integration.collector.rows import make_policy, make_provider, reload_policies

pytestmark = pytest.mark.django_db

NOW = us("2025-10-08 14:00")
BARS = "bars_1m"
SYMBOLS = [f"S{i}" for i in range(9)]
SYMBOLS_A_CALL = 2


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.services.failover.now_us", lambda: NOW)


def _policy(*names: str) -> Snapshot:
    for name in names:
        make_provider(name, adapter="polygon")
    make_policy(*names)
    return policies.current()


def _half_open(name: str) -> Provider:
    provider, before = Provider.objects.get(name=name), NOW - 2 * MINUTE_US
    failures = Tally(seen=tuple(Seen(before + i, Outcome.VENDOR_ERROR) for i in range(5)))
    report(provider_id=provider.pk, capability=BARS, tally=failures, use=Use.NORMAL, promote=0.85, now=before + 10)
    return provider


def _choice(snapshot: Snapshot, *, lane: Lane = Lane.HISTORY, now: Micros = NOW) -> Choice:
    return look(snapshot, capability=BARS, tier="T0", lane=lane, now=now)


def _went(choice: Choice, *, takes: bool = True, is_well: bool = True) -> tuple[dict[str, str], list[Turn]]:
    """What is left wanted, and the turns that were asked."""
    turns: list[Turn] = []

    def ask(turn: Turn) -> ProviderResult[BarBatch]:
        turns.append(turn)
        fault = VendorFault(f"{turn.candidate.name} answered 500")
        for _ in turn.names:
            if is_well:
                turn.watch.went_well(at=NOW, elapsed_s=0.1, symbols=1, due=0, fresh=0, now=NOW)
            elif turn.watch.stopped is None:
                turn.watch.failed(fault, at=NOW, elapsed_s=0.1, symbols=1, now=NOW)
        return ProviderResult(
            candidate=turn.candidate,
            batch=BarBatch.empty(),
            answered=frozenset(turn.names if is_well else ()),
            failed={} if is_well else dict.fromkeys(turn.names, fault),
            asked_at=NOW,
            received_at=NOW,
            vendor_time=None,
            is_delayed=False,
            calls=1,
            tally=turn.watch.tally(),
            unsent={} if is_well else {"over_budget": 3},
        )

    wanted = dict.fromkeys(SYMBOLS, NOT_ASKED)
    journey = Journey(
        promote=0.85,
        loop=EventLoopThread(),
        takes=lambda *_: takes,
        ask=ask,
        take_in=lambda answer: answer.answered,
        size=lambda _: SYMBOLS_A_CALL,
    )
    travel(choice, journey, wanted)
    return {name: str(why) for name, why in wanted.items()}, turns


def test_symbols_beyond_a_probe_say_that_it_comes_first() -> None:
    snapshot = _policy("first")
    _half_open("first")

    wanted, turns = _went(_choice(snapshot))

    assert len(turns) == 1
    assert set(wanted) == set(SYMBOLS) - set(turns[0].names)
    assert set(wanted.values()) == {"first: its breaker is half-open, a probe of a few symbols comes first"}


def test_job_that_lost_the_race_for_the_probe_says_so() -> None:
    snapshot = _policy("first")
    provider = _half_open("first")
    choice = _choice(snapshot)
    assert probes.take(provider_id=provider.pk, capability=BARS, holder="another", now=NOW)

    wanted, turns = _went(choice)

    assert turns == []
    assert set(wanted) == set(SYMBOLS)
    assert {"half-open" in why for why in wanted.values()} == {True}


def test_symbols_beyond_a_failed_probe_say_what_stopped_it() -> None:
    snapshot = _policy("first")
    _half_open("first")

    wanted, turns = _went(_choice(snapshot), is_well=False)

    unasked = {why for name, why in wanted.items() if name not in turns[0].names}
    assert unasked == {"first failed too often in this job, its circuit breaker opened"}


def test_symbols_that_no_provider_may_be_asked_for_say_why() -> None:
    snapshot = _policy("first")

    assert set(_went(_choice(snapshot), takes=False)[0].values()) == {
        "first: its prices or its feed are not those that the series is made of"
    }
    assert set(_went(_choice(Snapshot()))[0].values()) == {"no provider in the policy for bars_1m of T0"}


def test_probe_of_a_history_job_waits_for_tokens_no_longer_than_live_work_does() -> None:
    snapshot = _policy("first", "second")
    _half_open("first")

    _, turns = _went(_choice(snapshot))

    assert [turn.toll._patience_s for turn in turns] == [PATIENCE_S[Lane.LIVE], PATIENCE_S[Lane.HISTORY]]


def test_provider_that_fails_in_its_probe_is_not_asked_gently_in_the_same_job() -> None:
    snapshot = _policy("first")
    _half_open("first")
    choice = _choice(snapshot, lane=Lane.LIVE)
    assert [step.use for step in choice.decision.steps] == [Use.PROBE, Use.GENTLE]

    assert len(_went(choice, is_well=False)[1]) == 1


def _refusals() -> dict[tuple[str, str], float]:
    """By provider and code."""
    families = text_string_to_metric_families(page().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "provider_refusals_total"]
    assert {sample.labels["capability"] for sample in samples} <= {BARS}
    return {(sample.labels["provider"], sample.labels["code"]): sample.value for sample in samples}


def _refused(choice: Choice, **options: bool) -> dict[tuple[str, str], float]:
    """What a job added to the counter."""
    before = _refusals()
    _went(choice, **options)
    return {key: value - before.get(key, 0) for key, value in _refusals().items() if value > before.get(key, 0)}


def _isolated(name: str) -> None:
    report(
        provider_id=(one := Provider.objects.get(name=name)).pk,
        capability=BARS,
        tally=Tally(),
        use=Use.NORMAL,
        promote=0.85,
        now=NOW,
    )
    ProviderState.objects.filter(provider=one).update(isolated_at=from_us(NOW), isolated_reason="bad key")


def test_requests_that_isolation_keeps_back_count_where_the_turn_of_their_provider_came() -> None:
    snapshot = _policy("first", "second", "third")
    _isolated("first")
    _isolated("third")

    assert _refused(_choice(snapshot)) == {("first", "isolated"): 5}  # nine symbols, two a call; the second settled all


def test_requests_count_for_everybody_who_was_kept_back_when_nobody_settles_the_symbols() -> None:
    snapshot = _policy("first", "second", "third")
    _isolated("first")
    _isolated("third")

    found = _refused(_choice(snapshot), is_well=False)

    assert found == {("first", "isolated"): 5, ("second", "over_budget"): 3, ("third", "isolated"): 5}


def test_requests_of_a_job_that_lost_the_race_for_the_probe_count_as_kept_back_by_the_breaker() -> None:
    snapshot = _policy("first", "second")
    provider = _half_open("first")
    choice = _choice(snapshot)
    assert probes.take(provider_id=provider.pk, capability=BARS, holder="another", now=NOW)

    assert _refused(choice) == {("first", "circuit_open"): 5}


def test_requests_that_an_operator_or_the_provider_itself_rules_out_are_not_kept_back() -> None:
    snapshot = _policy("first", "second")
    _isolated("first")
    assert _refused(_choice(snapshot), takes=False) == {}

    Provider.objects.filter(name="first").update(is_enabled=False)
    reload_policies()
    assert _refused(_choice(policies.current())) == {}
