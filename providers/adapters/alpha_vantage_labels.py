"""Whether Alpha Vantage's stamps are the starts or the ends of their bars, as far as the rows show it. Pure.

The vendor changed it: ends in recordings of 2017 and 2020, starts in one of 2024.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from providers.market.types import DAY_US, MINUTE_US, BarBatch, Interval, from_us

_NEW_YORK = ZoneInfo("America/New_York")
_EXTENDED, _REGULAR = (4 * 60, 20 * 60), (9 * 60 + 30, 16 * 60)  # minutes of New York's day


def are_ends(batch: BarBatch, *, interval: Interval, is_extended: bool) -> bool | None:
    """Whether the stamps of a US stock's bars are their ends; None where the rows do not show it.

    `is_extended`: the hours that were asked for. Trading begins and ends at times that an early close never moves towards the night:
    a stamp within the first cell of the day can only be a start, one at the close only an end (unless the answer has such a start
    too: then it is a late print). One later than the close belongs to a stock of another continent, whose days show nothing here.
    An answer of regular hours alone, though more were asked for, shows it by its first and last bar together.
    """
    if not len(batch):
        return None
    opens, closes = _EXTENDED if is_extended else _REGULAR
    width = interval.us // MINUTE_US
    minutes = _minutes_of_day(batch)
    first_cell = opens // width * width
    if ((minutes >= first_cell) & (minutes < first_cell + width)).any():
        return False
    if minutes.max() == closes or _are_regular_ends(minutes, width):
        return True
    return None


def _are_regular_ends(minutes: npt.NDArray[np.int64], width: int) -> bool:
    """Whether all lie after the open of 09:30 and up to the close of 16:00, both the first end and the last among them."""
    opens, closes = _REGULAR
    first_end = opens // width * width + width
    return bool(minutes.min() == first_end and minutes.max() == closes)


def _minutes_of_day(batch: BarBatch) -> npt.NDArray[np.int64]:
    """Wall time of New York in minutes; the offset changes on nights without trading, so one a UTC day is enough."""
    days, of_row = np.unique(batch.start // DAY_US, return_inverse=True)
    offsets = [
        from_us((day * 24 + 12) * 60 * MINUTE_US).astimezone(_NEW_YORK).utcoffset() or timedelta() for day in days.tolist()
    ]
    shift = np.array([offset // timedelta(minutes=1) for offset in offsets], dtype=np.int64)
    return (batch.start // MINUTE_US + shift[of_row]) % (24 * 60)
