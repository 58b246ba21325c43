"""Whether a provider's live answers usually hold the newest bar. Pure.

A vendor on a delayed plan never has it, and that is no news; one that always had it and now lacks it is stuck. Hours of memory, so that
an outage does not come to look like a habit.
"""

from dataclasses import dataclass, replace
from math import exp

from providers.health import Tally
from providers.market.types import SECOND_US, Micros

TAU_S = 6 * 3600.0
USUAL_SHARE = 0.8
LEAST_SYMBOLS = 20.0
"""Fewer say nothing yet."""


@dataclass(frozen=True, slots=True)
class Usual:
    """Decayed counts of symbols that were due the newest bar, and of those that had it."""

    at: Micros = 0
    due: float = 0.0
    fresh: float = 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether a lack of the newest bar would be news."""
        return self.due >= LEAST_SYMBOLS and self.fresh >= USUAL_SHARE * self.due

    def add(self, tally: Tally, *, now: Micros) -> "Usual":
        """With one more report."""
        kept = exp(-max(0, now - self.at) / SECOND_US / TAU_S)
        return replace(self, at=max(now, self.at), due=self.due * kept + tally.due, fresh=self.fresh * kept + tally.fresh)
