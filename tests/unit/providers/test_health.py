"""H against what it promises: a share, monotone in each outcome, explained by its parts, forgetful."""

import json
from dataclasses import replace
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.health import MAX_SYMBOL_WEIGHT, Health, Tally, add, from_json, to_json
from providers.lanes import Lane
from providers.market.types import MINUTE_US, SECOND_US, Micros
from providers.outcomes import FAILURES, Outcome, Seen
from providers.scoring import SLOW_COST, Score, good_since, phi_of, score, weakest

NOW = 1_700_000_000 * SECOND_US
BETTER = {Outcome.SLOW: Outcome.OK} | dict.fromkeys(FAILURES, Outcome.SLOW)
ROUNDING = 1e-9
quick = settings(max_examples=50)

moments = st.integers(-30 * 60, 5).map(lambda seconds: NOW + seconds * SECOND_US)
calls = st.builds(Seen, moments, st.sampled_from(Outcome))
pairs = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(sorted)
tallies = st.builds(
    lambda seen, asked, due: Tally(tuple(seen), asked[1], asked[0], due[1], due[0]), st.lists(calls, max_size=5), pairs, pairs
)
reports = st.lists(st.tuples(moments, tallies), max_size=4)
looks = st.integers(0, 7200).map(lambda seconds: NOW + seconds * SECOND_US)
phis = st.sampled_from([0.0, 1.0])


def after(reports: list[tuple[Micros, Tally]]) -> Health:
    health = Health()
    for now, tally in reports:
        health = add(health, tally, now=now)
    return health


def called(*outcomes: Outcome, at: Micros = NOW) -> Tally:
    return Tally(tuple(Seen(at, outcome) for outcome in outcomes))


def value(health: Health, *, now: Micros = NOW, phi: float = 1.0) -> float:
    return score(health, now=now, phi=phi).value


@quick
@given(reports, looks, st.floats(0, 1), phis)
def test_score_is_a_share_and_so_are_its_parts(reports, now, quota, phi) -> None:
    scored = score(after(reports), now=now, quota=quota, phi=phi)
    parts = scored.to_json()
    parts.pop("calls")
    assert all(0 <= part <= 1 for part in parts.values())


@quick
@given(reports, looks, st.floats(0, 1), phis)
def test_score_follows_from_the_parts_stored_with_it(reports, now, quota, phi) -> None:
    s: Score = score(after(reports), now=now, quota=quota, phi=phi)
    slow = s.availability_slow * s.completeness_slow * s.freshness_slow**s.phi * (1 - SLOW_COST * s.slowness_slow)
    fast = s.availability_fast * s.completeness_fast * s.freshness_fast**s.phi * (1 - SLOW_COST * s.slowness_fast)
    assert s.value == pytest.approx(s.quota * min(fast, slow), abs=ROUNDING)


@quick
@given(reports.filter(lambda reports: any(t.seen for _, t in reports)), looks, phis, st.data())
def test_better_outcome_in_place_of_a_worse_one_never_lowers_the_score(reports, now, phi, data) -> None:
    which = data.draw(st.sampled_from([i for i, (_, t) in enumerate(reports) if t.seen]))
    at, tally = reports[which]
    place = data.draw(st.integers(0, len(tally.seen) - 1))
    call = tally.seen[place]
    seen = list(tally.seen)
    seen[place] = replace(call, outcome=BETTER.get(call.outcome, call.outcome))
    improved = [*reports[:which], (at, replace(tally, seen=tuple(seen))), *reports[which + 1 :]]
    assert value(after(improved), now=now, phi=phi) >= value(after(reports), now=now, phi=phi) - ROUNDING


@quick
@given(reports, moments, looks, phis)
def test_one_more_ok_never_lowers_the_score_and_one_more_failure_never_raises_it(reports, at, now, phi) -> None:
    before = after([*reports, (NOW, Tally())])
    plain = value(before, now=now, phi=phi)
    assert value(add(before, called(Outcome.OK, at=at), now=NOW), now=now, phi=phi) >= plain - ROUNDING
    for failure in FAILURES:
        assert value(add(before, called(failure, at=at), now=NOW), now=now, phi=phi) <= plain + ROUNDING


@quick
@given(reports, st.integers(1, 400), st.integers(0, 399), looks)
def test_one_more_symbol_answered_or_fresh_never_lowers_the_score(reports, asked, answered, now) -> None:
    answered = min(answered, asked - 1)
    before = after(reports)
    less = add(before, Tally(asked=asked, answered=answered, due=asked, fresh=answered), now=NOW)
    more_answered = add(before, Tally(asked=asked, answered=answered + 1, due=asked, fresh=answered), now=NOW)
    more_fresh = add(before, Tally(asked=asked, answered=answered, due=asked, fresh=answered + 1), now=NOW)
    assert value(more_answered, now=now) >= value(less, now=now) - ROUNDING
    assert value(more_fresh, now=now) >= value(less, now=now) - ROUNDING


@quick
@given(reports)
def test_health_survives_its_row(reports) -> None:
    health = after(reports)
    assert from_json(json.loads(json.dumps(to_json(health)))) == health


def test_row_that_was_never_written_is_a_provider_nothing_is_known_of() -> None:
    assert from_json({}) == Health()
    assert value(from_json({})) == pytest.approx(0.9)


def test_example_of_the_documentation_comes_out_as_computed_by_hand() -> None:
    """Ten good calls and two failures just now: slow A = (10 + 4.5) / 17, fast A = (10 + 5 · slow A) / 17."""
    health = add(Health(), called(*[Outcome.OK] * 10, *[Outcome.VENDOR_ERROR] * 2), now=NOW)
    health = add(health, Tally(asked=10, answered=8, due=8, fresh=8), now=NOW)
    s = score(health, now=NOW)
    assert (round(s.availability_slow, 3), round(s.availability_fast, 3)) == (0.853, 0.839)
    assert (round(s.completeness_slow, 3), round(s.completeness_fast, 3)) == (0.867, 0.822)
    assert (round(s.slow, 3), round(s.fast, 3), round(s.value, 3)) == (0.739, 0.69, 0.69)
    assert weakest(s) == "completeness 0.82"


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.CONFIG_ERROR, Outcome.IGNORED])
def test_score_is_left_alone_by_what_is_not_the_vendors_illness(outcome: Outcome) -> None:
    before = add(Health(), called(Outcome.OK, Outcome.VENDOR_ERROR), now=NOW)
    assert add(before, called(*[outcome] * 50), now=NOW) == before


def test_local_error_counts_unless_the_network_is_ours() -> None:
    failed, ours = called(Outcome.LOCAL_ERROR), Health()
    assert value(add(ours, failed, now=NOW)) == value(add(ours, called(Outcome.VENDOR_ERROR), now=NOW))
    assert value(add(ours, failed, now=NOW, network_is_ours=True)) == value(ours)


def test_call_weighs_by_the_time_it_was_sent() -> None:
    late = add(Health(), called(Outcome.OK, at=NOW - MINUTE_US), now=NOW)
    assert late.fast.good == pytest.approx(exp(-1))
    assert late.slow.good == pytest.approx(exp(-0.1))


def test_report_of_a_late_clock_counts_as_of_the_last_one() -> None:
    health = add(add(Health(), called(Outcome.OK), now=NOW), called(Outcome.OK, at=NOW - SECOND_US), now=NOW - SECOND_US)
    assert health.fast.at == NOW
    assert health.fast.calls == pytest.approx(1 + exp(-1 / 60))


def test_bulk_call_counts_for_more_than_one_symbol_and_less_than_all() -> None:
    bulk = add(Health(), Tally((Seen(NOW, Outcome.OK),), asked=300, answered=150, due=300, fresh=0), now=NOW).fast
    assert (bulk.asked, bulk.answered, bulk.due, bulk.fresh) == (MAX_SYMBOL_WEIGHT, MAX_SYMBOL_WEIGHT / 2, MAX_SYMBOL_WEIGHT, 0)
    single = add(Health(), replace(called(*[Outcome.OK] * 300), asked=300, answered=150), now=NOW).fast
    assert (single.asked, single.answered) == (300, 150)


def test_freshness_says_nothing_about_history() -> None:
    stale = add(Health(), Tally((Seen(NOW, Outcome.OK),), asked=9, answered=9, due=9, fresh=0), now=NOW)
    assert value(stale, phi=phi_of(Lane.LIVE)) < 0.5
    assert value(stale, phi=phi_of(Lane.HISTORY)) > 0.9


def test_slow_vendor_is_below_demote_and_above_one_that_fails_every_other_call() -> None:
    slow = add(Health(), called(*[Outcome.SLOW] * 300), now=NOW)
    half = add(Health(), called(*[Outcome.OK, Outcome.VENDOR_ERROR] * 150), now=NOW)
    assert 0.5 < value(half) < value(slow) < 0.7


def test_silence_forgives_only_after_a_job_or_more() -> None:
    failed = add(Health(), called(*[Outcome.VENDOR_ERROR] * 5), now=NOW)
    assert value(failed, now=NOW + 90 * SECOND_US) == value(failed)
    assert value(failed, now=NOW + 3 * MINUTE_US) > value(failed)
    assert value(failed, now=NOW + 120 * MINUTE_US) == pytest.approx(0.9, abs=0.01)


def test_tally_refuses_more_answers_than_questions() -> None:
    with pytest.raises(ValueError, match="answered <= asked"):
        Tally(asked=1, answered=2)
    with pytest.raises(ValueError, match="fresh <= due"):
        Tally(due=1, fresh=2)


def test_provider_is_good_since_it_was_closed_and_high_without_a_break() -> None:
    def since(before: Micros | None, value: float, is_closed: bool = True) -> Micros | None:
        return good_since(before, value=value, promote=0.85, is_closed=is_closed, now=NOW)

    assert since(None, 0.85) == NOW
    assert since(NOW - 5, 0.9) == NOW - 5
    assert since(NOW - 5, 0.84) is None
    assert since(NOW - 5, 0.99, is_closed=False) is None


def test_weakest_part_is_named_with_its_number() -> None:
    stale = add(Health(), Tally(due=20, fresh=0), now=NOW)
    assert weakest(score(stale, now=NOW)) == "freshness 0.04"
    assert weakest(score(stale, now=NOW, phi=0.0)) == "availability 0.90"
    assert weakest(score(stale, now=NOW, quota=0.0)) == "quota 0.00"
