"""What happens to a budget: tokens taken and given back, and what the vendor said. Pure; each gives a new budget."""

from dataclasses import replace

from providers.budget.ageing import day_of, settled
from providers.budget.room import clock_text, tightest
from providers.budget.terms import FIRST_WAIT, LONGEST_BELIEVED_WAIT, LONGEST_WAIT, Allowance, Budget, Grant, Spent
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros

_SAME_RESET = 2 * SECOND_US
"""Vendors say in whole seconds when their window begins anew."""
_MOST_DOUBLINGS = 10


def take(budget: Budget, allowance: Allowance, *, wanted: int, lane: Lane, now: Micros, least: int = 1) -> tuple[Budget, Grant]:
    """Up to `wanted` tokens, at least `least` of them or none. They may be used within `BLOCK_LIFE`, no later."""
    budget = settled(budget, now=now)
    bound = tightest(budget, allowance, lane=lane, least=least)
    if bound.count < least:
        return budget, Grant(0, budget.last, retry_at=bound.retry_at, reason=bound.reason)
    count = min(max(wanted, least), bound.count)
    is_probe = budget.strikes > 0
    if is_probe:
        budget = replace(budget, probing_since=budget.last)
    return _counted(budget, count, lane, budget.last), Grant(count, budget.last, is_probe=is_probe)


def give_back(budget: Budget, *, count: int, lane: Lane, granted_at: Micros, now: Micros) -> Budget:
    """Tokens of a block that were not used."""
    budget = settled(budget, now=now)
    if budget.probing_since is not None and granted_at >= budget.probing_since:
        budget = replace(budget, probing_since=None)
    return _counted(budget, -count, lane, granted_at)


def _counted(budget: Budget, count: int, lane: Lane, granted_at: Micros) -> Budget:
    """Tokens of a second more (or less, as far as they still count)."""
    second = granted_at // SECOND_US
    by_second = {s.second: s for s in budget.spent}
    held = by_second.get(second)
    if held is None and count < 0:
        return budget
    held = held or Spent(second)
    live, history = (count, 0) if lane is Lane.LIVE else (0, count)
    by_second[second] = Spent(second, max(0, held.live + live), max(0, held.history + history))
    spent = tuple(by_second[second] for second in sorted(by_second) if by_second[second] != Spent(second))
    budget = replace(budget, spent=spent)
    if budget.vendor_left is not None:
        budget = replace(budget, vendor_left=budget.vendor_left - count)
    if day_of(granted_at) != budget.day:
        return budget
    return replace(budget, day_live=max(0, budget.day_live + live), day_history=max(0, budget.day_history + history))


def throttled(budget: Budget, *, now: Micros, retry_after_s: float | None) -> Budget:
    """The vendor refused a request for its limit. During a block this is the echo of requests that were out already: no new strike."""
    budget = settled(budget, now=now)
    said = None if retry_after_s is None else min(max(SECOND_US, round(retry_after_s * SECOND_US)), LONGEST_BELIEVED_WAIT)
    if budget.blocked_until is not None:
        until = max(budget.blocked_until, budget.last + (said or 0))
        return replace(budget, blocked_until=until, blocked_reason=_reason(until, is_said=said is not None))
    strikes = budget.strikes + 1
    wait = said if said is not None else min(FIRST_WAIT << min(strikes - 1, _MOST_DOUBLINGS), LONGEST_WAIT)
    until = budget.last + wait
    reason = _reason(until, is_said=said is not None)
    return replace(budget, blocked_until=until, blocked_reason=reason, strikes=strikes, probing_since=None)


def _reason(until: Micros, *, is_said: bool) -> str:
    if is_said:
        return f"over its limit, the vendor said to wait until {clock_text(until)}"
    return f"over its limit, the vendor did not say for how long: asked again at {clock_text(until)}"


def succeeded(budget: Budget, *, now: Micros) -> Budget:
    """The vendor let a request through. During a block that is an echo too and lifts nothing."""
    budget = settled(budget, now=now)
    return budget if budget.blocked_until is not None else replace(budget, strikes=0, probing_since=None)


def unanswered(budget: Budget, *, now: Micros) -> Budget:
    """The request that was out after a refusal came to nothing: another one may try."""
    budget = settled(budget, now=now)
    return replace(budget, probing_since=None)


def told(budget: Budget, *, left: int, reset_at: Micros, now: Micros) -> Budget:
    """The vendor says how many tokens are left until its window begins anew. Answers overtake each other: the fewest count."""
    budget = settled(budget, now=now)
    reset_at = min(reset_at, budget.last + LONGEST_BELIEVED_WAIT)
    if reset_at <= budget.last:
        return budget
    known, known_reset = budget.vendor_left, budget.vendor_reset_at
    if known is not None and known_reset is not None and abs(known_reset - reset_at) <= _SAME_RESET:
        return replace(budget, vendor_left=min(known, left))
    return replace(budget, vendor_left=left, vendor_reset_at=reset_at)
