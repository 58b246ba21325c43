"""Recorded numbers of sessions, so that a library that silently loses some (pandas 3.1 does: XBOM, XMOS) fails here."""

from datetime import date

import pytest

from providers.market.calendar import get_calendar

COUNTS = {
    "XNYS": {1999: 252, 2008: 253, 2015: 252, 2021: 252, 2022: 251, 2023: 250, 2024: 252, 2025: 250},
    "XLON": {1999: 252, 2008: 254, 2015: 253, 2021: 253, 2022: 250, 2023: 251, 2024: 254, 2025: 253},
    "XTKS": {1999: 245, 2008: 245, 2015: 244, 2021: 245, 2022: 244, 2023: 246, 2024: 245, 2025: 243},
    "XHKG": {1999: 247, 2008: 245, 2015: 247, 2021: 247, 2022: 246, 2023: 245, 2024: 246, 2025: 246},
    "XBOM": {1999: 244, 2008: 246, 2015: 246, 2021: 247, 2022: 247, 2023: 245, 2024: 246, 2025: 248},
    "XMOS": {2024: 256, 2025: 251},
    "ASEX": {1999: 251, 2008: 247, 2015: 223, 2021: 250, 2022: 249, 2023: 249, 2024: 248, 2025: 248},
    "CMES": {1999: 258, 2008: 259, 2015: 258, 2021: 258, 2022: 258, 2023: 257, 2024: 259, 2025: 257},
    "24/7": {1999: 365, 2008: 366, 2015: 365, 2021: 365, 2022: 365, 2023: 365, 2024: 366, 2025: 365},
    "24/5": {1999: 261, 2008: 262, 2015: 261, 2021: 261, 2022: 260, 2023: 260, 2024: 262, 2025: 261},
}
US_HALF_DAYS = ["2023-07-03", "2023-11-24", "2024-07-03", "2024-11-29", "2024-12-24", "2025-07-03", "2025-11-28", "2025-12-24"]


@pytest.mark.parametrize("name", COUNTS)
def test_calendar_has_as_many_sessions_a_year_as_were_recorded(name: str) -> None:
    calendar = get_calendar(name)
    assert {y: len(calendar.sessions(date(y, 1, 1), date(y, 12, 31))) for y in COUNTS[name]} == COUNTS[name]


def test_bombay_trades_on_its_special_saturdays() -> None:
    sessions = get_calendar("XBOM").sessions(date(2024, 1, 1), date(2025, 12, 31))
    assert [s.date for s in sessions if s.date.weekday() >= 5] == [date(2024, 1, 20), date(2025, 2, 1)]


def test_new_york_closes_early_on_the_published_half_days() -> None:
    sessions = get_calendar("XNYS").sessions(date(2023, 1, 1), date(2025, 12, 31))
    assert [s.date.isoformat() for s in sessions if s.is_early_close] == US_HALF_DAYS
