"""Hours of our own rules in weeks checked by hand: clock changes, Thanksgiving, Christmas."""

from datetime import date

import pytest

from providers.market.calendar import Calendar, get_calendar
from providers.market.calendar_errors import NoExtendedHours
from providers.market.types import Hours, Interval
from tests.unit.providers.market.times import spans, text, us


def week(calendar: Calendar, first: str, last: str) -> dict[str, list[str]]:
    return {s.date.isoformat(): spans(s) for s in calendar.sessions(date.fromisoformat(first), date.fromisoformat(last))}


@pytest.mark.parametrize("name", ["CME", "CBOT", "COMEX", "NYMEX"])
def test_cme_rests_one_hour_a_day_when_clocks_go_forward(name: str) -> None:
    assert week(get_calendar(name), "2025-03-07", "2025-03-11") == {
        "2025-03-07": ["03-06 23:00 to 03-07 22:00"],
        "2025-03-10": ["03-09 22:00 to 03-10 21:00"],
        "2025-03-11": ["03-10 22:00 to 03-11 21:00"],
    }


def test_cme_rests_one_hour_a_day_when_clocks_go_back() -> None:
    assert week(get_calendar("CME"), "2025-10-31", "2025-11-04") == {
        "2025-10-31": ["10-30 22:00 to 10-31 21:00"],
        "2025-11-03": ["11-02 23:00 to 11-03 22:00"],
        "2025-11-04": ["11-03 23:00 to 11-04 22:00"],
    }


def test_cme_closes_at_noon_of_chicago_when_the_us_has_a_holiday() -> None:
    assert week(get_calendar("CME"), "2025-11-26", "2025-12-01") == {
        "2025-11-26": ["11-25 23:00 to 11-26 22:00"],
        "2025-11-27": ["11-26 23:00 to 11-27 18:00"],
        "2025-11-28": ["11-27 23:00 to 11-28 18:00"],
        "2025-12-01": ["11-30 23:00 to 12-01 22:00"],
    }
    flags = [s.is_early_close for s in get_calendar("CME").sessions(date(2025, 11, 26), date(2025, 12, 1))]
    assert flags == [False, True, True, False]


def test_cme_has_no_session_on_christmas_and_new_year() -> None:
    days = list(week(get_calendar("CME"), "2024-12-24", "2025-01-02"))
    assert days == ["2024-12-24", "2024-12-26", "2024-12-27", "2024-12-30", "2024-12-31", "2025-01-02"]


def test_cme_is_shut_in_the_break_and_expects_no_slots_there() -> None:
    cme = get_calendar("CME")
    assert cme.is_market_open(us("2025-07-15 20:59"))
    assert not cme.is_market_open(us("2025-07-15 21:00"))
    assert not cme.is_market_open(us("2025-07-15 21:59"))
    assert cme.is_market_open(us("2025-07-15 22:00"))
    hours = cme.slots(Interval.H1, us("2025-07-15 19:00"), us("2025-07-15 23:00"))
    assert [text(h)[11:] for h in hours] == ["19:00", "20:00", "22:00"]


def test_the_librarys_own_chicago_calendar_stays_reachable() -> None:
    assert get_calendar("CMES").is_market_open(us("2025-07-15 21:30"))


def test_fx_week_begins_and_ends_at_new_yorks_five_when_clocks_go_forward() -> None:
    assert week(get_calendar("FX"), "2025-03-06", "2025-03-11") == {
        "2025-03-06": ["03-05 22:00 to 03-06 22:00"],
        "2025-03-07": ["03-06 22:00 to 03-07 22:00"],
        "2025-03-10": ["03-09 21:00 to 03-10 21:00"],
        "2025-03-11": ["03-10 21:00 to 03-11 21:00"],
    }


def test_fx_week_begins_and_ends_at_new_yorks_five_when_clocks_go_back() -> None:
    assert week(get_calendar("FX"), "2025-10-31", "2025-11-03") == {
        "2025-10-31": ["10-30 21:00 to 10-31 21:00"],
        "2025-11-03": ["11-02 22:00 to 11-03 22:00"],
    }


def test_fx_trades_without_a_pause_from_sunday_to_friday() -> None:
    fx = get_calendar("FX")
    minutes = fx.slots(Interval.M1, us("2025-07-11 00:00"), us("2025-07-19 00:00"))
    assert len(minutes) == 21 * 60 + 5 * 24 * 60
    assert fx.align_minute(us("2025-07-13 12:00")) == us("2025-07-11 20:59")
    assert fx.session_of(us("2025-07-15 20:59")) == date(2025, 7, 15)
    assert fx.session_of(us("2025-07-15 21:00")) == date(2025, 7, 16)
    assert fx.session_of(us("2025-07-12 12:00")) is None


def test_extended_hours_follow_new_yorks_clock_when_clocks_go_forward() -> None:
    assert week(get_calendar("XNYS", Hours.EXTENDED), "2025-03-07", "2025-03-10") == {
        "2025-03-07": ["03-07 09:00 to 03-08 01:00"],
        "2025-03-10": ["03-10 08:00 to 03-11 00:00"],
    }


def test_extended_hours_follow_new_yorks_clock_when_clocks_go_back() -> None:
    assert week(get_calendar("XNYS", Hours.EXTENDED), "2025-10-31", "2025-11-03") == {
        "2025-10-31": ["10-31 08:00 to 11-01 00:00"],
        "2025-11-03": ["11-03 09:00 to 11-04 01:00"],
    }


def test_extended_hours_end_at_five_when_the_exchange_closes_early() -> None:
    assert week(get_calendar("XNYS", Hours.EXTENDED), "2025-11-26", "2025-12-01") == {
        "2025-11-26": ["11-26 09:00 to 11-27 01:00"],
        "2025-11-28": ["11-28 09:00 to 11-28 22:00"],
        "2025-12-01": ["12-01 09:00 to 12-02 01:00"],
    }


def test_extended_evening_belongs_to_the_session_before_midnight_utc() -> None:
    extended = get_calendar("XNYS", Hours.EXTENDED)
    assert extended.session_of(us("2025-01-08 00:30")) == date(2025, 1, 7)


def test_extended_hours_are_refused_when_the_venue_is_not_a_us_equity_exchange() -> None:
    with pytest.raises(NoExtendedHours, match=r"XNYS.*not for XLON"):
        get_calendar("XLON", Hours.EXTENDED)


@pytest.mark.parametrize("alias", ["XNAS", "ARCX", "BATS", "NYSE"])
def test_extended_hours_are_known_by_every_alias_of_new_york(alias: str) -> None:
    assert get_calendar(alias, Hours.EXTENDED) is get_calendar("XNYS", Hours.EXTENDED)
