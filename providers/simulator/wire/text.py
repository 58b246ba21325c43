"""Columns as text, for vendors that quote every number and stamp bars with wall time."""

from zoneinfo import ZoneInfo

import numpy as np

from providers.market.types import Floats, Interval, MicrosArray, from_us


def number_texts(column: Floats) -> list[str]:
    """The shortest decimals that give the same doubles back, whole numbers without a point."""
    return [str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value) for value in column.tolist()]


def wall_times(start: MicrosArray, *, interval: Interval, zone: str) -> list[str]:
    """`2024-03-08 09:30:00` in a zone; of days the date alone."""
    if interval is Interval.D1:
        dates: list[str] = np.datetime_as_string(start.astype("datetime64[us]"), unit="D").tolist()
        return dates
    place = ZoneInfo(zone)
    return [from_us(moment).astimezone(place).strftime("%Y-%m-%d %H:%M:%S") for moment in start.tolist()]
