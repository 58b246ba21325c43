"""Calendars in memory before they are needed, and operators told of one that runs out before it has.

Beyond a calendar's end every time counts as shut, and nothing is collected.
"""

import logging
from datetime import date, datetime

from collector.selectors.calendars import calendar_faults, calendars_in_use
from providers.market.calendar import get_calendar
from providers.market.types import Micros, to_us

log = logging.getLogger(__name__)

_told_on: date | None = None


def preload_calendars(*, now: Micros) -> int:
    """Read the calendars of all that is collected; returns how many. What can't be had is `tell_calendar_faults`' to say.

    The library behind them takes a second to import, and each calendar a tenth: no job on time has those to spare.
    """
    read = 0
    for name, hours in calendars_in_use():
        try:
            get_calendar(name, hours).preload(now=now)
        except ValueError:
            continue
        read += 1
    return read


def tell_calendar_faults(*, now: datetime) -> None:
    """Log each fault as a warning, at most once a day (UTC) in each process."""
    global _told_on  # noqa: PLW0603  # the day is the process', not a row: a restart may tell again
    if _told_on == now.date():
        return
    for fault in calendar_faults(now=to_us(now)):
        log.warning(fault, extra={"action": "calendar_fault"})
    _told_on = now.date()
