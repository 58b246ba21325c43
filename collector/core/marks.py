"""How far slots are complete, counted over groups of series of which the same is known. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from collector.core.spans import Spans, inside
from providers.market.types import Micros, MicrosArray

GRACE_CADENCES = 2
"""An answer that proves a slot empty may come with the second plan after a vendor's silence could be believed."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """So many series that are expected to have the same slots, of which they lack the same and were without trade in the same."""

    series: int
    expected: Spans
    missing: Spans
    empty: Spans


@dataclass(frozen=True, slots=True)
class SlotCount:
    """Of the series that must have a slot: how many there are, how many have a bar, how many provably had no trade.

    `is_overdue`: it could have been known of all by now.
    """

    start: Micros
    expected: int
    held: int
    empty: int
    is_overdue: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.held + self.empty == self.expected


def count_slots(starts: MicrosArray, groups: Iterable[Group], *, overdue_before: Micros) -> list[SlotCount]:
    """A count for each of the slots that any series is expected to have, in the order given."""
    expected, missing, empty = (np.zeros(len(starts), dtype=np.int64) for _ in range(3))
    for group in groups:
        is_expected = inside(starts, group.expected)
        is_missing = is_expected & inside(starts, group.missing)
        expected += group.series * is_expected
        missing += group.series * is_missing
        empty += group.series * (is_expected & ~is_missing & inside(starts, group.empty))
    held = expected - missing - empty
    columns = zip(starts.tolist(), expected.tolist(), held.tolist(), empty.tolist(), strict=True)
    return [SlotCount(*column, is_overdue=column[0] < overdue_before) for column in columns if column[1]]


def merged(counts: Iterable[SlotCount]) -> list[SlotCount]:
    """Counts of several kinds of series made one a slot, ascending; overdue is what is so for all of them."""
    found: dict[Micros, SlotCount] = {}
    for one in counts:
        other = found.get(one.start, SlotCount(one.start, 0, 0, 0, is_overdue=True))
        found[one.start] = SlotCount(
            one.start,
            other.expected + one.expected,
            other.held + one.held,
            other.empty + one.empty,
            is_overdue=other.is_overdue and one.is_overdue,
        )
    return [found[start] for start in sorted(found)]
