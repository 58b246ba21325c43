"""What the recording says: one entry a (symbol, interval), its files merged. Reads files, nothing else."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from providers.market.calendar import Calendar, get_calendar
from providers.market.dataset import DatasetError, DatasetSeries, load_manifest, read_series
from providers.market.days import Days
from providers.market.types import DAY_US, BarBatch, Hours, Interval, Micros, MicrosArray

_EPOCH_DAY = date(1970, 1, 1)
_LONG_SILENCE_US = 5 * DAY_US
"""Longer than any weekend: nothing was recorded then. Less where a vendor's memory is shorter than that."""


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """One recorded series. `bars`: rows of all its files, ascending, one a slot. `sessions`: (first, last) session day of each
    file, ascending."""

    symbol: str
    interval: Interval
    calendar_name: str
    hours: Hours
    bars: BarBatch
    sessions: tuple[tuple[date, date], ...]

    @property
    def calendar(self) -> Calendar:
        return get_calendar(self.calendar_name, self.hours)

    def only(self, sessions: Sequence[tuple[date, date]]) -> "Recorded":
        """The part of it that lies in some of its `sessions`."""
        days = self.calendar.session_days(self.bars.start, self.interval)
        spans = [((first - _EPOCH_DAY).days, (last - _EPOCH_DAY).days) for first, last in sessions]
        kept = np.any([(days >= first) & (days <= last) for first, last in spans], axis=0)
        return replace(self, bars=self.bars.where(kept), sessions=tuple(sessions))

    def windows(self, *, slots_a_window: int, longest: Micros | None = None) -> "list[Window]":
        """Spans that together hold every session of the files, and every row, also the ones off session.

        With `longest` they are no longer than that and hold no long silence, nor what lies before the first row: a vendor that
        answers for so short a time can't prove either.
        """
        return [w for first, last in self.sessions for w in self._file_windows(first, last, slots_a_window, longest)]

    def _file_windows(self, first: date, last: date, slots_a_window: int, longest: Micros | None) -> "list[Window]":
        slots, days = self.calendar.session_slots(self.interval, first, last)
        if not len(slots):
            return []
        rows = self._rows(first, last)
        if longest is None:
            return self._edged(rows, slots, self._cuts(slots, days, slots_a_window, longest))
        windows = []
        silence = min(_LONG_SILENCE_US, longest // 4)
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > silence) + 1):
            kept = (slots >= run[0]) & (slots <= run[-1])
            if kept.any():
                cuts = self._cuts(slots[kept], days[kept], slots_a_window, longest)
                windows += self._edged(run, slots[kept], cuts)
        return windows

    def _edged(self, rows: MicrosArray, slots: MicrosArray, cuts: list[int]) -> "list[Window]":
        """Windows between the cuts, the outer ones wide enough for every row."""
        edges = [*(int(slots[cut]) for cut in cuts), int(slots[-1]) + self.interval.us]
        edges[0], edges[-1] = min(edges[0], int(rows[0])), max(edges[-1], int(rows[-1]) + self.interval.us)
        return [Window(start=a, end=b, slots=slots[(slots >= a) & (slots < b)]) for a, b in itertools.pairwise(edges)]

    def _cuts(self, slots: MicrosArray, days: Days, slots_a_window: int, longest: Micros | None) -> list[int]:
        """Where windows begin: at the last session's start that a window can reach, within a session only for `longest`."""
        starts = np.flatnonzero(np.concatenate(([True], np.diff(days) != 0)))
        cuts = [0]
        while (reach := self._reachable(slots, cuts[-1], slots_a_window, longest)) < len(slots):
            later = starts[starts > cuts[-1]]
            fitting = later[later <= reach]
            if len(fitting):
                cuts.append(int(fitting[-1]))
            elif longest is not None:
                cuts.append(max(reach, cuts[-1] + 1))
            elif len(later):
                cuts.append(int(later[0]))
            else:
                break
        return cuts

    def _reachable(self, slots: MicrosArray, cut: int, slots_a_window: int, longest: Micros | None) -> int:
        """The last slot at which a window from `cut` on may end; their number where it may hold them all."""
        if longest is None or slots[-1] + self.interval.us <= slots[cut] + longest:
            return cut + slots_a_window
        return min(cut + slots_a_window, int(np.searchsorted(slots, slots[cut] + longest, side="right")) - 1)

    def _rows(self, first: date, last: date) -> MicrosArray:
        """The starts of the file's own rows."""
        days = self.calendar.session_days(self.bars.start, self.interval)
        return self.bars.start[(days >= (first - _EPOCH_DAY).days) & (days <= (last - _EPOCH_DAY).days)]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One job's span and the slots expected in it."""

    start: Micros
    end: Micros
    slots: MicrosArray


def read_recording(folder: Path, *, symbols: Sequence[str] = ()) -> list[Recorded]:
    """All series of a data folder, or those of the named symbols.

    Files of one (symbol, interval) become one series with the widest of their hours. Where two files hold the same slot the one that
    comes later in the manifest counts, as it does in the simulator. Raises: DatasetError.
    """
    lines = load_manifest(folder)
    if unknown := sorted(set(symbols) - {line.symbol for line in lines}):
        raise DatasetError(f"{folder}: no series of {', '.join(unknown)}")
    groups: dict[tuple[str, Interval], list[DatasetSeries]] = {}
    for line in lines:
        if not symbols or line.symbol in symbols:
            groups.setdefault((line.symbol, line.interval), []).append(line)
    return [_merged(files) for files in groups.values()]


def _merged(files: list[DatasetSeries]) -> Recorded:
    calendars = {file.calendar for file in files}
    if len(calendars) > 1:
        names = ", ".join(f"{file.path.name}: {file.calendar}" for file in files)
        raise DatasetError(f"{files[0].symbol} {files[0].interval}: expected one calendar for all its files, got {names}")
    hours = Hours.EXTENDED if any(file.hours is Hours.EXTENDED for file in files) else Hours.REGULAR
    calendar = get_calendar(files[0].calendar, hours)
    batches = [read_series(file) for file in files]
    sessions = []
    for batch in batches:
        days = calendar.session_days(batch.start[[0, -1]], files[0].interval)
        sessions.append((_EPOCH_DAY + timedelta(days=int(days[0])), _EPOCH_DAY + timedelta(days=int(days[1]))))
    return Recorded(
        symbol=files[0].symbol,
        interval=files[0].interval,
        calendar_name=files[0].calendar,
        hours=hours,
        bars=_last_of_each_slot(BarBatch.concat(batches)),
        sessions=_joined(sessions),
    )


def _joined(sessions: list[tuple[date, date]]) -> tuple[tuple[date, date], ...]:
    """Ascending, files that overlap in one."""
    joined: list[tuple[date, date]] = []
    for first, last in sorted(sessions):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def _last_of_each_slot(bars: BarBatch) -> BarBatch:
    order = np.argsort(bars.start, kind="stable")
    starts = bars.start[order]
    return bars.where(order[np.concatenate((np.diff(starts) != 0, [True]))])
