"""When a series is behind, and which slots have fallen due: in trading time, over groups of series of which the same is known. Pure.

A series is behind when more than two intervals of its trading time have passed since the end of what is known of it. So a night counts
for nothing, and whoever was up to date at the close has two intervals after the next open. That nobody is behind while the market is shut is the
caller's to say.
A slot falls due two intervals after its start, by the clock: its bar has as long as the slot lasted to arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.core.spans import Spans, inside
from providers.market.types import MINUTE_US, Interval, Micros, MicrosArray

ALLOWED_INTERVALS = 2
HOUR_US = 60 * MINUTE_US
LEAST_RECENT = 2
"""Slots of coarse intervals that count as the last session hour."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Series of one tier that are expected to have the same slots, lack the same of them, and are known up to the same instant.

    `last`: None where nothing is known. `members`: ids of the first few of them.
    """

    tier: str
    wanted: Spans
    missing: Spans
    last: Micros | None
    series: int
    members: Sequence[int]


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots of some series by what became of them."""

    expected: int = 0
    good: int = 0

    def __add__(self, other: "Slots") -> "Slots":
        return Slots(self.expected + other.expected, self.good + other.good)

    def times(self, series: int) -> "Slots":
        """Of so many series with the same."""
        return Slots(self.expected * series, self.good * series)


NO_SLOTS = Slots()


def behind_before(time: Spans, *, now: Micros, interval: Interval) -> Micros | None:
    """Who is known up to an instant before this one is behind; None: nobody can be.

    `time`: the trading time of the series. Of several instants with the allowed time between them and now it is the earliest, so that
    the night before an open counts for nothing.
    """
    left = ALLOWED_INTERVALS * interval.us
    for start, end in reversed(time[time[:, 0] < now].tolist()):
        length = min(end, now) - start
        if length > left:
            return int(min(end, now) - left)
        left -= length
    return None


def is_behind(last: Micros | None, before: Micros | None) -> bool:
    """Whether a series known up to `last` is; `before`: what `behind_before` said of its trading time."""
    return before is not None and (last is None or last < before)


def due_after(counted_through: Micros, *, now: Micros, interval: Interval) -> Micros:
    """From which instant on slots that fell due are counted: where the last count ended, but no longer ago than an hour or two intervals.

    What fell due earlier is not counted at all: nobody looked in time. A mark far ahead was set by a clock that has been put right since.
    """
    most = max(HOUR_US, ALLOWED_INTERVALS * interval.us)
    return now if counted_through > now + most else max(counted_through, now - most)


def fell_due(starts: MicrosArray, *, after: Micros, now: Micros, interval: Interval) -> MicrosArray:
    """Of ascending slots those that fell due in `(after, now]`: spans of counts that follow each other never share a slot."""
    allowed = ALLOWED_INTERVALS * interval.us
    first, beyond = starts.searchsorted([after - allowed, now - allowed], "right").tolist()
    return starts[first : max(first, beyond)]


def last_hour(starts: MicrosArray, *, now: Micros, interval: Interval) -> MicrosArray:
    """Of ascending slots the newest that have fallen due: an hour of trading, of coarse intervals two slots."""
    due = starts[: int(starts.searchsorted(now - ALLOWED_INTERVALS * interval.us, "right"))]
    return due[-recent_count(interval) :]


def recent_count(interval: Interval) -> int:
    """How many slots are the last session hour."""
    return max(LEAST_RECENT, HOUR_US // interval.us)


def count_slots(group: Group, starts: MicrosArray) -> Slots:
    """Of these slots those that one series of the group was expected to have, and those of them that it has."""
    is_wanted = inside(starts, group.wanted)
    expected = int(is_wanted.sum())
    return Slots(expected, expected - int((is_wanted & inside(starts, group.missing)).sum()))
