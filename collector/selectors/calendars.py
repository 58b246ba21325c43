"""Calendars that instruments use, and what an operator has to do about them."""

from collector.models import Instrument, QuoteSeries, Series
from providers.market.calendar import calendar_warnings, get_calendar
from providers.market.types import Hours, Micros


def calendars_in_use() -> list[tuple[str, Hours]]:
    """Of what is collected, by name. Two queries."""
    found: set[tuple[str, str]] = set()
    for model in (Series, QuoteSeries):
        rows = model.objects.filter(is_active=True).order_by()
        found.update(rows.values_list("instrument__calendar", "hours").distinct())
    return sorted((name, Hours(hours)) for name, hours in found)


def calendar_faults(*, now: Micros) -> list[str]:
    """A sentence for each calendar of an instrument that runs out soon or is not known any more. At most one query."""
    known, faults = [], []
    for name in Instrument.objects.order_by("calendar").values_list("calendar", flat=True).distinct():
        try:
            get_calendar(name)
        except ValueError as error:
            faults.append(f"Instruments name the calendar {name}: {error}")
        else:
            known.append(name)
    return faults + calendar_warnings(now=now, names=known)
