"""A stretch of a calendar as sorted integer arrays, and the look-ups in them. Pure, immutable, complete within its days.

A window holds sessions of a few days more than it answers for, because a session may trade on the evening before its date.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from providers.market.days import Days, date_of
from providers.market.schedule import Schedule, Session
from providers.market.types import DAY_US, MINUTE_US, Micros, MicrosArray

# Instants are put into buckets of 2**36 µs (19 hours) by a shift. Walking over the few edges of a bucket takes 250 ns a
# call where `bisect` over the edges of five years takes 410 ns; dividing by days instead of shifting would eat that gain
# up.
BUCKET_BITS = 36
_OPEN = _NEVER = np.iinfo(np.int64).max
_NO_LIMIT = 2**62
_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Answers for instants in `[start, end)` and for sessions dated in the same days.

    `edges` are opens and closes in turn, segments that touch joined to one: an instant with an odd number of edges at or
    before it is in trading time. It is a list because `bisect` on a list is faster than any look-up in an array.
    `edge_array` is the same for columns; `is_open` and `caps` are read at the number of edges at or before an instant:
    whether that stretch trades, and the last trading minute before it if it does not. `hints` are the numbers of edges
    before the start of each bucket since `start`, from where a walk finds the position of an instant; `edges` ends with an
    instant that never comes, so that the walk needs no other end.
    """

    start: Micros
    end: Micros
    schedule: Schedule
    edges: list[Micros]
    hints: list[int]
    edge_array: MicrosArray
    is_open: npt.NDArray[np.bool_]
    caps: MicrosArray

    @classmethod
    def of(cls, schedule: Schedule, *, first_day: int, last_day: int) -> "Window":
        """The window of a schedule that is complete for the sessions around `first_day` to `last_day`, both included."""
        edges = _joined_edges(schedule)
        is_open = np.arange(len(edges) + 1) % 2 == 1
        caps = np.where(is_open, _OPEN, np.concatenate((edges[:1], edges)) - MINUTE_US) if len(edges) else np.array([_OPEN])
        start, end = first_day * DAY_US, (last_day + 1) * DAY_US
        buckets = np.arange(((end - start) >> BUCKET_BITS) + 2, dtype=np.int64)
        return cls(
            start=start,
            end=end,
            schedule=schedule,
            edges=[*edges.tolist(), _NEVER],
            hints=edges.searchsorted(start + (buckets << BUCKET_BITS), "left").tolist(),
            edge_array=edges,
            is_open=is_open,
            caps=caps,
        )

    def covers(self, start: Micros, end: Micros) -> bool:
        """Whether all of `[start, end)` is within."""
        return self.start <= start and end <= self.end

    def is_open_at(self, ts: Micros) -> bool:
        """Whether `ts` is in trading time."""
        return bisect_right(self.edges, ts) & 1 == 1

    def align(self, ts: Micros) -> Micros | None:
        """The trading minute that contains `ts`, or the last one before it; None when the window holds none."""
        position = bisect_right(self.edges, ts)
        if position & 1:
            return ts - ts % MINUTE_US
        return self.edges[position - 1] - MINUTE_US if position else None

    def are_open(self, ts: MicrosArray) -> npt.NDArray[np.bool_]:
        """Whether each instant is in trading time."""
        return self._by_position(ts, self.is_open)

    def align_many(self, ts: MicrosArray) -> MicrosArray:
        """`align` of each instant; every one must have a trading minute at or before it."""
        minutes: MicrosArray = ts // MINUTE_US
        minutes *= MINUTE_US
        np.minimum(minutes, self._by_position(ts, self.caps), out=minutes)
        return minutes

    def _by_position(self, ts: MicrosArray, values: npt.NDArray[_Value]) -> npt.NDArray[_Value]:
        """`values` at each instant's position among the edges.

        Long sorted columns are cut at the few edges instead of searching an edge for each instant (five times faster).
        """
        if len(ts) and bool((ts[1:] >= ts[:-1]).all()):
            first, last = (int(self.edge_array.searchsorted(t, "right")) for t in (ts[0], ts[-1]))
            if last - first < len(ts) // 4:
                cuts = ts.searchsorted(self.edge_array[first:last], "left")
                return np.repeat(values[first : last + 1], np.diff(cuts, prepend=0, append=len(ts)))
        return values[self.edge_array.searchsorted(ts, "right")]

    def sessions(self, first_day: int, last_day: int) -> list[Session]:
        """The sessions dated in `first_day` to `last_day`, both included."""
        schedule = self.schedule
        rows = self._session_rows(first_day, last_day)
        bounds = schedule.owner.searchsorted(np.arange(rows.start, rows.stop + 1)).tolist()
        spans = list(zip(schedule.opens.tolist(), schedule.closes.tolist(), strict=True))
        return [
            Session(
                date=date_of(int(schedule.days[row])),
                segments=tuple(spans[bounds[i] : bounds[i + 1]]),
                is_early_close=bool(schedule.is_early_close[row]),
                is_late_open=bool(schedule.is_late_open[row]),
            )
            for i, row in enumerate(range(rows.start, rows.stop))
        ]

    def session_day_at(self, ts: Micros) -> int | None:
        """The date, as day number, of the session whose trading time contains `ts`."""
        schedule = self.schedule
        row = int(schedule.opens.searchsorted(ts, "right")) - 1
        if row < 0 or ts >= int(schedule.closes[row]):
            return None
        return int(schedule.days[schedule.owner[row]])

    def next_open(self, ts: Micros) -> Micros | None:
        """The first opening after `ts`; None when the window holds none."""
        row = int(self.schedule.opens.searchsorted(ts, "right"))
        return int(self.schedule.opens[row]) if row < len(self.schedule.opens) else None

    def previous_close(self, ts: Micros) -> Micros | None:
        """The last closing at or before `ts`; None when the window holds none."""
        row = int(self.schedule.closes.searchsorted(ts, "right")) - 1
        return int(self.schedule.closes[row]) if row >= 0 else None

    def session_days(self, first_day: int, last_day: int) -> Days:
        """The dates of the sessions in `first_day` to `last_day`, both included."""
        return self.schedule.days[self._session_rows(first_day, last_day)]

    def cells(self, step: int, start: Micros, end: Micros) -> MicrosArray:
        """Starts, in `[start, end)`, of the cells of `step` microseconds that overlap trading time."""
        lowest, beyond = -(-start // step), -(-end // step)
        first = int(self.schedule.closes.searchsorted(start, "right"))
        last = int(self.schedule.opens.searchsorted(beyond * step, "left"))
        starts, _ = self._cells_of(slice(first, max(first, last)), step, lowest, beyond)
        return starts

    def session_cells(self, step: int, first_day: int, last_day: int) -> tuple[MicrosArray, Days]:
        """Cells of the sessions dated `first_day` to `last_day`, each with its session; a cell of two belongs to the first."""
        schedule = self.schedule
        sessions = self._session_rows(first_day, last_day)
        first, last = schedule.owner.searchsorted([sessions.start, sessions.stop]).tolist()
        taken = int(schedule.closes[first - 1] - 1) // step + 1 if first else -_NO_LIMIT
        starts, rows = self._cells_of(slice(first, last), step, taken, _NO_LIMIT)
        return starts, schedule.days[schedule.owner[rows]]

    def _cells_of(self, segments: slice, step: int, lowest: int, beyond: int) -> tuple[MicrosArray, npt.NDArray[np.int64]]:
        """Cells with numbers in `[lowest, beyond)` of a run of segments, and the row of the first segment each overlaps."""
        first = self.schedule.opens[segments] // step
        last = (self.schedule.closes[segments] - 1) // step
        first[1:] = np.maximum(first[1:], last[:-1] + 1)
        first = np.maximum(first, lowest)
        last = np.minimum(last, beyond - 1)
        counts = np.maximum(last - first + 1, 0)
        begins = np.cumsum(counts) - counts
        numbers = np.arange(counts.sum()) + np.repeat(first - begins, counts)
        return numbers * step, np.repeat(np.arange(segments.start, segments.stop), counts)

    def slot_days(self, cells: MicrosArray, step: int) -> tuple[Days, npt.NDArray[np.bool_]]:
        """For each cell start: the session it belongs to, and whether it belongs to one at all."""
        schedule = self.schedule
        if not len(schedule.opens):
            return np.zeros(len(cells), dtype=np.int32), np.zeros(len(cells), dtype=np.bool_)
        rows = schedule.closes.searchsorted(cells, "right")
        within = np.minimum(rows, len(schedule.opens) - 1)
        is_slot = (rows < len(schedule.opens)) & (schedule.opens[within] < cells + step)
        return schedule.days[schedule.owner[within]], is_slot

    def _session_rows(self, first_day: int, last_day: int) -> slice:
        first = int(self.schedule.days.searchsorted(first_day, "left"))
        return slice(first, max(first, int(self.schedule.days.searchsorted(last_day, "right"))))


def _joined_edges(schedule: Schedule) -> MicrosArray:
    """Opens and closes in turn, without those at which one segment follows on another."""
    touches = schedule.opens[1:] == schedule.closes[:-1]
    begins = np.concatenate(([True], ~touches))[: len(schedule.opens)]
    ends = np.concatenate((~touches, [True]))[: len(schedule.opens)]
    return np.stack((schedule.opens[begins], schedule.closes[ends]), axis=1).reshape(-1)
