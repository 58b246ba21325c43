"""Bars of a data folder. Files are read when their series is first asked for and kept as sorted columns."""

import logging
from collections import Counter, defaultdict
from pathlib import Path
from threading import Lock

import numpy as np

from providers.market.dataset import DatasetError, DatasetSeries, load_manifest, read_series
from providers.market.types import DAY_US, Interval, Micros
from providers.simulator.quotes import Quote
from providers.simulator.rows import Rows, by_day, by_width
from providers.simulator.source import Calendars
from providers.simulator.universe import plain_name

logger = logging.getLogger(__name__)
_COMPARED = ("open", "high", "low", "close", "volume")


class RecordedSource:
    """Serves every row of the folder, whatever the time is: recorded bars were published long ago.

    An interval that the folder does not hold for a symbol is built from its minutes.
    """

    def __init__(self, *, folder: Path, calendars: Calendars) -> None:
        """Reads the manifest, no bars. Raises: DatasetError."""
        self._calendars = calendars
        self._files: dict[tuple[str, Interval], list[DatasetSeries]] = defaultdict(list)
        for series in load_manifest(folder):
            if not series.path.is_file():
                raise DatasetError(f"{folder}: the manifest names {series.path.name}, which is not there")
            self._files[plain_name(series.symbol), series.interval].append(series)
        self._names = _spellings({name for name, _ in self._files})
        self._rows: dict[tuple[str, Interval], Rows] = {}
        self._lock = Lock()

    def knows(self, symbol: str) -> bool:
        """Whether the folder holds a series of this symbol."""
        return self._name(symbol) in self._names.values()

    def bars(self, *, symbol: str, interval: Interval, start: Micros, end: Micros, now: Micros) -> Rows:
        """The bars with an open in `[start, end)`. Raises: DatasetError when a file is broken."""
        name = self._name(symbol)
        if (name, interval) in self._files:
            return self._series(name, interval).span(start, end)
        if (name, Interval.M1) not in self._files:
            return Rows.empty()
        if interval is Interval.D1:
            return self._days(name, start, end)
        low, high = -(-start // interval.us) * interval.us, -(-end // interval.us) * interval.us
        return by_width(self._series(name, Interval.M1).span(low, high), interval.us)

    def _name(self, symbol: str) -> str:
        """The folder's name of what a vendor spells in its own way."""
        name = plain_name(symbol)
        return self._names.get(name) or self._names.get(loose_name(name), name)

    def quote(self, *, symbol: str, now: Micros) -> Quote | None:
        """None: folders hold bars alone, and a quote made up from them would be an invention."""
        return None

    def _days(self, name: str, start: Micros, end: Micros) -> Rows:
        series = self._files[name, Interval.M1][0]
        minutes = self._series(name, Interval.M1).span(start - DAY_US, -(-end // DAY_US) * DAY_US + DAY_US)
        days = self._calendars(series.calendar, series.hours).session_days(minutes.start, Interval.M1)
        return by_day(minutes, days).span(start, end)

    def _series(self, name: str, interval: Interval) -> Rows:
        with self._lock:
            if (name, interval) not in self._rows:
                self._rows[name, interval] = merge(self._files[name, interval])
            return self._rows[name, interval]


def loose_name(symbol: str) -> str:
    """Letters and digits alone, as capitals: what all vendors' spellings of one instrument have in common."""
    return "".join(letter for letter in plain_name(symbol) if letter.isalnum()).upper()


def _spellings(names: set[str]) -> dict[str, str]:
    """Names by themselves, and by their loose form where only one name has that form."""
    forms = Counter(map(loose_name, names))
    return {form: name for name in names if forms[form := loose_name(name)] == 1} | {name: name for name in names}


def merge(files: list[DatasetSeries]) -> Rows:
    """The rows of several files of one series, ascending, one per open.

    Equal rows collapse; of differing ones the later file's wins and that is logged. Raises: DatasetError.
    """
    rows = Rows.concat([Rows.of_batch(read_series(series)) for series in files])
    rows = rows.take(np.argsort(rows.start, kind="stable"))
    if not len(rows):
        return rows
    is_last = np.r_[rows.start[1:] != rows.start[:-1], True]
    replaced = np.flatnonzero(~is_last)
    if len(replaced):
        differing = sum(not _same(rows, int(row), int(row) + 1) for row in replaced)
        names = ", ".join(series.path.name for series in files)
        logger.warning(
            "%s: %d rows are there twice, %d of them differ: the later file's are served", names, len(replaced), differing
        )
    return rows.take(is_last)


def _same(rows: Rows, one: int, other: int) -> bool:
    return all(np.array_equal(getattr(rows, c)[one], getattr(rows, c)[other], equal_nan=True) for c in _COMPARED)
