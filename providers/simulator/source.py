"""Where the simulator's bars come from: the contract of a source, and reading a page of one."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from providers.market.days import Days
from providers.market.types import Hours, Interval, Micros, MicrosArray, to_us
from providers.simulator.quotes import QuoteSource
from providers.simulator.rows import Rows

Reader = Callable[[Micros, Micros], Rows]
"""Rows of `[start, end)` of something already chosen."""
Size = Callable[[Rows], int]


class Calendar(Protocol):
    """What is needed of a calendar; `providers.market.calendar.Calendar` is one."""

    def slots(self, interval: Interval, start: Micros, end: Micros) -> MicrosArray:
        """Opens of bars in `[start, end)`."""
        ...

    def session_slots(self, interval: Interval, first: date, last: date) -> tuple[MicrosArray, Days]:
        """Opens of bars of whole sessions, each with its session's day number."""
        ...

    def session_days(self, ts: MicrosArray, interval: Interval) -> Days:
        """The day number under which each bar is kept."""
        ...


Calendars = Callable[[str, Hours], Calendar]


class Source(QuoteSource, Protocol):
    """Recorded or synthetic bars. Bars of `1d` are stamped at 00:00 UTC of the session's date."""

    def knows(self, symbol: str) -> bool:
        """Whether there is an instrument behind this vendor symbol, in any vendor's spelling."""
        ...

    def bars(self, *, symbol: str, interval: Interval, start: Micros, end: Micros, now: Micros) -> Rows:
        """The bars with an open in `[start, end)` that are published at `now`; empty for an unknown symbol."""
        ...


def base_count(rows: Rows) -> int:
    """How many base aggregates rows were built from."""
    return int(rows.base.sum())


def first_rows(
    read: Reader, *, start: Micros, end: Micros, limit: int, width: Micros, size: Size = len, at_least: int = 1
) -> Rows:
    """The first rows of `[start, end)`, until they are `at_least` so many and their `size` is above `limit`, or the span ends.

    Reads windows that grow from `width`, so that neither a long span nor a long silence in it costs more than what it holds.
    """
    parts: list[Rows] = []
    total = count = 0
    while start < end and (total <= limit or count < at_least):
        part = read(start, min(start + width, end))
        parts.append(part)
        total += size(part)
        count += len(part)
        start += width
        width *= 2
    return Rows.concat([part for part in parts if len(part)])


def last_rows(
    read: Reader, *, start: Micros, end: Micros, limit: int, width: Micros, size: Size = len, at_least: int = 1
) -> Rows:
    """The last rows of `[start, end)`, ascending, until they are as in `first_rows`."""
    parts: list[Rows] = []
    total = count = 0
    while start < end and (total <= limit or count < at_least):
        part = read(max(end - width, start), end)
        parts.append(part)
        total += size(part)
        count += len(part)
        end -= width
        width *= 2
    return Rows.concat([part for part in reversed(parts) if len(part)])


@lru_cache(maxsize=65_536)
def midnight_us(zone: str, day: date) -> Micros:
    """The instant at which a date begins in a zone."""
    return to_us(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))
