"""What routing knows of one provider when it chooses. Pure; `providers.services.standings` fills it from rows."""

from dataclasses import dataclass

from providers.breaker import Phase
from providers.market.types import MINUTE_US, Micros
from providers.scoring import Score

LEAD = 0.10
"""By how much another must be better to take over from one that is merely fair. Two good vendors differ by less: one failed call
in twenty costs 0.05."""
LEAD_CALLS = 5.0
"""Calls that a lead must rest on, as many as the prior counts for: one that was not asked is not better, only unknown."""
HOLD_US = 5 * MINUTE_US
"""How long a provider must have been good to get its place back: the time constant of blame five times over."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Below `demote` a provider loses the first place; at or above `promote` it is good. `0 <= demote < promote <= 1`."""

    demote: float = 0.70
    promote: float = 0.85


@dataclass(frozen=True, slots=True)
class Away:
    """A provider that is not to be asked before `until`, by an operator's word; that says nothing about its health."""

    until: Micros
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One provider of a policy at the moment of a choice.

    `rank`: place in the policy, 0 first. `phase`: the effective one; `is_forced` when an operator's override made it, with
    `forced_reason` in words. `good_since`: see `providers.scoring.good_since`. `refusal`: why this very query is outside its
    limits. `away`: it is in maintenance. `blocked_until`: no request before, with `blocked_reason`. `has_tokens`: whether the budget
    could pay for a call now. `used_at`: when an outcome was last reported.
    """

    provider: str
    rank: int
    score: Score
    is_enabled: bool = True
    good_since: Micros | None = None
    phase: Phase = Phase.CLOSED
    open_until: Micros | None = None
    is_forced: bool = False
    forced_reason: str = ""
    isolated_reason: str | None = None
    refusal: str | None = None
    away: Away | None = None
    blocked_until: Micros | None = None
    blocked_reason: str = ""
    has_tokens: bool = True
    used_at: Micros | None = None

    @property
    def can_be_first(self) -> bool:
        """Whether it may hold the first place at all. A quota, maintenance or a query it refuses passes; it keeps its place meanwhile."""
        return self.is_enabled and not self.isolated_reason and self.phase is Phase.CLOSED
