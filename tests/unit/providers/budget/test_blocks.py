"""What a vendor asked to wait, and what it counts itself."""

import pytest

from providers.budget import (
    Allowance,
    Budget,
    block_of,
    give_back,
    quota_share,
    succeeded,
    take,
    throttled,
    told,
    unanswered,
)
from providers.lanes import Lane
from providers.market.types import DAY_US, SECOND_US, Micros
from tests.unit.providers.budget.tokens import MIDNIGHT, NOON, PLAIN, could, taken


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
