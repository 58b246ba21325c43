"""What closures take away from a calendar, and from whom. Pure.

A slot vanishes when all of its trading time lies inside the closures that apply to it. One that is closed in part stays: it still gets a bar.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from collector.core.spans import NO_SPANS, Spans, minus, spans_of, traded_in, union
from providers.market.calendar import Calendar
from providers.market.days import day_of
from providers.market.types import DAY_US, Interval, Micros, MicrosArray, from_us

SESSION_REACH_US = 2 * DAY_US
"""A session trades within this of the midnight (UTC) that begins its date."""
Key = TypeVar("Key", str, int)


@dataclass(frozen=True, slots=True)
class Closure:
    """Time `[start, end)` in which a calendar, a MIC or an instrument does not trade; an instrument goes with its own MIC and calendar.

    `calendar` is the calendar's own name, never an alias.
    """

    start: Micros
    end: Micros
    calendar: str = ""
    mic: str = ""
    instrument: int | None = None

    def touches(self, *, calendar: Calendar, mic: str, instrument: int) -> bool:
        """Whether it is about that instrument, by whichever of its names."""
        if self.instrument is not None:
            return self.instrument == instrument
        return self.mic == mic if self.mic else self.calendar == calendar.name

    def is_of_all(self, calendar: Calendar) -> bool:
        """Whether it is about everything on that calendar."""
        return self.instrument is None and self.calendar == calendar.name


@dataclass(frozen=True, slots=True, eq=False)
class Vanished:
    """Slots of one calendar, hours and interval that are expected no more: of all, of a MIC, of an instrument.

    What a MIC lost holds what all lost, and what an instrument lost holds what its MIC lost.
    """

    of_all: Spans = field(default_factory=lambda: NO_SPANS)
    by_mic: Mapping[str, Spans] = field(default_factory=dict)
    by_instrument: Mapping[int, Spans] = field(default_factory=dict)

    def of(self, *, mic: str, instrument: int) -> Spans:
        """All that one instrument lost."""
        return self.by_instrument.get(instrument, self.by_mic.get(mic, self.of_all))

    def loser(self, *, mic: str, instrument: int) -> int | str | None:
        """The same for all instruments that lost the same."""
        return instrument if instrument in self.by_instrument else mic if mic in self.by_mic else None


@dataclass(frozen=True, slots=True)
class Closures:
    """Closures as they were when they were read: those of one scan, plan or job, never kept for the next one."""

    rows: tuple[Closure, ...] = ()

    def vanished(self, calendar: Calendar, interval: Interval, *, start: Micros, end: Micros) -> Vanished:
        """The slots that start in `[start, end)` and that these closures take away."""
        near = [row for row in self.rows if row.start < end + SESSION_REACH_US and row.end > start - SESSION_REACH_US]
        if not near or start >= end:
            return Vanished()
        of_all = _time(row for row in near if row.calendar == calendar.name and row.instrument is None)
        by_mic = {mic: union(of_all, _time(rows)) for mic, rows in _of_mics(near).items()}
        by_instrument = {
            number: union(by_mic.get(rows[0].mic, of_all), _time(rows))
            for number, rows in _of_instruments(near).items()
            if rows[0].calendar == calendar.name
        }

        def gone(closed: Mapping[Key, Spans]) -> dict[Key, Spans]:
            return {key: vanished(calendar, interval, closed=spans, start=start, end=end) for key, spans in closed.items()}

        return Vanished(gone({"": of_all})[""], gone(by_mic), gone(by_instrument))

    def is_closed(self, at: Micros, *, calendar: Calendar, mic: str, instrument: int) -> bool:
        """Whether an instrument does not trade at that instant, whatever its calendar says."""
        now = (row for row in self.rows if row.start <= at < row.end)
        return any(row.touches(calendar=calendar, mic=mic, instrument=instrument) for row in now)

    def shut(self, calendar: Calendar, at: Micros) -> bool:
        """Whether nothing on that calendar trades at that instant, whatever it says itself."""
        return any(row.start <= at < row.end and row.is_of_all(calendar) for row in self.rows)


def _of_mics(rows: Iterable[Closure]) -> Mapping[str, list[Closure]]:
    found: defaultdict[str, list[Closure]] = defaultdict(list)
    for row in rows:
        if row.instrument is None and row.mic:
            found[row.mic].append(row)
    return found


def _of_instruments(rows: Iterable[Closure]) -> Mapping[int, list[Closure]]:
    found: defaultdict[int, list[Closure]] = defaultdict(list)
    for row in rows:
        if row.instrument is not None:
            found[row.instrument].append(row)
    return found


def vanished(calendar: Calendar, interval: Interval, *, closed: Spans, start: Micros, end: Micros) -> Spans:
    """The slots that start in `[start, end)` and whose trading time lies wholly inside `closed`, as spans."""
    reach = SESSION_REACH_US if interval is Interval.D1 else interval.us
    near = union(closed + np.array([-reach, reach]))
    parts = [
        _gone(calendar, interval, closed, low, high)
        for low, high in zip(np.maximum(near[:, 0], start).tolist(), np.minimum(near[:, 1], end).tolist(), strict=True)
        if low < high
    ]
    return spans_of(np.concatenate(parts), interval.us) if parts else NO_SPANS


def _gone(calendar: Calendar, interval: Interval, closed: Spans, start: Micros, end: Micros) -> MicrosArray:
    slots = calendar.slots(interval, start, end)
    sessions = calendar.sessions(from_us(start - SESSION_REACH_US).date(), from_us(end + SESSION_REACH_US).date())
    if interval is Interval.D1:
        traded = [day_of(session.date) * DAY_US for session in sessions if len(minus(traded_in([session]), closed))]
        return slots[~np.isin(slots, traded)]
    left = minus(traded_in(sessions), closed)
    behind = left[:, 1].searchsorted(slots, "right")  # the first stretch that ends after the slot begins
    opens = np.append(left[:, 0], np.iinfo(np.int64).max)
    return slots[opens[behind] >= slots + interval.us]


def _time(rows: Iterable[Closure]) -> Spans:
    return union(np.array([(row.start, row.end) for row in rows], dtype=np.int64).reshape(-1, 2))
