"""A budget as JSON, and back. Pure."""

from collections.abc import Mapping
from typing import Any

from providers.budget.terms import Budget, Spent


def to_json(budget: Budget) -> dict[str, Any]:
    """For `ProviderBudget.memory`."""
    return {
        "last": budget.last,
        "spent": [[s.second, s.live, s.history] for s in budget.spent],
        "blocked_until": budget.blocked_until,
        "blocked_reason": budget.blocked_reason,
        "strikes": budget.strikes,
        "probing_since": budget.probing_since,
        "day": [budget.day, budget.day_live, budget.day_history],
        "vendor": [budget.vendor_left, budget.vendor_reset_at],
    }


def from_json(memory: Mapping[str, Any]) -> Budget:
    """What `to_json` wrote; a fresh budget from an empty object."""
    if not memory:
        return Budget()
    day, day_live, day_history = memory["day"]
    vendor_left, vendor_reset_at = memory["vendor"]
    return Budget(
        last=memory["last"],
        spent=tuple(Spent(second, live, history) for second, live, history in memory["spent"]),
        blocked_until=memory["blocked_until"],
        blocked_reason=memory["blocked_reason"],
        strikes=memory["strikes"],
        probing_since=memory["probing_since"],
        day=day,
        day_live=day_live,
        day_history=day_history,
        vendor_left=vendor_left,
        vendor_reset_at=vendor_reset_at,
    )
