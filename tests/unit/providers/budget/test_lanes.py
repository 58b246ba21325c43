"""Live work, its reserve, and what is left for the past; what comes back, and what is remembered."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.budget import (
    Allowance,
    Budget,
    Spent,
    from_json,
    give_back,
    most_at_once,
    room,
    settled,
    take,
    throttled,
    to_json,
)
from providers.lanes import Lane
from providers.market.types import DAY_US, MINUTE_US, SECOND_US
from tests.unit.providers.budget.tokens import NOON, PLAIN, SKEW, could, taken


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
