"""Expected slots by position, and how a set of missing time becomes gaps. Pure.

A gap is a run of neighbouring missing slots within one unit: a session, or for `1d` a year. Positions among the expected slots decide
what is neighbouring, so that a run never holds time in which nothing is expected, but for the nights and days off between daily bars.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from collector.core.spans import Spans, inside, spans_of
from providers.market.calendar import Calendar
from providers.market.days import Days, date_of
from providers.market.types import DAY_US, Interval, Micros, MicrosArray

UNITS_A_PIECE = 32
"""Sessions in one piece of a grid: four weeks of weekdays and a reserve, so that a scan of the recent past is one piece."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring missing slots; `session` is the first one's."""

    session: date
    start: Micros
    end: Micros
    slots: int


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Expected slots of one calendar and interval, ascending: start, session's day number, instant from which each is over.

    `edges`: the positions at which a unit begins, but for the first.
    """

    interval: Interval
    starts: MicrosArray
    days: Days
    closes: MicrosArray
    edges: Sequence[int]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def spans(self) -> Spans:
        """All expected time."""
        return spans_of(self.starts, self.interval.us)

    def within(self, low: Micros, high: Micros) -> "Grid":
        """The slots that start in `[low, high)`."""
        a, b = self.starts.searchsorted([low, high]).tolist()
        return self._cut(a, max(a, b))

    def without(self, gone: Spans) -> "Grid":
        """The slots that start in none of these spans."""
        left = ~inside(self.starts, gone)
        return _grid(self.interval, self.starts[left], self.days[left], self.closes[left]) if len(gone) else self

    def settled_until(self, *, now: Micros, settle_after: Micros) -> Micros:
        """The start of the first slot that has not been over for `settle_after`; the end of the last where all have."""
        settled = int(self.closes.searchsorted(now - settle_after, "right"))
        return int(self.starts[settled]) if settled < len(self) else int(self.starts[-1]) + self.interval.us

    def pieces(self) -> Iterator["Grid"]:
        """The grid in pieces that no gap reaches out of."""
        step = 1 if self.interval is Interval.D1 else UNITS_A_PIECE
        bounds = [*[0, *self.edges][::step], len(self)]
        return (self._cut(a, b) for a, b in pairwise(bounds) if a < b)

    def runs(self, missing: Spans) -> list[Run]:
        """The gaps in a set of missing spans. A slot is missing when its start is."""
        found: list[list[int]] = self.starts.searchsorted(missing).tolist()
        if self.interval is Interval.D1:
            found = _joined(found)
        return [self._run(a, b) for first, beyond in found for a, b in _split(first, beyond, self.edges)]

    def _cut(self, a: int, b: int) -> "Grid":
        return _grid(self.interval, self.starts[a:b], self.days[a:b], self.closes[a:b])

    def _run(self, a: int, b: int) -> Run:
        end = int(self.starts[b - 1]) + self.interval.us
        return Run(session=date_of(int(self.days[a])), start=int(self.starts[a]), end=end, slots=b - a)


def grid_of(calendar: Calendar, interval: Interval, first: date, last: date) -> Grid:
    """All slots of the sessions dated `first` to `last`, both included.

    A slot is over at its end; a daily one not before its session's close, which may lie behind the midnight that ends the slot.
    """
    starts, days = calendar.session_slots(interval, first, last)
    closes = starts + interval.us
    if interval is Interval.D1 and len(starts):
        sessions = [session.close for session in calendar.sessions(first, last)]
        closes = np.maximum(starts + DAY_US, np.array(sessions, dtype=np.int64))
    return _grid(interval, starts, days, closes)


def _grid(interval: Interval, starts: MicrosArray, days: Days, closes: MicrosArray) -> Grid:
    units = days.astype("datetime64[D]").astype("datetime64[Y]") if interval is Interval.D1 else days
    edges = np.flatnonzero(units[1:] != units[:-1]) + 1
    return Grid(interval=interval, starts=starts, days=days, closes=closes, edges=edges.tolist())


def _joined(found: Sequence[list[int]]) -> list[list[int]]:
    """Runs of positions with no slot between them made one: Friday's and Monday's bar are neighbours."""
    joined: list[list[int]] = []
    for first, beyond in found:
        if joined and joined[-1][1] == first:
            joined[-1][1] = beyond
        else:
            joined.append([first, beyond])
    return joined


def _split(first: int, beyond: int, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    """A run of positions cut at the edges within it; nothing for an empty one."""
    while first < beyond:
        at = bisect_left(edges, first + 1)
        end = min(beyond, edges[at]) if at < len(edges) else beyond
        yield first, end
        first = end
