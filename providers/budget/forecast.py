"""How long a budget makes much work take. Pure."""

from providers.budget.ageing import next_day_at, settled
from providers.budget.room import kept_for_live, reserve
from providers.budget.terms import KEPT, Allowance, Budget
from providers.lanes import Lane
from providers.market.types import DAY_US, Micros


def time_for(budget: Budget, allowance: Allowance, *, tokens: int, lane: Lane, now: Micros) -> Micros | None:
    """How long so many tokens take a lane at least, if nobody else of it wants any; None: for ever, it can't have a single one.

    By the minute's limit from when the vendor no longer says to wait, or by the day's quota where that takes longer.
    """
    budget = settled(budget, now=now)
    share = _share(allowance, allowance.per_minute, lane)
    if share < 1:
        return None
    wait = 0 if budget.blocked_until is None else budget.blocked_until - budget.last
    by_minute = wait + tokens * KEPT // share
    if allowance.per_day is None:
        return by_minute
    by_day = _by_day(budget, allowance, allowance.per_day, tokens=tokens, lane=lane)
    return None if by_day is None else max(by_minute, by_day)


def _by_day(budget: Budget, allowance: Allowance, per_day: int, *, tokens: int, lane: Lane) -> Micros | None:
    """Until the last day that is needed begins; 0 where what is left of today is enough."""
    kept = kept_for_live(lane, reserve(allowance, per_day), budget.day_live)
    rest = tokens - max(0, per_day - budget.day_live - budget.day_history - kept)
    if rest <= 0:
        return 0
    share = _share(allowance, per_day, lane)
    if share < 1:
        return None
    return next_day_at(budget.day) - budget.last + (-(-rest // share) - 1) * DAY_US


def _share(allowance: Allowance, limit: int, lane: Lane) -> int:
    return limit - kept_for_live(lane, reserve(allowance, limit), 0)
