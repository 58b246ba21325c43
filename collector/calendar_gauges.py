"""Gauges about the calendars of what is collected, read at the moment of a scrape: who trades now, and how long a calendar still lasts."""

import threading
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from collector.selectors.calendars import calendars_in_use
from collector.selectors.overrides import read_closures
from providers.market.calendar import Calendar, get_calendar
from providers.market.days import day_of
from providers.market.types import Micros, to_us

Found = Mapping[str, Calendar | None]
"""By the names that instruments have; None: the library does not know it."""

UNKNOWN_DAYS = 0
"""Of a calendar that the library knows no more: beyond its end, every time counts as shut."""


def calendar_gauges(*, now: datetime, calendars: Callable[[Set[str], Micros], Found] | None = None) -> Iterable[Metric]:
    """`market_session_open` and `calendar_remaining_days` of each calendar that an active series is on. Three queries.

    `calendars`: where they come from; by default they are read here and now.
    """
    at = to_us(now)
    found = (calendars or read)({name for name, _ in calendars_in_use()}, at)
    known = {calendar.name: calendar for calendar in found.values() if calendar}  # an alias stands for its calendar
    closures = read_closures(since=at)
    is_open = GaugeMetricFamily(
        "market_session_open",
        "1 while the calendar's regular session trades, else 0; closures of the whole calendar count.",
        labels=["calendar"],
    )
    remaining = GaugeMetricFamily(
        "calendar_remaining_days",
        "Days until the last session that the calendar knows; 0 when it is not known any more, none when it goes on by rule.",
        labels=["calendar"],
    )
    for name, calendar in sorted(known.items()):
        is_open.add_metric([name], calendar.is_market_open(at) and not closures.shut(calendar, at))
        if (last := calendar.runs_out_on) is not None:
            remaining.add_metric([name], day_of(last) - day_of(now.date()))
    for name in sorted(name for name, calendar in found.items() if calendar is None):
        remaining.add_metric([name], UNKNOWN_DAYS)
    return [is_open, remaining]


class Loading:
    """Calendars by name, for whoever can't wait: what is in memory now, while a thread reads the rest.

    The library behind them takes a second to import and each calendar a tenth. A scrape that waited for that would lose every gauge.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Calendar | None] = {}
        self._reader: threading.Thread | None = None

    def __call__(self, names: Set[str], now: Micros) -> Found:
        """Of these names those that are read, and a beginning with the others."""
        with self._lock:
            missing = names - self._found.keys()
            if missing and (self._reader is None or not self._reader.is_alive()):
                self._reader = threading.Thread(target=self._read, args=(missing, now), name="calendars", daemon=True)
                self._reader.start()
            return {name: self._found[name] for name in names - missing}

    @property
    def is_reading(self) -> bool:
        """True while some that were asked for are not read yet."""
        return self._reader is not None and self._reader.is_alive()

    def _read(self, names: Set[str], now: Micros) -> None:
        for name in sorted(names):
            self._found |= read(frozenset({name}), now)


def read(names: Set[str], now: Micros) -> Found:
    """Every calendar of these names, read where it has to be; None for a name that the library does not know."""
    found: dict[str, Calendar | None] = {}
    for name in names:
        try:
            calendar = get_calendar(name)
        except ValueError:
            found[name] = None
            continue
        calendar.preload(now=now)
        _ = calendar.runs_out_on  # kept from then on
        found[name] = calendar
    return found
