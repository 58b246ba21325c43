"""What can go wrong with an exchange calendar.

ValueError
├── UnknownCalendar        no calendar of this name
├── NoExtendedHours        the venue's extended hours are not known here
└── CalendarStartsLater    asked for the last trading minute before a time that precedes all known sessions
UserWarning
└── CalendarRunsOut        asked outside of what the source knows: answered as shut
"""


class UnknownCalendar(ValueError):
    """No calendar of this name."""


class NoExtendedHours(ValueError):
    """The venue's extended hours are not known here."""


class CalendarStartsLater(ValueError):
    """There is no trading minute at or before the time asked for."""


class CalendarRunsOut(UserWarning):
    """The answer reaches outside of what the calendar's source knows; that part was answered as shut."""
