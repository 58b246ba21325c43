"""What a trading day is: opens, closes, breaks, and the slots in between."""

import threading
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from providers.market.calendar import Calendar, get_calendar
from providers.market.calendar_errors import UnknownCalendar
from providers.market.days import day_of
from providers.market.schedule import Schedule, Source
from providers.market.types import DAY_US, MINUTE_US, Hours, Interval
from tests.unit.providers.market.times import spans, text, us


def nothing() -> np.ndarray:
    return np.empty(0, dtype=np.int64)


# Names
def test_get_calendar_gives_one_object_a_process_when_asked_from_many_threads() -> None:
    found: list[Calendar] = []
    barrier = threading.Barrier(8)

    def ask(name: str) -> None:
        barrier.wait()
        found.append(get_calendar(name))

    threads = [threading.Thread(target=ask, args=(name,)) for name in ["XPAR", "XPAR", "XNAS", "XNYS"] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {id(c) for c in found} == {id(get_calendar("XPAR")), id(get_calendar("XNYS"))}


def test_alias_gives_the_calendar_that_it_stands_for() -> None:
    assert get_calendar("XNAS") is get_calendar("XNYS")
    assert get_calendar("XNAS").name == "XNYS"


def test_get_calendar_names_what_was_probably_meant_when_the_name_is_unknown() -> None:
    with pytest.raises(UnknownCalendar, match=r"'XNYZ'; did you mean .*XNYS.*known are 24/5.*FX"):
        get_calendar("XNYZ")


# Edges
def test_new_york_half_day_ends_at_one() -> None:
    (session,) = get_calendar("XNYS").sessions(date(2025, 11, 28), date(2025, 11, 28))
    assert spans(session) == ["11-28 14:30 to 11-28 18:00"]
    assert session.is_early_close
    assert (text(session.open), text(session.close)) == ("2025-11-28 14:30", "2025-11-28 18:00")


def test_open_is_inclusive_and_close_is_exclusive() -> None:
    xnys = get_calendar("XNYS")
    asked = [us("2025-07-15 13:30") - 1, us("2025-07-15 13:30"), us("2025-07-15 20:00") - 1, us("2025-07-15 20:00")]
    assert [xnys.is_market_open(ts) for ts in asked] == [False, True, True, False]
    assert [text(xnys.align_minute(ts)) for ts in asked] == [
        "2025-07-14 19:59",
        "2025-07-15 13:30",
        "2025-07-15 19:59",
        "2025-07-15 19:59",
    ]


def test_lunch_break_is_shut_and_aligns_to_the_mornings_last_minute() -> None:
    xhkg = get_calendar("XHKG")
    (day,) = xhkg.sessions(date(2024, 12, 23), date(2024, 12, 23))
    assert spans(day) == ["12-23 01:30 to 12-23 04:00", "12-23 05:00 to 12-23 08:00"]
    assert not xhkg.is_market_open(us("2024-12-23 04:30"))
    assert text(xhkg.align_minute(us("2024-12-23 04:30"))) == "2024-12-23 03:59"
    assert xhkg.session_of(us("2024-12-23 04:30")) is None
    hours = xhkg.slots(Interval.H1, us("2024-12-23 00:00"), us("2024-12-24 00:00"))
    assert [text(h)[11:] for h in hours] == ["01:00", "02:00", "03:00", "05:00", "06:00", "07:00"]


def test_half_day_has_no_afternoon_when_the_venue_breaks_for_lunch() -> None:
    (day,) = get_calendar("XHKG").sessions(date(2024, 12, 24), date(2024, 12, 24))
    assert spans(day) == ["12-24 01:30 to 12-24 04:00"]
    assert day.is_early_close


def test_late_open_is_known() -> None:
    (ash_wednesday,) = get_calendar("BVMF").sessions(date(2025, 3, 5), date(2025, 3, 5))
    assert spans(ash_wednesday) == ["03-05 16:00 to 03-05 21:00"]
    assert ash_wednesday.is_late_open
    assert not get_calendar("BVMF").is_market_open(us("2025-03-05 15:59"))


def test_tokyo_trades_until_half_past_three_since_november_2024() -> None:
    before, after = (get_calendar("XTKS").sessions(d, d)[0] for d in (date(2024, 11, 1), date(2024, 11, 5)))
    assert (text(before.close)[11:], text(after.close)[11:]) == ("06:00", "06:30")


def test_session_that_opens_on_the_evening_before_keeps_its_date_over_a_clock_change() -> None:
    xnze = get_calendar("XNZE")
    friday, monday = xnze.sessions(date(2025, 4, 4), date(2025, 4, 7))
    assert (spans(friday), spans(monday)) == (["04-03 21:00 to 04-04 03:45"], ["04-06 22:00 to 04-07 04:45"])
    assert xnze.session_of(us("2025-04-06 23:59")) == date(2025, 4, 7)
    assert xnze.session_days(np.array([us("2025-04-06 22:00")]), Interval.H1).tolist() == [day_of(date(2025, 4, 7))]


def test_next_open_and_previous_close_look_over_a_holiday_weekend() -> None:
    xnys = get_calendar("XNYS")
    saturday = us("2025-07-05 12:00")
    assert text(xnys.next_open(saturday) or 0) == "2025-07-07 13:30"
    assert text(xnys.previous_close(saturday) or 0) == "2025-07-03 17:00"
    close = us("2025-07-03 17:00")
    assert xnys.previous_close(close) == close
    assert text(xnys.previous_close(close - 1) or 0) == "2025-07-02 20:00"
    opening = us("2025-07-07 13:30")
    assert xnys.next_open(opening - 1) == opening
    assert text(xnys.next_open(opening) or 0) == "2025-07-08 13:30"


# Slots
def test_slots_begin_with_the_cell_that_the_open_lies_in() -> None:
    xbom = get_calendar("XBOM")
    slots, days = xbom.session_slots(Interval.H1, date(2025, 7, 15), date(2025, 7, 15))
    assert [text(s)[11:] for s in slots] == ["03:00", "04:00", "05:00", "06:00", "07:00", "08:00", "09:00"]
    assert set(days.tolist()) == {day_of(date(2025, 7, 15))}


def test_slots_are_those_that_start_in_the_span_even_when_trading_begins_after_it() -> None:
    xnys = get_calendar("XNYS")
    # 13:30 opens; the hour's cell starts at 13:00.
    assert [text(s) for s in xnys.slots(Interval.H1, us("2025-07-15 13:00"), us("2025-07-15 13:20"))] == ["2025-07-15 13:00"]
    assert xnys.slots(Interval.H1, us("2025-07-15 13:01"), us("2025-07-15 14:00")).tolist() == []
    assert xnys.slots(Interval.M5, us("2025-07-15 13:00"), us("2025-07-15 13:30")).tolist() == []
    assert len(xnys.slots(Interval.M1, us("2025-07-15 00:00"), us("2025-07-16 00:00"))) == 390


def test_daily_slots_start_at_midnight_of_the_session_date() -> None:
    xnys = get_calendar("XNYS")
    found = xnys.slots(Interval.D1, us("2025-07-03 00:00"), us("2025-07-08 00:00"))
    assert [text(s) for s in found] == ["2025-07-03 00:00", "2025-07-07 00:00"]
    assert xnys.slots(Interval.D1, us("2025-07-03 00:01"), us("2025-07-07 00:00")).tolist() == []
    slots, days = xnys.session_slots(Interval.D1, date(2025, 7, 3), date(2025, 7, 7))
    assert (slots // DAY_US).tolist() == days.tolist() == [day_of(date(2025, 7, 3)), day_of(date(2025, 7, 7))]


def test_empty_questions_get_empty_answers() -> None:
    xnys = get_calendar("XNYS")
    assert [len(a) for a in (xnys.are_open(nothing()), xnys.align_minutes(nothing()), xnys.slots(Interval.M1, 5, 5))] == [
        0,
        0,
        0,
    ]
    assert len(xnys.session_days(nothing(), Interval.M1)) == 0
    assert list(xnys.sessions(date(2025, 7, 5), date(2025, 7, 6))) == []
    assert [len(column) for column in xnys.session_slots(Interval.M1, date(2025, 7, 5), date(2025, 7, 6))] == [0, 0]


def short_sessions() -> Calendar:
    """Two sessions a date apart in name, but within one hour in time; the first has a break of ten minutes."""
    midnight = us("2025-07-15 00:00")
    schedule = Schedule(
        days=np.array([day_of(date(2025, 7, 14)), day_of(date(2025, 7, 15))], dtype=np.int32),
        is_early_close=np.zeros(2, dtype=np.bool_),
        is_late_open=np.zeros(2, dtype=np.bool_),
        opens=midnight + MINUTE_US * np.array([50, 70, 95]),
        closes=midnight + MINUTE_US * np.array([61, 80, 130]),
        owner=np.array([0, 0, 1], dtype=np.int32),
    )
    return Calendar(source=Source(name="short", zone=ZoneInfo("UTC"), load=lambda *_: schedule), hours=Hours.REGULAR)


def test_cell_of_two_sessions_is_one_slot_and_belongs_to_the_first() -> None:
    calendar, dates = short_sessions(), (date(2025, 7, 14), date(2025, 7, 15))
    slots, days = calendar.session_slots(Interval.H1, *dates)
    assert [text(s)[11:] for s in slots] == ["00:00", "01:00", "02:00"]
    assert days.tolist() == [day_of(dates[0]), day_of(dates[0]), day_of(dates[1])]
    assert [text(s)[11:] for s in calendar.session_slots(Interval.H1, dates[1], dates[1])[0]] == ["02:00"]
    assert calendar.slots(Interval.H1, us("2025-07-15 00:00"), us("2025-07-16 00:00")).tolist() == slots.tolist()
    assert calendar.session_days(slots, Interval.H1).tolist() == days.tolist()


# Coverage keys
def test_session_days_of_off_session_bars_are_the_exchanges_local_dates() -> None:
    xnys = get_calendar("XNYS")
    asked = {
        "2025-07-15 13:30": "2025-07-15",
        "2025-07-16 00:30": "2025-07-15",  # 20:30 in New York
        "2025-07-16 03:59": "2025-07-15",
        "2025-07-16 04:00": "2025-07-16",  # midnight in New York
        "2025-07-19 15:00": "2025-07-19",  # a Saturday
        "2025-11-02 04:30": "2025-11-02",  # clocks go back at 06:00 UTC
        "2025-11-03 04:30": "2025-11-02",
    }
    days = xnys.session_days(np.array([us(t) for t in asked]), Interval.M1)
    assert days.tolist() == [day_of(date.fromisoformat(d)) for d in asked.values()]


def test_session_days_follow_the_cell_when_it_starts_before_the_open() -> None:
    # Wellington opens on Monday at 22:00 UTC of Sunday; Bombay at 03:45, where the hour's cell starts at 03:00.
    xbom, opening = get_calendar("XBOM"), np.array([us("2025-07-15 03:00")])
    assert xbom.session_days(opening, Interval.H1).tolist() == [day_of(date(2025, 7, 15))]
    extended, evening = get_calendar("XNYS", Hours.EXTENDED), np.array([us("2025-01-08 00:30")])
    assert extended.session_days(evening, Interval.M30).tolist() == [day_of(date(2025, 1, 7))]


def test_session_days_of_daily_bars_are_their_utc_dates() -> None:
    days = get_calendar("XTKS").session_days(np.array([us("2025-07-15 00:00"), us("2025-07-19 00:00")]), Interval.D1)
    assert days.tolist() == [day_of(date(2025, 7, 15)), day_of(date(2025, 7, 19))]
