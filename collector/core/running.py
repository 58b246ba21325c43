"""Which slots are over. Pure."""

from providers.market.calendar import Calendar
from providers.market.days import date_of
from providers.market.types import DAY_US, Interval, Micros


def over_until(calendar: Calendar, interval: Interval, at: Micros) -> Micros:
    """Slots that end by the answer are over at `at`: that instant itself, or one before midnight (UTC) while yesterday's session goes on.

    A daily slot ends at midnight, and extended hours of the US trade until 01:00 in winter: its bar is not final before.
    """
    today = at // DAY_US
    if interval is not Interval.D1:
        return at
    yesterday = calendar.sessions(date_of(today - 1), date_of(today - 1))
    return today * DAY_US - 1 if any(session.close > at for session in yesterday) else at
