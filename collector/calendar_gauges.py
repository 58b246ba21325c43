"""Gauges about the calendars of what is collected, read at the moment of a scrape: who trades now, and how long a calendar still lasts."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from collector.selectors.calendars import calendars_in_use
from collector.selectors.overrides import read_closures
from providers.market.calendar import Calendar, get_calendar
from providers.market.days import day_of
from providers.market.types import to_us

UNKNOWN_DAYS = 0
"""Of a calendar that the library knows no more: beyond its end, every time counts as shut."""


def calendar_gauges(*, now: datetime) -> Iterable[Metric]:
    """`market_session_open` and `calendar_remaining_days` of each calendar that an active series is on. Three queries."""
    known, unknown = _calendars()
    closures, at = read_closures(since=to_us(now)), to_us(now)
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
    for name in sorted(unknown):
        remaining.add_metric([name], UNKNOWN_DAYS)
    return [is_open, remaining]


def _calendars() -> tuple[dict[str, Calendar], set[str]]:
    """By their own names, aliases apart; and names that are none."""
    known: dict[str, Calendar] = {}
    unknown: set[str] = set()
    for name in {name for name, _ in calendars_in_use()}:
        try:
            calendar = get_calendar(name)
        except ValueError:
            unknown.add(name)
        else:
            known[calendar.name] = calendar
    return known, unknown
