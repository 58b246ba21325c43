"""Whom a job asks, by the standing of each: one rule a test, and what always holds by hypothesis."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.breaker import Phase
from providers.health import Health
from providers.lanes import Lane
from providers.market.types import MINUTE_US, SECOND_US, Micros
from providers.routing import TRIAL_EVERY_US, Decision, Step, Use, decide
from providers.scoring import Score, score
from providers.standing import HOLD_US, LEAD_CALLS, Away, Standing, Thresholds

NOW = 1_700_000_000 * SECOND_US
T = Thresholds()
UNKNOWN = score(Health(), now=NOW)


def scored(value: float, *, slow: float | None = None, quota: float = 1.0, calls: float = 100.0) -> Score:
    slow = value if slow is None else slow
    return replace(UNKNOWN, value=quota * min(value, slow), fast=value, slow=slow, quota=quota, calls=calls)


def standing(provider: str, rank: int, value: float = 0.95, **known: Any) -> Standing:
    return Standing(provider=provider, rank=rank, score=scored(value), **known)


def decided(
    *standings: Standing,
    incumbent: str | None = "a",
    lane: Lane = Lane.LIVE,
    probe_free: frozenset[str] = frozenset("abcd"),
    now: Micros = NOW,
) -> Decision:
    return decide(standings, incumbent=incumbent, thresholds=T, now=now, lane=lane, probe_free=probe_free)


def told(decision: Decision) -> str:
    return " ".join(f"{step.provider}:{step.use}" for step in decision.steps)


A, B, C = standing("a", 0), standing("b", 1), standing("c", 2)
OPEN: dict[str, Any] = {"phase": Phase.OPEN, "open_until": NOW + 30 * SECOND_US}
HALF: dict[str, Any] = {"phase": Phase.HALF_OPEN}


def test_well_fleet_is_asked_in_policy_order_with_the_incumbent_first() -> None:
    assert told(decided(A, B, C)) == "a:normal b:normal c:normal"
    assert told(decided(C, B, A, incumbent=None)) == "a:normal b:normal c:normal"
    assert told(decided(A, B, C, incumbent="c")) == "a:trial b:trial c:normal a:normal b:normal"


def test_demoted_provider_comes_after_the_fair_ones_and_gets_a_trial() -> None:
    assert told(decided(A, replace(B, score=scored(0.69)), C)) == "b:trial a:normal c:normal b:normal"


def test_demoted_provider_that_is_alone_is_asked_for_all() -> None:
    assert told(decided(replace(A, score=scored(0.2)))) == "a:normal"


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"is_enabled": False}, "it is switched off"),
        ({"isolated_reason": "401"}, "it is isolated until a reload or an operator readmits it: 401"),
        ({"refusal": "no 1m bars of fx"}, "the query is outside its limits: no 1m bars of fx"),
        ({"away": Away(NOW + SECOND_US, "move"), **HALF}, "it is in maintenance until 2023-11-14 22:13:21 UTC: move"),
        ({**OPEN, "is_forced": True, "forced_reason": "bill"}, "its breaker is forced open by an operator: bill"),
        (OPEN, "its breaker is open until 22:13:50 UTC, then a probe asks whether it is back"),
        ({"blocked_until": NOW + SECOND_US, "blocked_reason": "429"}, "its budget allows no request before 22:13:21 UTC: 429"),
        ({**HALF, "has_tokens": False}, "its breaker is half-open and its budget has nothing left for a probe at the moment"),
    ],
)
def test_provider_that_can_not_be_asked_is_skipped_with_the_reason(known: dict[str, Any], reason: str) -> None:
    decision = decided(replace(A, **known), B)
    assert told(decision) == "b:normal"
    assert [(s.provider, s.reason) for s in decision.skipped] == [("a", reason)]


def test_block_of_the_budget_ends_with_its_time() -> None:
    assert told(decided(replace(A, blocked_until=NOW, blocked_reason="429"), B)) == "a:normal b:normal"


@pytest.mark.parametrize(
    "known", [{"refusal": "too old"}, {"away": Away(NOW + 1, "")}, {"blocked_until": NOW + 1}, {"has_tokens": False}]
)
def test_incumbent_that_can_not_take_this_job_keeps_its_place(known: dict[str, Any]) -> None:
    decision = decided(replace(A, **known), B)
    assert (decision.incumbent, decision.steps[0]) == ("a", Step("b", Use.NORMAL))
    assert "a stays first: H 0.95; now b goes before it, because" in decision.why


def test_provider_without_tokens_is_asked_after_those_with_some_but_before_demoted_ones() -> None:
    assert told(decided(replace(A, has_tokens=False), B, replace(C, score=scored(0.3)))) == "c:trial b:normal a:normal c:normal"


def test_half_open_provider_is_probed_first_by_who_gets_the_lease() -> None:
    half = replace(A, **HALF)
    assert told(decided(half, B)) == "a:probe b:normal"
    beaten = decided(half, B, probe_free=frozenset("b"))
    assert told(beaten) == "b:normal"
    assert beaten.skipped[0].reason == "its breaker is half-open and its one probe is out"


def test_trial_waits_until_nothing_was_heard_for_a_while() -> None:
    for used_at, steps in (
        (NOW - TRIAL_EVERY_US, "b:trial a:normal b:normal"),
        (NOW - TRIAL_EVERY_US + 1, "a:normal b:normal"),
    ):
        assert told(decided(A, replace(B, score=scored(0.5), used_at=used_at))) == steps


def test_trial_is_not_made_where_only_the_quota_is_short() -> None:
    assert told(decided(A, replace(B, score=scored(0.95, quota=0.5)))) == "a:normal b:normal"


def test_live_job_asks_the_best_gently_when_all_are_out() -> None:
    worse, better = replace(A, **OPEN, score=scored(0.3)), replace(B, **OPEN, score=scored(0.4))
    decision = decided(worse, better)
    assert told(decision) == "b:gentle"
    assert [s.provider for s in decision.skipped] == ["a"]
    assert decision.why.endswith("live work can't wait, so b is asked gently")
    assert (decision.incumbent, decision.retry_at) == (None, NOW + 30 * SECOND_US)


def test_probe_goes_before_the_gentle_asking_of_the_same_provider() -> None:
    assert told(decided(replace(A, **OPEN), replace(B, **HALF, score=scored(0.1)))) == "b:probe b:gentle"


@pytest.mark.parametrize("known", [{"is_enabled": False}, {"isolated_reason": "401"}, {"is_forced": True, **OPEN}])
def test_nobody_is_asked_gently_against_an_operators_word(known: dict[str, Any]) -> None:
    assert decided(replace(A, **known)).steps == ()


def test_history_waits_until_the_first_is_back_when_all_are_out() -> None:
    later = {**OPEN, "open_until": NOW + MINUTE_US}
    decision = decided(replace(A, **later), replace(B, **OPEN), lane=Lane.HISTORY)
    assert (decision.steps, decision.retry_at) == ((), NOW + 30 * SECOND_US)
    assert decision.why == "no provider of this policy can be asked as usual; the work waits"
    assert "22:14:20" in decision.skipped[0].reason


def test_history_still_probes_when_all_are_out() -> None:
    assert told(decided(replace(A, **HALF), replace(B, **OPEN), lane=Lane.HISTORY)) == "a:probe"


def test_incumbent_stays_while_it_is_fair() -> None:
    for value in (0.70, 0.84, 0.99):
        fair = replace(A, score=scored(value))
        assert decided(fair, replace(B, score=scored(value + 0.09))).incumbent == "a"


def test_incumbent_below_demote_gives_way_to_the_best_placed_good_one() -> None:
    ill = replace(A, score=scored(0.69))
    decision = decided(ill, replace(B, score=scored(0.75)), C)
    assert decision.incumbent == "c"
    assert decision.why == "c is first instead of a: H 0.69 is below 0.70 (availability 0.90)"
    assert decided(ill, replace(B, score=scored(0.75))).incumbent == "b"


def test_challenger_takes_over_from_a_fair_incumbent_that_it_leads_on_evidence() -> None:
    fair, better = replace(A, score=scored(0.80)), replace(B, score=scored(0.91))
    decision = decided(fair, better)
    assert decision.incumbent == "b"
    assert decision.why == "b is first instead of a: H 0.91 leads 0.80 of the last minutes (availability 0.90)"
    unproven = replace(B, score=scored(0.91, calls=LEAD_CALLS - 0.1))
    assert decided(fair, unproven).incumbent == "a"


def test_lead_over_one_bad_moment_or_over_a_good_incumbent_is_none() -> None:
    best = replace(B, score=scored(1.0))
    assert decided(replace(A, score=scored(0.76, slow=0.93)), best).incumbent == "a"
    assert decided(replace(A, score=scored(0.86)), best).incumbent == "a"


def test_better_placed_provider_returns_when_it_was_good_for_long_enough() -> None:
    def returned(value: float, good_since: Micros | None) -> str | None:
        return decided(replace(A, score=scored(value), good_since=good_since), B, incumbent="b").incumbent

    assert returned(0.85, NOW - HOLD_US) == "a"
    assert returned(0.85, NOW - HOLD_US + 1) == "b"
    assert returned(0.84, NOW - HOLD_US) == "b"
    assert returned(0.99, None) == "b"
    assert decided(A, replace(B, good_since=0), incumbent="a").incumbent == "a"


def test_bad_lot_keeps_its_incumbent_unless_another_leads() -> None:
    bad = replace(A, score=scored(0.4))
    assert decided(bad, replace(B, score=scored(0.45))).incumbent == "a"
    assert decided(bad, replace(B, score=scored(0.51))).incumbent == "b"


@pytest.mark.parametrize("known", [OPEN, HALF, {"is_enabled": False}, {"isolated_reason": "401"}])
def test_first_place_is_lost_by_who_can_not_be_asked_as_usual(known: dict[str, Any]) -> None:
    decision = decided(replace(A, **known), B)
    assert decision.incumbent == "b"
    assert decision.why == "b is first instead of a, which can't be asked as usual"


def test_empty_policy_asks_nobody_and_says_so() -> None:
    assert decided() == Decision((), (), None, "no provider of this policy can be asked as usual; the work waits")


texts = st.sampled_from([None, "why"])
times = st.none() | st.integers(-600, 600).map(lambda s: NOW + s * SECOND_US)
shares = st.integers(0, 20).map(lambda n: n / 20)
known = st.fixed_dictionaries(
    {
        "score": st.builds(lambda f, s, q, c: scored(f, slow=s, quota=q, calls=c), shares, shares, shares, st.integers(0, 50)),
        "is_enabled": st.sampled_from([True, True, True, False]),
        "good_since": times,
        "phase": st.sampled_from([Phase.CLOSED, *Phase]),
        "open_until": times,
        "is_forced": st.booleans(),
        "isolated_reason": st.sampled_from([None, None, "", "why"]),
        "refusal": st.sampled_from([None, None, "why"]),
        "away": st.sampled_from([None, None, Away(NOW + SECOND_US, "why"), Away(NOW, "over")]),
        "blocked_until": times,
        "has_tokens": st.booleans(),
        "used_at": times,
    }
)
policies = st.lists(known, max_size=5).map(
    lambda rows: [Standing(provider="abcde"[i], rank=i, **row) for i, row in enumerate(rows)]
)


@settings(max_examples=150)
@given(
    policies, st.sampled_from([None, *"abcdez"]), st.sampled_from(Lane), st.frozensets(st.sampled_from("abcde")), st.randoms()
)
def test_any_decision_accounts_for_every_provider_and_for_itself(standings, incumbent, lane, free, dice) -> None:
    decision = decided(*standings, incumbent=incumbent, lane=lane, probe_free=free)
    by_name = {s.provider: s for s in standings}
    steps, skipped = [step.provider for step in decision.steps], [skip.provider for skip in decision.skipped]
    assert sorted({*steps, *skipped}) == sorted(by_name)
    assert not set(steps) & set(skipped)
    assert len(set(skipped)) == len(skipped)
    assert len(set(decision.steps)) == len(decision.steps)
    assert decision.why
    assert all(skip.reason for skip in decision.skipped)
    assert decision.incumbent is None or by_name[decision.incumbent].can_be_first
    assert (decision.incumbent is None) == (not any(s.can_be_first for s in standings))
    for step in decision.steps:
        s = by_name[step.provider]
        assert s.is_enabled
        assert not s.isolated_reason
        assert s.refusal is None
        assert s.away is None or s.away.until <= NOW
        wanted = {Use.NORMAL: {Phase.CLOSED}, Use.TRIAL: {Phase.CLOSED}, Use.PROBE: {Phase.HALF_OPEN}}
        assert s.phase in wanted.get(step.use, {Phase.OPEN, Phase.HALF_OPEN})
        assert step.use is not Use.PROBE or s.provider in free
        assert step.use is not Use.GENTLE or lane is Lane.LIVE
    dice.shuffle(standings)
    assert decided(*standings, incumbent=incumbent, lane=lane, probe_free=free) == decision


@given(policies, st.sampled_from([None, *"abcde"]))
def test_first_place_rests_until_something_changes(standings, incumbent) -> None:
    """Asked again at once with the same standings, whoever took the first place keeps it."""
    first = decided(*standings, incumbent=incumbent).incumbent
    second = decided(*standings, incumbent=first).incumbent
    third = decided(*standings, incumbent=second).incumbent
    assert third == second
