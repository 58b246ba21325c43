"""Trading hours that the calendar library does not know, written as zone rules. Pure.

CME: Globex futures trade Sunday to Friday 17:00 to 16:00 Chicago and rest 16:00 to 17:00 each day.
FX: one week runs from Sunday 17:00 to Friday 17:00 New York.
US extended hours: 04:00 to 20:00 New York, until 17:00 after an early close.

Source: the recorded series. FXCM USDJPY of February 2013 rests from Friday 17:00 to Sunday 17:00 New York, and never else;
MSFT of November 2020 trades 04:00 to 20:00 and until 17:00 on the half day 2020-11-27. The break at CME is the published
maintenance hour of Globex.

Today's hours are applied to the past too. Known to differ there: equity index futures had other breaks before 2015-09-21
and a halt at 15:15 Chicago until 2021; the extended hours of US equities were shorter in earlier decades.
"""

from datetime import time
from zoneinfo import ZoneInfo

import numpy as np

from providers.market.days import wall_instants, weekdays
from providers.market.schedule import Schedule

NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")

CME_BREAK_STARTS = time(16)
FX_ROLLS_OVER = time(17)
PRE_MARKET_OPENS = time(4)
AFTER_HOURS_CLOSE = time(20)
AFTER_HOURS_CLOSE_EARLY = time(17)


def with_cme_break(schedule: Schedule) -> Schedule:
    """The same sessions, ended at the daily break where they ran into it; early closes stay as they are."""
    break_starts = wall_instants(schedule.days, at=CME_BREAK_STARTS, zone=CHICAGO)
    return Schedule(
        days=schedule.days,
        is_early_close=schedule.is_early_close,
        is_late_open=schedule.is_late_open,
        opens=schedule.opens,
        closes=np.minimum(schedule.closes, break_starts[schedule.owner]),
        owner=schedule.owner,
    )


def fx_schedule(first_day: int, last_day: int) -> Schedule:
    """One session each weekday, from 17:00 New York of the day before to 17:00 of its date; banks' holidays are not closed."""
    days = weekdays(first_day, last_day)
    return Schedule.of_whole_sessions(
        days=days,
        opens=wall_instants(days, at=FX_ROLLS_OVER, zone=NEW_YORK, shift=-1),
        closes=wall_instants(days, at=FX_ROLLS_OVER, zone=NEW_YORK),
    )


def with_us_extended_hours(schedule: Schedule) -> Schedule:
    """The same sessions from the pre-market's open to the after-hours close, which an early close brings forward.

    A late open delays the auction, not the early session: it changes nothing here.
    """
    late = wall_instants(schedule.days, at=AFTER_HOURS_CLOSE, zone=NEW_YORK)
    early = wall_instants(schedule.days, at=AFTER_HOURS_CLOSE_EARLY, zone=NEW_YORK)
    return Schedule.of_whole_sessions(
        days=schedule.days,
        opens=wall_instants(schedule.days, at=PRE_MARKET_OPENS, zone=NEW_YORK),
        closes=np.where(schedule.is_early_close, early, late),
        is_early_close=schedule.is_early_close,
    )
