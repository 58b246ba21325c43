"""Partitions made ahead of their rows, so that no write waits for one to be made."""

from dataclasses import dataclass
from datetime import datetime

from collector.partitions import BARS, QUOTES, Partitioned, ensure_partitions, forget_known, missing_partitions


@dataclass(frozen=True, slots=True)
class Ahead:
    """How many periods before and behind the present one are made for a table."""

    of: Partitioned
    before: int
    behind: int

    def periods(self, now: datetime) -> range:
        """Those that there should be."""
        present = self.of.period_of(now)
        return range(present - self.before, present + self.behind + 1)


AHEAD = (Ahead(BARS, before=1, behind=2), Ahead(QUOTES, before=1, behind=3))
"""Two months and three days: as long may nobody look after the tables until a write has to make its own."""


def make_ahead(*, now: datetime) -> list[str]:
    """Make what is missing; returns the names made."""
    if missing_ahead(now=now):
        forget_known()  # who is asked to look after them looks
    return [name for one in AHEAD for name in ensure_partitions(one.of, one.periods(now))]


def missing_ahead(*, now: datetime) -> list[str]:
    """Names of those that should be there and are not."""
    return [name for one in AHEAD for name in missing_partitions(one.of, one.periods(now))]
