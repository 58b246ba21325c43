import bisect
import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.budget import (
    BLOCK_LIFE,
    Allowance,
    Budget,
    Grant,
    Spent,
    block_of,
    from_json,
    give_back,
    most_at_once,
    quota_share,
    room,
    settled,
    succeeded,
    take,
    throttled,
    to_json,
    told,
    unanswered,
)
from providers.lanes import Lane
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, Micros
from tests.builders import us

NOON = us("2027-03-10 12:00")
MIDNIGHT = us("2027-03-11 00:00")
SKEW = 2 * SECOND_US
PLAIN = Allowance(per_minute=300, live_reserve_percent=0)


def taken(budget: Budget, count: int, *, allowance: Allowance = PLAIN, lane: Lane = Lane.LIVE, now: Micros = NOON) -> Budget:
    """After a block that must be granted whole."""
    budget, grant = take(budget, allowance, wanted=count, lane=lane, now=now)
    assert grant.count == count
    return budget


def could(
    budget: Budget, *, wanted: int = 10_000, allowance: Allowance = PLAIN, lane: Lane = Lane.LIVE, now: Micros = NOON
) -> Grant:
    return take(budget, allowance, wanted=wanted, lane=lane, now=now)[1]


# What vendors see


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


# Lanes


def test_live_gets_its_reserve_at_once_however_hungry_backfill_is() -> None:
    allowance = Allowance(per_minute=300, live_reserve_percent=40)
    budget, grant = take(Budget(), allowance, wanted=1_000, lane=Lane.HISTORY, now=NOON)
    assert grant.count == 180
    refusal = could(budget, allowance=allowance, lane=Lane.HISTORY)
    assert (refusal.count, refusal.reason) == (0, "180 of 300 a minute are used, 120 are kept for live work")
    assert could(budget, allowance=allowance).count == 120


def test_live_uses_its_reserve_up_before_it_takes_from_backfill() -> None:
    allowance = Allowance(per_minute=100, live_reserve_percent=50)
    budget = taken(Budget(), 50, allowance=allowance)
    assert could(budget, allowance=allowance, lane=Lane.HISTORY).count == 50
    assert could(taken(budget, 10, allowance=allowance), allowance=allowance, lane=Lane.HISTORY).count == 40


@pytest.mark.parametrize(
    ("allowance", "lane", "most"),
    [
        (Allowance(8, 50), Lane.LIVE, 8),
        (Allowance(8, 50), Lane.HISTORY, 4),
        (Allowance(1, 50), Lane.HISTORY, 1),
        (Allowance(8, 100), Lane.HISTORY, 0),
        (Allowance(8, 50, per_day=5), Lane.LIVE, 5),
        (Allowance(8, 50, per_day=5), Lane.HISTORY, 3),
    ],
)
def test_the_most_that_one_call_can_cost_is_what_a_fresh_budget_gives(allowance: Allowance, lane: Lane, most: int) -> None:
    assert most_at_once(allowance, lane=lane) == most
    assert could(Budget(), allowance=allowance, lane=lane).count == most


def test_a_call_that_costs_more_than_is_left_gets_nothing_and_is_told_when_enough_is_free() -> None:
    allowance = Allowance(per_minute=10, live_reserve_percent=0)
    budget = taken(Budget(), 4, allowance=allowance)
    budget = taken(budget, 4, allowance=allowance, now=NOON + 10 * SECOND_US)
    later = NOON + 10 * SECOND_US
    _, grant = take(budget, allowance, wanted=8, least=5, lane=Lane.LIVE, now=later)
    assert grant.count == 0
    assert grant.retry_at is not None
    assert take(budget, allowance, wanted=8, least=5, lane=Lane.LIVE, now=grant.retry_at - 1)[1].count == 0
    assert take(budget, allowance, wanted=8, least=5, lane=Lane.LIVE, now=grant.retry_at)[1].count == 6


# Giving back, and clocks


def test_tokens_that_come_back_can_be_taken_again_by_the_lane_that_had_them() -> None:
    allowance = Allowance(per_minute=100, live_reserve_percent=50, per_day=100)
    budget, grant = take(Budget(), allowance, wanted=50, lane=Lane.HISTORY, now=NOON)
    budget = give_back(budget, count=20, lane=Lane.HISTORY, granted_at=grant.granted_at, now=NOON + SECOND_US)
    assert could(budget, allowance=allowance, lane=Lane.HISTORY, now=NOON + SECOND_US).count == 20
    assert (budget.day_live, budget.day_history) == (0, 30)


def test_tokens_that_come_back_when_they_count_no_more_change_nothing() -> None:
    budget, grant = take(Budget(), PLAIN, wanted=50, lane=Lane.LIVE, now=NOON)
    later = NOON + 2 * MINUTE_US
    budget = taken(budget, 10, now=later)
    assert give_back(budget, count=50, lane=Lane.LIVE, granted_at=grant.granted_at, now=later) == budget


def test_time_of_a_budget_never_runs_backwards() -> None:
    budget = taken(Budget(), 300, now=NOON + SKEW)
    grant = could(budget, now=NOON - SKEW)
    assert (grant.count, grant.granted_at) == (0, NOON + SKEW)


def test_a_clock_that_was_set_back_does_not_stop_a_provider_until_it_has_caught_up() -> None:
    budget = taken(Budget(), 300, now=NOON + 10 * DAY_US)
    budget, refusal = take(budget, PLAIN, wanted=1, lane=Lane.LIVE, now=NOON)
    assert refusal.retry_at is not None
    assert NOON + MINUTE_US < refusal.retry_at < NOON + 2 * MINUTE_US
    assert could(budget, now=refusal.retry_at).count == 300


# What the vendor says


def test_what_the_vendor_asked_to_wait_is_waited_by_everybody() -> None:
    budget = throttled(Budget(), now=NOON, retry_after_s=42.5)
    until = NOON + 42 * SECOND_US + SECOND_US // 2
    refusal = could(budget, now=until - 1)
    assert (refusal.count, refusal.retry_at) == (0, until)
    assert refusal.reason == "over its limit, the vendor said to wait until 12:00:42 UTC"
    assert could(budget, now=until).count == 1


def test_without_a_word_the_wait_doubles_from_15_seconds_to_5_minutes() -> None:
    budget, now, waits = Budget(), NOON, []
    for _ in range(7):
        budget = throttled(budget, now=now, retry_after_s=None)
        assert budget.blocked_until is not None
        waits.append((budget.blocked_until - now) // SECOND_US)
        now = budget.blocked_until
    assert waits == [15, 30, 60, 120, 240, 300, 300]
    again = throttled(succeeded(budget, now=now), now=now, retry_after_s=None)
    assert again.blocked_until == now + 15 * SECOND_US


def test_a_wait_without_end_is_believed_for_a_day() -> None:
    budget = throttled(Budget(), now=NOON, retry_after_s=1e12)
    assert budget.blocked_until == NOON + DAY_US


def test_echoes_of_requests_that_were_out_already_neither_count_again_nor_lift_a_block() -> None:
    budget = throttled(Budget(), now=NOON, retry_after_s=None)
    for _ in range(7):
        budget = throttled(budget, now=NOON + SECOND_US, retry_after_s=None)
    budget = succeeded(budget, now=NOON + SECOND_US)
    assert (budget.strikes, budget.blocked_until) == (1, NOON + 15 * SECOND_US)
    budget = throttled(budget, now=NOON + SECOND_US, retry_after_s=60)
    assert (budget.strikes, budget.blocked_until) == (1, NOON + 61 * SECOND_US)


def test_after_a_block_one_request_goes_out_at_a_time_until_one_succeeds() -> None:
    budget = throttled(Budget(), now=NOON, retry_after_s=1)
    now = NOON + SECOND_US
    budget, probe = take(budget, PLAIN, wanted=50, lane=Lane.LIVE, now=now)
    assert (probe.count, probe.is_probe) == (1, True)
    waiting = could(budget, now=now)
    assert (waiting.count, waiting.retry_at) == (0, now + SECOND_US)
    assert could(unanswered(budget, now=now), now=now).count == 1
    assert could(give_back(budget, count=1, lane=Lane.LIVE, granted_at=now, now=now), now=now).count == 1
    assert could(budget, now=now + 30 * SECOND_US).count == 1  # whoever had it is no more
    free = could(succeeded(budget, now=now), now=now)
    assert (free.count, free.is_probe) == (299, False)


def test_one_request_at_a_time_may_cost_several_tokens() -> None:
    budget = throttled(Budget(), now=NOON, retry_after_s=1)
    _, grant = take(budget, PLAIN, wanted=50, least=8, lane=Lane.LIVE, now=NOON + SECOND_US)
    assert grant.count == 8


def test_what_the_vendor_counts_narrows_what_we_count_until_its_window_ends() -> None:
    ends = NOON + 30 * SECOND_US
    budget = told(Budget(), left=20, reset_at=ends, now=NOON)
    assert could(budget).count == 20
    assert could(budget, allowance=Allowance(300, 5), lane=Lane.HISTORY).count == 5  # 15 are kept for live work
    budget = told(taken(budget, 15), left=18, reset_at=ends + SECOND_US, now=NOON)  # overtaken by a later answer
    assert could(budget).count == 5
    budget = taken(budget, 5)
    refusal = could(budget)
    assert (refusal.count, refusal.retry_at) == (0, ends)
    assert refusal.reason == "the vendor says that 0 are left until 12:00:30 UTC"
    assert could(budget, now=ends).count == 280


def test_what_the_vendor_says_of_a_window_that_is_over_means_nothing() -> None:
    assert could(told(Budget(), left=0, reset_at=NOON, now=NOON)).count == 300


def test_a_used_up_day_blocks_until_the_next_one_and_shows_as_share() -> None:
    allowance = Allowance(1_000, 50, per_day=800)
    budget = taken(Budget(), 200, allowance=allowance)
    assert quota_share(budget, allowance, now=NOON) == 0.75
    assert quota_share(budget, PLAIN, now=NOON) == 1.0
    budget = taken(budget, 600, allowance=allowance)
    block = block_of(budget, allowance, lane=Lane.LIVE, now=NOON)
    assert block is not None
    assert block.reason == "800 of 800 a day are used"
    assert block.retry_at is not None
    assert MIDNIGHT < block.retry_at <= MIDNIGHT + 5 * SECOND_US
    assert quota_share(budget, allowance, now=block.retry_at) == 1.0
    assert could(budget, allowance=allowance, now=block.retry_at).count == 800


@pytest.mark.parametrize(("before_midnight", "left"), [(3 * SECOND_US, 0), (3 * SECOND_US + 1, 10)])
def test_what_may_go_out_after_midnight_counts_in_the_new_day_too(before_midnight: Micros, left: int) -> None:
    allowance = Allowance(1_000, 0, per_day=10)
    budget = taken(Budget(), 10, allowance=allowance, now=MIDNIGHT - before_midnight)
    assert could(budget, allowance=allowance, now=MIDNIGHT + 2 * SECOND_US).count == 0
    assert could(budget, allowance=allowance, now=MIDNIGHT + 3 * SECOND_US).count == left


def test_room_tells_a_full_window_from_a_block() -> None:
    allowance = Allowance(100, 50)
    fresh = room(Budget(), allowance, lane=Lane.HISTORY, now=NOON)
    assert (fresh.count, fresh.reason, fresh.blocked_until) == (50, "", None)
    full = room(taken(Budget(), 50, allowance=allowance, lane=Lane.HISTORY), allowance, lane=Lane.HISTORY, now=NOON)
    assert (full.count, full.blocked_until) == (0, None)
    assert full.retry_at is not None
    blocked = room(throttled(Budget(), now=NOON, retry_after_s=5), allowance, lane=Lane.LIVE, now=NOON)
    assert (blocked.count, blocked.blocked_until) == (0, NOON + 5 * SECOND_US)
    assert blocked.reason == "over its limit, the vendor said to wait until 12:00:05 UTC"
    both = room(throttled(taken(Budget(), 300), now=NOON, retry_after_s=5), PLAIN, lane=Lane.LIVE, now=NOON)
    assert (both.blocked_until, both.reason) == (NOON + 5 * SECOND_US, blocked.reason)
    assert both.retry_at is not None
    assert both.retry_at > NOON + MINUTE_US


# Memory


@given(
    st.builds(
        Budget,
        last=st.integers(0, 2 * NOON),
        spent=st.lists(st.builds(Spent, st.integers(0, NOON), st.integers(0, 99), st.integers(0, 99)), max_size=5).map(tuple),
        blocked_until=st.none() | st.integers(0, 2 * NOON),
        blocked_reason=st.text(),
        strikes=st.integers(0, 99),
        probing_since=st.none() | st.integers(0, 2 * NOON),
        day=st.integers(0, 99_999),
        day_live=st.integers(0, 99),
        day_history=st.integers(0, 99),
        vendor_left=st.none() | st.integers(0, 99),
        vendor_reset_at=st.none() | st.integers(0, 2 * NOON),
    )
)
def test_a_budget_comes_back_from_json_as_it_went(budget: Budget) -> None:
    assert from_json(json.loads(json.dumps(to_json(budget)))) == budget


def test_a_row_that_holds_nothing_is_a_fresh_budget() -> None:
    assert from_json({}) == Budget()


def test_memory_of_a_busy_budget_stays_small() -> None:
    budget = Budget()
    for second in range(600):
        budget, _ = take(budget, PLAIN, wanted=5, lane=Lane.LIVE, now=NOON + second * SECOND_US)
    assert len(budget.spent) <= 66
    assert settled(budget, now=NOON + DAY_US).spent == ()
    assert replace(settled(budget, now=NOON + DAY_US), last=0, day=0) == Budget()
