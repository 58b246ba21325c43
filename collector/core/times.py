"""Times and dates as people and programs write them, read without guessing. Pure."""

import re
from datetime import UTC, date, datetime

YEARS = range(1900, 2200)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_instant(value: object) -> datetime:
    """UTC datetime of an RFC 3339 text. Pydantic alone would take `0`, dates and times without a zone. Raises: ValueError."""
    text = value.upper() if isinstance(value, str) else ""
    if not _RFC3339.fullmatch(text):
        hint = " (write + as %2B in an address)" if " " in text else ""
        raise ValueError(f"expected RFC 3339 with a zone, such as 2026-11-20T14:30:00Z, got {value!r}{hint}")
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such time: {value!r}") from None
    _check_year(moment, value)
    return moment


def parse_day(value: object) -> date:
    """Date of a `YYYY-MM-DD` text. Raises: ValueError."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError(f"expected a date such as 2026-11-20, got {value!r}")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"there is no such date: {value!r}") from None
    _check_year(day, value)
    return day


def parse_bound(value: object) -> date:
    """An end of a range: a datetime where a time of day is named, else the date of a session. Raises: ValueError."""
    return parse_instant(value) if isinstance(value, str) and value[10:11].upper() == "T" else parse_day(value)


def _check_year(moment: date, value: object) -> None:
    if moment.year not in YEARS:
        raise ValueError(f"expected a year from {YEARS[0]} to {YEARS[-1]}, got {value!r}")
