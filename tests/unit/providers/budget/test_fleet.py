"""Whatever many processes ask at whatever times: no window sees more than its limit."""

import bisect
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.budget import (
    BLOCK_LIFE,
    Allowance,
    Budget,
    give_back,
    take,
)
from providers.lanes import Lane
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, Micros
from tests.unit.providers.budget.tokens import MIDNIGHT, NOON, SKEW


@dataclass(frozen=True)
class Ask:
    """One worker asks `after` the one before; its clock is `off`; each token goes out `uses` into its life, the `back` last never.

    One that `hurries` asks, after a refusal, the moment its clock says what the refusal said.
    """

    after: Micros
    hurries: bool
    off: Micros
    wanted: int
    least: int
    lane: Lane
    uses: tuple[float, ...]
    back: int


ASKS = st.builds(
    Ask,
    after=st.integers(0, 2 * SECOND_US) | st.integers(0, 40 * SECOND_US),
    hurries=st.booleans(),
    off=st.sampled_from((-SKEW, SKEW)) | st.integers(-SKEW, SKEW),
    wanted=st.sampled_from((1, 30, 100)),
    least=st.integers(1, 3),
    lane=st.sampled_from(Lane),
    uses=st.lists(st.sampled_from((0.0, 1.0)) | st.floats(0, 1), min_size=1, max_size=3).map(tuple),
    back=st.sampled_from((0, 0, 3)),
)

AROUND_MIDNIGHT = st.sampled_from(range(-5 * SECOND_US, 5 * SECOND_US, SECOND_US // 4))


@dataclass
class Fleet:
    """Workers at one budget, and when each of their requests left."""

    allowance: Allowance
    budget: Budget
    now: Micros
    left: list[tuple[Micros, Lane]] = field(default_factory=list)
    retry_at: Micros | None = None

    def ask(self, ask: Ask) -> None:
        self.now += ask.after
        if ask.hurries and self.retry_at is not None:
            self.now = max(self.now - ask.after, self.retry_at - ask.off)
        clock = self.now + ask.off
        self.budget, grant = take(self.budget, self.allowance, wanted=ask.wanted, least=ask.least, lane=ask.lane, now=clock)
        self.retry_at = grant.retry_at
        assert grant.count == 0 or grant.count >= ask.least
        used = grant.count - min(ask.back, grant.count)
        for i in range(used):
            self.left.append((self.now + int(ask.uses[i % len(ask.uses)] * BLOCK_LIFE), ask.lane))
        if used < grant.count:
            self.budget = give_back(
                self.budget, count=grant.count - used, lane=ask.lane, granted_at=grant.granted_at, now=clock
            )


def busiest(moments: Sequence[Micros], span: Micros = MINUTE_US) -> int:
    """The most that left within any span."""
    ordered = sorted(moments)
    return max((bisect.bisect_left(ordered, m + span) - i for i, m in enumerate(ordered)), default=0)


@settings(max_examples=150)
@given(st.lists(ASKS, max_size=25), st.integers(1, 40), st.integers(0, 100), AROUND_MIDNIGHT)
def test_no_minute_sees_more_than_the_limit_nor_backfill_touch_the_reserve(
    asks: list[Ask], per_minute: int, percent: int, begin: Micros
) -> None:
    fleet = Fleet(Allowance(per_minute, percent), Budget(), MIDNIGHT + begin)
    for ask in asks:
        fleet.ask(ask)
    assert busiest([moment for moment, _ in fleet.left]) <= per_minute
    history = [moment for moment, lane in fleet.left if lane is Lane.HISTORY]
    assert busiest(history) <= per_minute - per_minute * percent // 100


@settings(max_examples=150)
@given(st.lists(ASKS, max_size=25), st.integers(1, 60), st.integers(0, 100), AROUND_MIDNIGHT)
def test_no_day_sees_more_than_its_quota_whoever_asks_around_midnight(
    asks: list[Ask], per_day: int, percent: int, begin: Micros
) -> None:
    fleet = Fleet(Allowance(1_000, percent, per_day), Budget(), MIDNIGHT + begin)
    for ask in asks:
        fleet.ask(ask)
    for lanes, most in ((set(Lane), per_day), ({Lane.HISTORY}, per_day - per_day * percent // 100)):
        days = [moment // DAY_US for moment, lane in fleet.left if lane in lanes]
        assert max((days.count(day) for day in set(days)), default=0) <= most


@given(st.integers(1, 400), st.integers(0, 90), st.integers(0, SECOND_US), st.integers(1, 5))
def test_at_least_four_fifths_of_the_limit_go_out_under_steady_demand(
    per_minute: int, percent: int, every: Micros, workers: int
) -> None:
    """Workers that always want more, in either lane, and come back when they are told to."""
    fleet, ends = Fleet(Allowance(per_minute, percent), Budget(), NOON), NOON + 20 * MINUTE_US
    due = [(NOON + i * every, i) for i in range(workers)]
    while due[0][0] < ends:
        now, worker = heapq.heappop(due)
        lane = Lane.LIVE if worker == 0 else Lane.HISTORY
        fleet.budget, grant = take(fleet.budget, fleet.allowance, wanted=20, lane=lane, now=now)
        fleet.left += [(now, lane)] * grant.count
        later = now + SECOND_US // 2 if grant.count else grant.retry_at or ends
        heapq.heappush(due, (max(now + 1, later), worker))
    assert len(fleet.left) >= 0.8 * 20 * per_minute
    assert busiest([moment for moment, _ in fleet.left]) <= per_minute
