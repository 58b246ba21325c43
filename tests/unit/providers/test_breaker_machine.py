"""The breaker under any story: legal moves only, bounded times and memory; and no flapping under noise."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from providers.breaker import (
    CLOSE_AFTER,
    OPEN_MOST_US,
    OPEN_STEP_US,
    SLOTS,
    TRIP_IN_A_ROW,
    Breaker,
    Phase,
    at,
    from_json,
    observe,
    to_json,
)
from providers.market.types import MINUTE_US, SECOND_US, Micros
from providers.outcomes import FAILURES, SUCCESSES, Outcome, Seen

START = 1_700_000_000 * SECOND_US
outcomes = st.sampled_from(Outcome)
batches = st.lists(outcomes, min_size=1, max_size=12)
jitters = st.floats(0, 1)


class BreakerMachine(RuleBasedStateMachine):
    """Two clocks may differ and reports may be late; what is checked is what routing and the admin rely on."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Micros = START
        self.breaker = Breaker()

    @rule(seconds=st.integers(0, 400))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND_US
        before, after = self.breaker, at(self.breaker, now=self.now)
        if after.phase is not before.phase:
            assert (before.phase, after.phase) == (Phase.OPEN, Phase.HALF_OPEN)
            assert before.open_until is not None
            assert self.now >= before.open_until == after.since
        self.breaker = after

    @rule(batch=batches, jitter=jitters, age=st.integers(-2, 90))
    def calls_are_reported(self, batch: list[Outcome], jitter: float, age: int) -> None:
        before = self._told(batch, jitter, age)
        allowed = {Phase.CLOSED: {Phase.CLOSED, Phase.OPEN}}.get(before.phase, {before.phase})
        assert self.breaker.phase in allowed
        if before.phase is not Phase.CLOSED or not FAILURES & set(batch) | {Outcome.SLOW} & set(batch):
            assert self.breaker.phase is before.phase

    @rule(batch=batches, jitter=jitters, age=st.integers(-2, 90))
    def probes_are_reported(self, batch: list[Outcome], jitter: float, age: int) -> None:
        before = self._told(batch, jitter, age, is_probe=True)
        if before.phase is not Phase.HALF_OPEN:
            return
        if self.breaker.phase is Phase.CLOSED:
            assert before.successes + sum(o in SUCCESSES for o in batch) >= CLOSE_AFTER
        if self.breaker.phase is Phase.OPEN:
            assert FAILURES & set(batch)
            assert self.breaker.trips == before.trips + 1

    @rule(batch=batches, is_probe=st.booleans())
    def own_network_fails(self, batch: list[Outcome], is_probe: bool) -> None:
        calls = [Seen(self.now, outcome) for outcome in batch]
        assert observe(self.breaker, calls, now=self.now, jitter=0, is_probe=is_probe, network_is_ours=True) == self.breaker

    def _told(self, batch: list[Outcome], jitter: float, age: int, *, is_probe: bool = False) -> Breaker:
        """The breaker before the report, as time alone left it."""
        before = at(self.breaker, now=self.now)
        calls = [Seen(self.now - age * SECOND_US, outcome) for outcome in batch]
        self.breaker = observe(self.breaker, calls, now=self.now, jitter=jitter, is_probe=is_probe)
        if before.phase is Phase.OPEN:
            assert self.breaker == before
        return before

    @invariant()
    def open_times_are_bounded(self) -> None:
        b = self.breaker
        assert (b.open_until is not None) == (b.phase is Phase.OPEN)
        if b.open_until is not None:
            assert OPEN_STEP_US <= b.open_until - b.since <= OPEN_MOST_US
            assert b.trips > 0

    @invariant()
    def memory_is_bounded(self) -> None:
        b = self.breaker
        assert len(b.recent) <= SLOTS + 1
        assert len(b.slow) <= 10
        assert b.failures_in_a_row < TRIP_IN_A_ROW
        assert b.successes < CLOSE_AFTER

    @invariant()
    def row_holds_all_of_it(self) -> None:
        b = self.breaker
        stored = json.loads(json.dumps(to_json(b)))
        assert from_json(stored, phase=b.phase, since=b.since, open_until=b.open_until, trips=b.trips) == b


BreakerMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
TestBreaker = BreakerMachine.TestCase


def hour_of(outcomes_by_minute: list[list[Outcome]]) -> int:
    """Phase changes in an hour at one job a minute that asks what its phase allows: all, three probes until one fails, nothing."""
    breaker, changes = Breaker(), 0
    for minute, batch in enumerate(outcomes_by_minute):
        now = START + minute * MINUTE_US
        breaker, before = at(breaker, now=now), breaker.phase
        changes += breaker.phase is not before
        before = breaker.phase
        is_probe = before is Phase.HALF_OPEN
        for second, outcome in enumerate(batch[: CLOSE_AFTER if is_probe else None]):
            if breaker.phase is before:
                sent = now + second * SECOND_US
                breaker = observe(breaker, [Seen(sent, outcome)], now=sent, jitter=0.5, is_probe=is_probe)
        changes += breaker.phase is not before
    return changes


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(0, 1))
def test_alternating_noise_does_not_make_it_flap(calls_a_minute: int, first: int) -> None:
    """Every other call fails, for an hour: 3 changes a trip (open, half-open, and open again or closed), with ever longer ones."""
    noise = [Outcome.OK, Outcome.VENDOR_ERROR]
    hour = [[noise[(first + minute + call) % 2] for call in range(calls_a_minute)] for minute in range(60)]
    assert hour_of(hour) <= 30


@settings(max_examples=15)
@given(
    st.lists(st.lists(st.sampled_from([Outcome.OK, Outcome.VENDOR_ERROR]), min_size=10, max_size=10), min_size=60, max_size=60)
)
def test_no_story_of_an_hour_opens_it_more_often_than_its_times_allow(hour: list[list[Outcome]]) -> None:
    """Nine trips in a row take 1,350 s, seven more fit into the hour at 300 s each; a trip is three changes at most."""
    assert hour_of(hour) <= 3 * 16


@settings(max_examples=30)
@given(st.lists(st.integers(19, 40), min_size=5, max_size=30), st.integers(1, 8))
def test_one_failure_in_twenty_never_trips(gaps: list[int], calls_a_second: int) -> None:
    breaker, sent = Breaker(), 0
    for gap in gaps:
        for outcome in [*[Outcome.OK] * gap, Outcome.VENDOR_ERROR]:
            now = START + sent * SECOND_US // calls_a_second
            breaker, sent = observe(breaker, [Seen(now, outcome)], now=now, jitter=0.5), sent + 1
    assert breaker.phase is Phase.CLOSED
    assert breaker.trips == 0


def test_hour_of_total_failure_is_sixteen_trips_at_most() -> None:
    assert hour_of([[Outcome.VENDOR_ERROR] * 20] * 60) <= 2 * 16
