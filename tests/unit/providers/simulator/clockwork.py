"""A calendar without a library: sessions of some minutes from a given minute of each day."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from providers.market.days import Days, day_of
from providers.market.types import DAY_US, MINUTE_US, Hours, Interval, Micros, MicrosArray


@dataclass(frozen=True)
class DailySessions:
    """Open each day from `opens` for `minutes`."""

    opens: int = 0
    minutes: int = 1440

    def slots(self, interval: Interval, start: Micros, end: Micros) -> MicrosArray:
        grid = np.arange(-(-start // interval.us) * interval.us, end, interval.us, dtype=np.int64)
        minute = grid % DAY_US // MINUTE_US
        return grid[(minute >= self.opens) & (minute < self.opens + self.minutes)]

    def session_slots(self, interval: Interval, first: date, last: date) -> tuple[MicrosArray, Days]:
        slots = self.slots(interval, day_of(first) * DAY_US, (day_of(last) + 1) * DAY_US)
        return slots, self.session_days(slots, interval)

    def session_days(self, ts: MicrosArray, interval: Interval) -> Days:
        return (ts // DAY_US).astype(np.int32)


def always(name: str, hours: Hours) -> DailySessions:
    """Every calendar is open all day."""
    return DailySessions()


def mornings(name: str, hours: Hours) -> DailySessions:
    """Every calendar is open from 09:00 to 11:30 UTC."""
    return DailySessions(opens=540, minutes=150)
