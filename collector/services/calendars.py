"""Operators hear of a calendar that runs out before it has: beyond its end every time counts as shut, and nothing is collected."""

import logging
from datetime import date, datetime

from collector.selectors.calendars import calendar_faults
from providers.market.types import to_us

log = logging.getLogger(__name__)

_told_on: date | None = None


def tell_calendar_faults(*, now: datetime) -> None:
    """Log each fault as a warning, at most once a day (UTC) in each process."""
    global _told_on  # noqa: PLW0603  # the day is the process', not a row: a restart may tell again
    if _told_on == now.date():
        return
    for fault in calendar_faults(now=to_us(now)):
        log.warning(fault, extra={"action": "calendar_fault"})
    _told_on = now.date()
