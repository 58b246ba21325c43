import json

import pytest

from providers.breaker import (
    CLOSE_AFTER,
    FORGIVE_AFTER_US,
    OPEN_MOST_US,
    OPEN_STEP_US,
    Breaker,
    Override,
    Phase,
    at,
    calls_at_once,
    effective,
    from_json,
    observe,
    to_json,
)
from providers.market.types import MINUTE_US, SECOND_US, Micros
from providers.outcomes import FAILURES, Outcome, Seen

NOW = 1_700_000_000 * SECOND_US
OK, SLOW, ERROR = Outcome.OK, Outcome.SLOW, Outcome.VENDOR_ERROR
NEUTRAL = (Outcome.THROTTLED, Outcome.CONFIG_ERROR, Outcome.IGNORED)


def told(breaker: Breaker, *outcomes: Outcome, now: Micros = NOW, is_probe: bool = False, jitter: float = 0.0) -> Breaker:
    return observe(breaker, [Seen(now, o) for o in outcomes], now=now, jitter=jitter, is_probe=is_probe)


def tripped(times: int = 1, *, jitter: float = 0.0) -> Breaker:
    breaker = told(Breaker(), *[ERROR] * 5, jitter=jitter)
    for _ in range(times - 1):
        assert breaker.open_until is not None
        breaker = told(breaker, ERROR, now=breaker.open_until, is_probe=True, jitter=jitter)
    return breaker


def length(breaker: Breaker) -> Micros:
    assert breaker.open_until is not None
    return breaker.open_until - breaker.since


@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_breaker_opens_at_the_fifth_failure_in_a_row_whatever_its_kind(failure: Outcome) -> None:
    four = told(Breaker(), *[failure] * 4)
    assert four.phase is Phase.CLOSED
    assert told(four, failure) == Breaker(phase=Phase.OPEN, since=NOW, open_until=NOW + OPEN_STEP_US, trips=1)


def test_success_between_failures_begins_the_row_anew() -> None:
    assert told(Breaker(), *[ERROR] * 4, OK, *[ERROR] * 4).failures_in_a_row == 4


@pytest.mark.parametrize("outcome", NEUTRAL)
def test_neutral_outcome_neither_trips_nor_interrupts_a_row(outcome: Outcome) -> None:
    assert told(Breaker(), *[outcome] * 50) == Breaker()
    assert told(Breaker(), *[ERROR] * 4, outcome, ERROR).phase is Phase.OPEN


def test_half_of_ten_calls_within_a_minute_trip_and_half_of_nine_do_not() -> None:
    nine = told(Breaker(), *[ERROR, OK] * 4, OK)
    assert nine.phase is Phase.CLOSED
    assert told(nine, ERROR).phase is Phase.OPEN


def test_failures_of_more_than_a_minute_ago_do_not_count_for_the_share() -> None:
    old = told(Breaker(), *[ERROR, OK] * 4)
    later = NOW + MINUTE_US
    assert told(old, OK, ERROR, now=later).recent == ((later // (5 * SECOND_US), 2, 1),)
    assert told(old, OK, ERROR, now=later).phase is Phase.CLOSED


def test_eight_slow_calls_of_the_last_ten_trip_and_seven_do_not() -> None:
    assert told(Breaker(), *[SLOW] * 7, OK, OK, OK, SLOW).phase is Phase.CLOSED
    assert told(Breaker(), OK, OK, *[SLOW] * 8).phase is Phase.OPEN


def test_open_time_grows_by_half_a_minute_a_trip_up_to_five_minutes() -> None:
    assert [length(tripped(n)) // SECOND_US for n in (1, 2, 3, 9, 10, 11, 40)] == [30, 60, 90, 270, 300, 300, 300]


def test_jitter_only_lengthens_and_never_beyond_the_most() -> None:
    assert length(tripped(jitter=1.0)) == 33 * SECOND_US
    assert length(tripped(9, jitter=1.0)) == 297 * SECOND_US
    assert length(tripped(10, jitter=1.0)) == OPEN_MOST_US


def test_time_alone_half_opens_at_the_same_moment_whoever_looks() -> None:
    breaker = tripped()
    until = NOW + OPEN_STEP_US
    assert at(breaker, now=until - 1) == breaker
    assert at(breaker, now=until) == at(breaker, now=until + MINUTE_US)
    assert at(breaker, now=until) == Breaker(phase=Phase.HALF_OPEN, since=until, trips=1)


def test_three_probe_successes_close_and_one_failure_opens_for_longer() -> None:
    later = NOW + OPEN_STEP_US
    two = told(tripped(), OK, SLOW, now=later, is_probe=True)
    assert (two.phase, two.successes) == (Phase.HALF_OPEN, 2)
    assert told(two, OK, now=later, is_probe=True) == Breaker(since=later, trips=1)
    failed = told(two, ERROR, now=later, is_probe=True)
    assert (failed.phase, length(failed), failed.trips) == (Phase.OPEN, 2 * OPEN_STEP_US, 2)


def test_call_that_is_no_probe_says_nothing_while_half_open() -> None:
    later = NOW + OPEN_STEP_US
    assert told(tripped(), *[OK] * 9, ERROR, now=later) == at(tripped(), now=later)


def test_answer_to_live_work_that_could_not_wait_ends_an_open_phase_and_closes_nothing() -> None:
    soon = NOW + SECOND_US
    after = observe(tripped(), [Seen(soon, ERROR), Seen(soon, SLOW), *[Seen(soon, OK)] * 9], now=soon, jitter=0, is_gentle=True)
    assert after == Breaker(phase=Phase.HALF_OPEN, since=soon, trips=1)
    assert (
        observe(tripped(), [Seen(soon, o) for o in Outcome if o not in (OK, SLOW)], now=soon, jitter=0, is_gentle=True)
        == tripped()
    )


def test_call_sent_before_a_phase_began_says_nothing_about_it() -> None:
    later = NOW + OPEN_STEP_US
    early = [Seen(later - 1, ERROR), Seen(NOW, OK)]
    assert observe(tripped(), early, now=later, jitter=0, is_probe=True) == at(tripped(), now=later)
    closed = told(tripped(), *[OK] * CLOSE_AFTER, now=later, is_probe=True)
    assert observe(closed, [Seen(later - 1, ERROR)] * 9, now=later + 1, jitter=0) == closed


def test_calls_on_their_way_when_it_tripped_do_not_trip_it_again() -> None:
    assert told(Breaker(), *[ERROR] * 8) == tripped()
    assert told(tripped(), *[ERROR] * 8, now=NOW + SECOND_US) == tripped()


def test_outcomes_count_in_the_order_of_sending() -> None:
    calls = [Seen(NOW - 1, OK), *[Seen(NOW - 9, ERROR)] * 3, *[Seen(NOW, ERROR)] * 2]
    assert observe(Breaker(), calls, now=NOW, jitter=0).failures_in_a_row == 2


def test_nothing_moves_while_the_network_is_ours() -> None:
    later = NOW + OPEN_STEP_US
    for breaker in (Breaker(), tripped(), at(tripped(), now=later)):
        for outcome in Outcome:
            calls = [Seen(later, outcome)] * 9
            assert observe(breaker, calls, now=later, jitter=0, is_probe=True, network_is_ours=True) == breaker


def test_trips_are_forgiven_after_a_while_closed_and_not_before() -> None:
    later = NOW + OPEN_STEP_US
    closed = told(tripped(), *[OK] * CLOSE_AFTER, now=later, is_probe=True)
    soon = told(closed, *[ERROR] * 5, now=later + FORGIVE_AFTER_US - 1)
    late = told(closed, *[ERROR] * 5, now=later + FORGIVE_AFTER_US)
    assert (soon.trips, length(soon)) == (2, 2 * OPEN_STEP_US)
    assert (late.trips, length(late)) == (1, OPEN_STEP_US)


def test_each_failure_in_a_row_takes_one_call_from_those_on_their_way() -> None:
    assert [calls_at_once(told(Breaker(), *[ERROR] * n), most=8) for n in range(6)] == [8, 7, 6, 5, 4, 0]
    assert calls_at_once(told(Breaker(), *[ERROR] * 4), most=2) == 1
    assert calls_at_once(at(tripped(), now=NOW + OPEN_STEP_US), most=8) == 1


def test_override_holds_until_its_end_and_the_breaker_goes_on_underneath() -> None:
    closed = Override(kind=Phase.CLOSED, until=NOW + 1, reason="we know", by="eva")
    opened = Override(kind=Phase.OPEN, until=NOW + 1, reason="contract ends", by="eva")
    assert effective(tripped(), closed, now=NOW) is Phase.CLOSED
    assert effective(Breaker(), opened, now=NOW) is Phase.OPEN
    assert effective(tripped(), closed, now=NOW + 1) is Phase.OPEN
    assert effective(tripped(), None, now=NOW + OPEN_STEP_US) is Phase.HALF_OPEN


def test_override_refuses_half_open() -> None:
    with pytest.raises(ValueError, match="got half_open"):
        Override(kind=Phase.HALF_OPEN, until=NOW, reason="", by="")


def test_row_that_was_never_written_is_closed() -> None:
    assert from_json({}, phase="closed", since=None, open_until=None, trips=0) == Breaker()


@pytest.mark.parametrize("breaker", [told(Breaker(), OK, SLOW, ERROR, now=NOW), tripped(3)])
def test_breaker_survives_its_row(breaker: Breaker) -> None:
    stored = json.loads(json.dumps(to_json(breaker)))
    columns = {"since": breaker.since, "open_until": breaker.open_until, "trips": breaker.trips}
    assert from_json(stored, phase=str(breaker.phase), **columns) == breaker
