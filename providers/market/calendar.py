"""When a venue trades: sessions, trading minutes and expected slots of exchanges, by name.

Every question is answered from integer arrays in memory. They begin with 14 days before and 7 days after the first instant
asked about; asking beyond them reads more from the source, ten years at a time, and swaps all arrays at once, so threads
see one state or the other and never a wrong answer. Outside of what the source knows a venue counts as shut, with a
`CalendarRunsOut` warning once for each end.
"""

import threading
import warnings
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt

from providers.market.calendar_errors import CalendarRunsOut, CalendarStartsLater
from providers.market.calendar_loading import source_of
from providers.market.calendar_window import BUCKET_BITS, Window
from providers.market.days import Days, date_of, day_of, local_days
from providers.market.grid import floor_to_grid
from providers.market.schedule import Schedule, Session, Source
from providers.market.types import DAY_US, MINUTE_US, Hours, Interval, Micros, MicrosArray, from_us

DAYS_BEFORE, DAYS_AFTER = 14, 7
# Sessions read beyond the days answered for: one may trade on the evening before its date, and a cell at the end of the days may
# owe its place to trading after them. Two days are on the safe side.
PAD_DAYS = 2
# A read of a year costs as much as one of ten: XNYS 0.13 and 0.15 s, its holidays being reckoned each time.
STEP_DAYS = 3660


class Calendar:
    """The trading time of one venue. Get one from `get_calendar`. Safe for threads."""

    __slots__ = ("_lock", "_source", "_warned", "_window", "hours", "name")

    def __init__(self, *, source: Source, hours: Hours) -> None:
        self.name = source.name
        self.hours = hours
        self._source = source
        self._window = _EMPTY
        self._lock = threading.Lock()
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        return f"<Calendar {self.name} {self.hours.value}>"

    def is_market_open(self, ts: Micros) -> bool:
        """Whether `ts` is in trading time; a session's open is, its close is not."""
        window = self._window
        if window.start <= ts < window.end:
            edges, position = window.edges, window.hints[(ts - window.start) >> BUCKET_BITS]
            while edges[position] <= ts:
                position += 1
            return position & 1 == 1
        return self._covering(ts, ts + 1).is_open_at(ts)

    def align_minute(self, ts: Micros) -> Micros:
        """Start of the trading minute that contains `ts`, or of the last one before it when the venue is shut.

        Raises: CalendarStartsLater when the source knows no trading minute that early.
        """
        window = self._window
        if window.start <= ts < window.end:
            edges, position = window.edges, window.hints[(ts - window.start) >> BUCKET_BITS]
            while edges[position] <= ts:
                position += 1
            if position & 1:
                return ts - ts % MINUTE_US
            if position:
                return edges[position - 1] - MINUTE_US
        return self._reaching_back(ts, ts)[1]

    def are_open(self, ts: MicrosArray) -> npt.NDArray[np.bool_]:
        """`is_market_open` of each instant."""
        if not len(ts):
            return np.empty(0, dtype=np.bool_)
        return self._covering(int(ts.min()), int(ts.max()) + 1).are_open(ts)

    def align_minutes(self, ts: MicrosArray) -> MicrosArray:
        """`align_minute` of each instant; fastest on sorted arrays. Raises: CalendarStartsLater."""
        if not len(ts):
            return np.empty(0, dtype=np.int64)
        window, _ = self._reaching_back(int(ts.min()), int(ts.max()))
        return window.align_many(ts)

    def sessions(self, first: date, last: date) -> Sequence[Session]:
        """The sessions dated `first` to `last`, both included."""
        first_day, last_day = day_of(first), day_of(last)
        return self._covering_days(first_day, last_day).sessions(first_day, last_day)

    def session_of(self, ts: Micros) -> date | None:
        """Date of the session whose trading time contains `ts`; None when the venue is shut."""
        day = self._covering(ts, ts + 1).session_day_at(ts)
        return None if day is None else date_of(day)

    def slots(self, interval: Interval, start: Micros, end: Micros) -> MicrosArray:
        """Starts, in `[start, end)`, of the slots in which a bar is expected.

        Intraday: cells of the UTC grid that overlap trading time. `1d`: 00:00 UTC of each session's date.
        """
        if start >= end:
            return np.empty(0, dtype=np.int64)
        if interval is Interval.D1:
            first_day, last_day = -(-start // DAY_US), (end - 1) // DAY_US
            return self._covering_days(first_day, last_day).session_days(first_day, last_day) * np.int64(DAY_US)
        return self._covering(start, end).cells(interval.us, start, end)

    def session_slots(self, interval: Interval, first: date, last: date) -> tuple[MicrosArray, Days]:
        """The slots of the sessions dated `first` to `last`, both included, each with its session's date as day number.

        A cell that overlaps two sessions belongs to the first.
        """
        first_day, last_day = day_of(first), day_of(last)
        window = self._covering_days(first_day, last_day)
        if interval is Interval.D1:
            days = window.session_days(first_day, last_day)
            return days * np.int64(DAY_US), days
        return window.session_cells(interval.us, first_day, last_day)

    def session_days(self, ts: MicrosArray, interval: Interval) -> Days:
        """The date, as day number, under which a bar that starts at each instant is kept.

        Its slot's session; outside of all slots the exchange's local date. `1d`: the UTC date.
        """
        if interval is Interval.D1 or not len(ts):
            return (ts // DAY_US).astype(np.int32)
        cells = floor_to_grid(ts, interval)
        window = self._covering(int(ts.min()), int(ts.max()) + 1)
        days, is_slot = window.slot_days(cells, interval.us)
        if not is_slot.all():
            days[~is_slot] = local_days(ts[~is_slot], zone=self._source.zone)
        return days

    def next_open(self, ts: Micros) -> Micros | None:
        """The first opening after `ts`, of a session or after a lunch break; None when the source ends before it."""
        window = self._covering(ts, ts + 1)
        while (opening := window.next_open(ts)) is None and window.end < self._end:
            window = self._covering(window.start, window.end + DAY_US)
        return opening

    def previous_close(self, ts: Micros) -> Micros | None:
        """The last closing at or before `ts`, of a session or into a lunch break; None when the source begins after it."""
        window = self._covering(ts, ts + 1)
        while (closing := window.previous_close(ts)) is None and window.start > self._start:
            window = self._covering(window.start - DAY_US, window.end)
        return closing

    def preload(self, *, now: Micros) -> None:
        """Read the sessions around `now`, so that the first question on the hot path finds them in memory."""
        self._load(now, now + 1)

    @property
    def runs_out_on(self) -> date | None:
        """The last session that the source knows, when the source ends by itself; None when it goes on by rule."""
        return _last_session(self._source) if self._source.has_end else None

    @property
    def _start(self) -> Micros:
        return self._source.first_day * DAY_US

    @property
    def _end(self) -> Micros:
        return (self._source.last_day + 1) * DAY_US

    def _covering_days(self, first_day: int, last_day: int) -> Window:
        return self._covering(first_day * DAY_US, (last_day + 1) * DAY_US)

    def _reaching_back(self, ts: Micros, last: Micros) -> tuple[Window, Micros]:
        """A window that covers `ts` to `last` and holds a trading minute at or before `ts`, and that minute."""
        window = self._covering(ts, last + 1)
        while (minute := window.align(ts)) is None:
            if window.start <= self._start:
                begins = date_of(self._source.first_day)
                raise CalendarStartsLater(f"{self.name} has no trading minute at or before {_text(ts)}: it begins on {begins}")
            window = self._covering(window.start - DAY_US, window.end)
        return window, minute

    def _covering(self, start: Micros, end: Micros) -> Window:
        """A window that answers for `[start, end)`, as far as the source knows."""
        window = self._window
        if window.covers(start, end):
            return window
        if start < self._start:
            self._warn(f"begins on {date_of(self._source.first_day)}")
        if end > self._end:
            self._warn(f"ends on {date_of(self._source.last_day)}")
        return self._load(start, end)

    def _load(self, start: Micros, end: Micros) -> Window:
        first_day, last_day = self._clipped_day(start // DAY_US), self._clipped_day((end - 1) // DAY_US)
        with self._lock:
            window = self._window
            if not window.covers(first_day * DAY_US, (last_day + 1) * DAY_US):
                first_day, last_day = _grown(window, first_day, last_day)
                self._window = window = self._read(self._clipped_day(first_day), self._clipped_day(last_day))
            return window

    def _read(self, first_day: int, last_day: int) -> Window:
        schedule = self._source.load(self._clipped_day(first_day - PAD_DAYS), self._clipped_day(last_day + PAD_DAYS))
        return Window.of(schedule, first_day=first_day, last_day=last_day)

    def _clipped_day(self, day: int) -> int:
        return min(max(day, self._source.first_day), self._source.last_day)

    def _warn(self, limit: str) -> None:
        if limit not in self._warned:
            self._warned.add(limit)
            warnings.warn(
                f"the calendar {self.name} {limit}; beyond it every time counts as shut", CalendarRunsOut, stacklevel=4
            )


def _grown(window: Window, first_day: int, last_day: int) -> tuple[int, int]:
    """The days to read next: those asked for and those held, with a reserve on each side that was passed."""
    if window is _EMPTY:
        return first_day - DAYS_BEFORE, last_day + DAYS_AFTER
    held_first, held_last = window.start // DAY_US, window.end // DAY_US - 1
    return (
        held_first if first_day >= held_first else first_day - STEP_DAYS,
        held_last if last_day <= held_last else last_day + STEP_DAYS,
    )


@cache
def _last_session(source: Source) -> date:
    # No venue stays shut for sixty days on end.
    return date_of(int(source.load(source.last_day - 60, source.last_day).days[-1]))


def _nothing() -> Window:
    none = np.empty(0, dtype=np.int64)
    return Window.of(Schedule.of_whole_sessions(days=none.astype(np.int32), opens=none, closes=none), first_day=0, last_day=-1)


def _text(ts: Micros) -> str:
    try:
        return from_us(ts).isoformat()
    except OverflowError:
        return f"{ts} µs"


_EMPTY = _nothing()
_calendars: dict[tuple[str, Hours], Calendar] = {}
_calendars_lock = threading.Lock()


def get_calendar(name: str, hours: Hours = Hours.REGULAR) -> Calendar:
    """The calendar of that name, one object per process; an alias (`XNAS`) gives the object of its calendar (`XNYS`).

    Names: those of exchange_calendars, `24/7`, `24/5`, and our own `CME` and `FX`. Raises: UnknownCalendar, NoExtendedHours.
    """
    calendar = _calendars.get((name, hours))
    if calendar is not None:
        return calendar
    source = source_of(name=name, hours=hours)
    with _calendars_lock:
        canonical = _calendars.setdefault((source.name, hours), Calendar(source=source, hours=hours))
        return _calendars.setdefault((name, hours), canonical)


def calendar_warnings(*, now: Micros, names: Iterable[str] | None = None, days: int = 60) -> list[str]:
    """A sentence for each calendar whose source ends less than `days` days after `now`; by default of all calendars in use."""
    calendars = {c.name: c for c in (_calendars.copy().values() if names is None else map(get_calendar, names))}
    today = now // DAY_US
    ends = [(c.name, end) for c in calendars.values() if (end := c.runs_out_on) is not None]
    return [
        f"The calendar {name} knows no session after {end} ({day_of(end) - today} days left): update exchange_calendars."
        for name, end in sorted(ends)
        if day_of(end) - today < days
    ]
