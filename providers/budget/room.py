"""What may go out now, and if nothing: why, and from when on. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from providers.budget.ageing import free_again_at, next_day_at, settled
from providers.budget.terms import PROBE_LIFE, Allowance, Budget, Room
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros, from_us


@dataclass(frozen=True, slots=True)
class Bound:
    """What one rule leaves. `lasts`: it is not over within the window of a minute."""

    count: int
    retry_at: Micros | None
    reason: str
    lasts: bool = False


def room(budget: Budget, allowance: Allowance, *, lane: Lane, now: Micros) -> Room:
    """What a lane could take at `now`, and what stands in its way."""
    budget = settled(budget, now=now)
    narrowest = tightest(budget, allowance, lane=lane, least=1)
    block = block_of(budget, allowance, lane=lane, now=now)
    is_empty = narrowest.count < 1
    return Room(
        count=max(0, narrowest.count),
        retry_at=narrowest.retry_at if is_empty else None,
        reason=(block or narrowest).reason if is_empty else "",
        blocked_until=None if block is None else block.retry_at,
        quota_share=quota_share(budget, allowance, now=now),
    )


def quota_share(budget: Budget, allowance: Allowance, *, now: Micros) -> float:
    """Share of the day's quota that is left, 1 where there is none."""
    if allowance.per_day is None:
        return 1.0
    budget = settled(budget, now=now)
    return max(0.0, 1.0 - (budget.day_live + budget.day_history) / allowance.per_day)


def block_of(budget: Budget, allowance: Allowance, *, lane: Lane, now: Micros) -> Bound | None:
    """What keeps a lane from asking for longer than the window of a minute would, None when nothing does."""
    bounds = _bounds(settled(budget, now=now), allowance, lane, 1)
    return _longest([bound for bound in bounds if bound.lasts and bound.count < 1])


def most_at_once(allowance: Allowance, *, lane: Lane) -> int:
    """The most tokens that one call of a lane can ever get."""
    limits = [allowance.per_minute, *([allowance.per_day] if allowance.per_day is not None else [])]
    return min(limit - (reserve(allowance, limit) if lane is Lane.HISTORY else 0) for limit in limits)


def tightest(budget: Budget, allowance: Allowance, *, lane: Lane, least: int) -> Bound:
    """The rule that leaves fewest; of those that leave less than `least` the one that does so for longest. Wants a settled budget."""
    bounds = list(_bounds(budget, allowance, lane, least))
    too_tight = _longest([bound for bound in bounds if bound.count < least])
    return too_tight or min(bounds, key=lambda bound: bound.count)


def _longest(bounds: list[Bound]) -> Bound | None:
    return max(bounds, key=lambda bound: (bound.retry_at is None, bound.retry_at or 0), default=None)


def _bounds(budget: Budget, allowance: Allowance, lane: Lane, least: int) -> Iterator[Bound]:
    yield _window(budget, allowance, lane, least)
    if budget.blocked_until is not None:
        yield Bound(0, budget.blocked_until, budget.blocked_reason, lasts=True)
    elif budget.strikes:
        yield _probation(budget, least)
    if allowance.per_day is not None:
        yield _day(budget, allowance, allowance.per_day, lane)
    if budget.vendor_left is not None and budget.vendor_reset_at is not None:
        yield _vendor(budget, allowance, lane, budget.vendor_left, budget.vendor_reset_at)


def _window(budget: Budget, allowance: Allowance, lane: Lane, least: int) -> Bound:
    limit, for_live = allowance.per_minute, reserve(allowance, allowance.per_minute)
    live, history = sum(s.live for s in budget.spent), sum(s.history for s in budget.spent)
    count = limit - live - history - kept_for_live(lane, for_live, live)
    used = f"{live + history} of {limit} a minute are used"
    reason = used + _kept_text(lane, for_live)
    retry_at, free = None, count
    for s in budget.spent:
        live, history = live - s.live, history - s.history
        free = limit - live - history - kept_for_live(lane, for_live, live)
        if free >= least:
            retry_at = free_again_at(s.second)
            break
    return Bound(count, retry_at, reason)


def _probation(budget: Budget, least: int) -> Bound:
    """One call at a time; how soon the one that is out comes back nobody knows."""
    is_out = budget.probing_since is not None and budget.last < budget.probing_since + PROBE_LIFE
    reason = "after a refusal one request goes out at a time until one succeeds"
    return Bound(0, budget.last + SECOND_US, reason) if is_out else Bound(least, None, "")


def _day(budget: Budget, allowance: Allowance, per_day: int, lane: Lane) -> Bound:
    used, for_live = budget.day_live + budget.day_history, reserve(allowance, per_day)
    kept = kept_for_live(lane, for_live, budget.day_live)
    reason = f"{used} of {per_day} a day are used" + _kept_text(lane, for_live)
    return Bound(per_day - used - kept, next_day_at(budget.day), reason, lasts=True)


def _vendor(budget: Budget, allowance: Allowance, lane: Lane, left: int, reset_at: Micros) -> Bound:
    live, kept = sum(s.live for s in budget.spent), reserve(allowance, allowance.per_minute)
    reason = f"the vendor says that {max(0, left)} are left until {clock_text(reset_at)}"
    return Bound(left - kept_for_live(lane, kept, live), reset_at, reason, lasts=True)


def reserve(allowance: Allowance, limit: int) -> int:
    """What of a limit is kept for live work."""
    return limit * allowance.live_reserve_percent // 100


def kept_for_live(lane: Lane, reserved: int, live: int) -> int:
    """What of the reserve is still to be kept: live work uses its reserve up before anything else."""
    return max(0, reserved - live) if lane is Lane.HISTORY else 0


def _kept_text(lane: Lane, reserved: int) -> str:
    return f", {reserved} are kept for live work" if lane is Lane.HISTORY and reserved else ""


def clock_text(moment: Micros) -> str:
    """A time of day as operators read it."""
    return f"{from_us(moment):%H:%M:%S} UTC"
