"""A budget brought up to now: blocks that ended, tokens that count no more, a new day. Pure."""

from dataclasses import replace

from providers.budget.terms import CLOCK_SET_BACK, DAY_EDGE, KEPT, Budget
from providers.market.types import DAY_US, SECOND_US, Micros


def free_again_at(second: int) -> Micros:
    """When a token that was granted within this second counts no more."""
    return (second + 1) * SECOND_US + KEPT


def day_of(now: Micros) -> int:
    """Days since 1970; one lasts a little into the next, because what was granted before midnight may go out after it."""
    return (now - DAY_EDGE) // DAY_US


def next_day_at(day: int) -> Micros:
    """When the next one begins."""
    return (day + 1) * DAY_US + DAY_EDGE


def settled(budget: Budget, *, now: Micros) -> Budget:
    """The budget at `now`, or at its own time where that is later."""
    if budget.last - now > CLOCK_SET_BACK:
        budget = _shifted(budget, by=now - budget.last)
    now = max(now, budget.last)
    budget = _in_day(budget, day_of(now))
    if budget.blocked_until is not None and budget.blocked_until <= now:
        budget = replace(budget, blocked_until=None, blocked_reason="")
    if budget.vendor_reset_at is not None and budget.vendor_reset_at <= now:
        budget = replace(budget, vendor_left=None, vendor_reset_at=None)
    return replace(budget, last=now, spent=tuple(s for s in budget.spent if free_again_at(s.second) > now))


def _in_day(budget: Budget, day: int) -> Budget:
    """A new day begins with what may still go out in it of the last one; called before that is forgotten."""
    if day <= budget.day:
        return replace(budget, day=day)
    first = (day * DAY_US - DAY_EDGE) // SECOND_US
    late = [s for s in budget.spent if s.second >= first]
    return replace(budget, day=day, day_live=sum(s.live for s in late), day_history=sum(s.history for s in late))


def _shifted(budget: Budget, *, by: Micros) -> Budget:
    """All as long ago, and as far ahead, as it was for the clock that wrote it."""
    return replace(
        budget,
        last=budget.last + by,
        spent=tuple(replace(s, second=s.second + by // SECOND_US + 1) for s in budget.spent),
        blocked_until=None if budget.blocked_until is None else budget.blocked_until + by,
        probing_since=None if budget.probing_since is None else budget.probing_since + by,
        vendor_reset_at=None if budget.vendor_reset_at is None else budget.vendor_reset_at + by,
    )
