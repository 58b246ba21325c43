"""Dates as day numbers, and the wall clocks of time zones. Pure.

A day number is the count of days since 1970-01-01; columns of dates are `int32` arrays of them (`Days`). Offsets are looked
up in `zoneinfo` for each date, never fixed.
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from providers.market.types import DAY_US, MicrosArray, to_us

Days = npt.NDArray[np.int32]

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
# A day is spared at both ends of what `date` can hold: the neighbours of a date are asked for too.
_FIRST_DAY = date.min.toordinal() - _EPOCH_ORDINAL + 1
_LAST_DAY = date.max.toordinal() - _EPOCH_ORDINAL - 2


def day_of(day: date) -> int:
    """The day number of a date."""
    return day.toordinal() - _EPOCH_ORDINAL


def date_of(day: int) -> date:
    """The date of a day number."""
    return date.fromordinal(int(day) + _EPOCH_ORDINAL)


def wall_instants(days: npt.NDArray[np.integer], *, at: time, zone: ZoneInfo, shift: int = 0) -> MicrosArray:
    """The instants at which clocks of `zone` show `at` on each of `days`, moved by `shift` days.

    A time that a clock change skips counts as the instant of the change; of a time that comes twice the first is taken.
    """
    return np.fromiter((_wall_instant(int(day) + shift, at, zone) for day in days), dtype=np.int64, count=len(days))


def _wall_instant(day: int, at: time, zone: ZoneInfo) -> int:
    return to_us(datetime.combine(date_of(day), at, tzinfo=zone))


def local_days(ts: MicrosArray, *, zone: ZoneInfo) -> Days:
    """The day numbers that calendars on the wall in `zone` show at each instant.

    Instants outside of the years 1 to 9999 get their UTC day. It costs two zone look-ups for each distinct UTC day.
    """
    utc_days = ts // DAY_US
    distinct, which = np.unique(utc_days, return_inverse=True)
    known = np.clip(distinct, _FIRST_DAY, _LAST_DAY)
    midnight = time(0)
    begins = wall_instants(known, at=midnight, zone=zone)[which]
    ends = wall_instants(known, at=midnight, zone=zone, shift=1)[which]
    moved = (ts >= ends).astype(np.int64) - (ts < begins)
    is_known = (utc_days >= _FIRST_DAY) & (utc_days <= _LAST_DAY)
    return (utc_days + np.where(is_known, moved, 0)).astype(np.int32)


def weekdays(first: int, last: int) -> Days:
    """The day numbers of Mondays to Fridays in `first` to `last`, both included."""
    days = np.arange(first, last + 1, dtype=np.int32)
    return days[(days + 3) % 7 < 5]  # 1970-01-01 was a Thursday
