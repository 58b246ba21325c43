"""Names, edges, widening and the ends of what is known."""

import threading
import warnings
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from providers.market.calendar import Calendar, calendar_warnings, get_calendar
from providers.market.calendar_errors import CalendarRunsOut, CalendarStartsLater, UnknownCalendar
from providers.market.calendar_loading import source_of
from providers.market.days import day_of
from providers.market.schedule import Schedule, Source
from providers.market.types import DAY_US, MINUTE_US, Hours, Interval
from tests.unit.providers.market.times import spans, text, us


def fresh(name: str) -> Calendar:
    """A calendar that has read nothing yet."""
    return Calendar(source=source_of(name=name, hours=Hours.REGULAR), hours=Hours.REGULAR)


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


def test_evening_session_is_known_on_the_last_day_of_the_window() -> None:
    reads: list[tuple[int, int]] = []
    wellington = Calendar(source=_counting(source_of(name="XNZE", hours=Hours.REGULAR), reads), hours=Hours.REGULAR)
    wellington.preload(now=us("2025-07-07 12:00"))
    tuesday_opens = us("2025-07-14 22:00")
    assert wellington.is_market_open(tuesday_opens)
    assert wellington.session_of(tuesday_opens) == date(2025, 7, 15)
    assert len(reads) == 1


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


# Widening


def test_align_minute_reads_further_back_when_the_venue_was_shut_for_five_weeks() -> None:
    # Athens stayed shut from 2015-06-29 to 2015-08-02: the first window holds no session before the time asked about.
    assert text(fresh("ASEX").align_minute(us("2015-07-31 12:00"))) == "2015-06-26 14:19"
    assert [text(t) for t in fresh("ASEX").align_minutes(np.array([us("2015-07-31 12:00")]))] == ["2015-06-26 14:19"]


def test_next_open_and_previous_close_read_further_when_the_venue_was_shut_for_five_weeks() -> None:
    assert text(fresh("ASEX").next_open(us("2015-07-01 12:00")) or 0) == "2015-08-03 07:00"
    assert text(fresh("ASEX").previous_close(us("2015-07-31 12:00")) or 0) == "2015-06-26 14:20"


def test_answers_are_the_same_in_whatever_order_the_window_grows() -> None:
    asked = [
        us(t) for t in ("2026-11-20 15:00", "1998-01-02 15:00", "2012-10-29 15:00", "2027-06-01 15:00", "1985-09-27 15:00")
    ]
    expected = [(text(get_calendar("XNYS").align_minute(ts)), get_calendar("XNYS").is_market_open(ts)) for ts in asked]
    assert expected[2] == ("2012-10-26 19:59", False)  # Hurricane Sandy
    assert expected[4] == ("1985-09-26 19:59", False)  # Hurricane Gloria
    for order in ([0, 1, 2, 3, 4], [2, 4, 0, 3, 1]):
        calendar = fresh("XNYS")
        found = {i: (text(calendar.align_minute(asked[i])), calendar.is_market_open(asked[i])) for i in order}
        assert [found[i] for i in range(len(asked))] == expected


def test_scanning_back_over_decades_reads_the_source_only_a_few_times() -> None:
    source = source_of(name="FX", hours=Hours.REGULAR)
    reads: list[tuple[int, int]] = []
    calendar = Calendar(source=_counting(source, reads), hours=Hours.REGULAR)
    for day in range(day_of(date(2026, 11, 20)), day_of(date(1996, 1, 1)), -1):
        calendar.is_market_open(day * DAY_US)
    assert len(reads) <= 8


def test_preload_makes_a_fortnight_back_and_a_week_ahead_answerable_without_another_read() -> None:
    source = source_of(name="FX", hours=Hours.REGULAR)
    reads: list[tuple[int, int]] = []
    calendar = Calendar(source=_counting(source, reads), hours=Hours.REGULAR)
    now = us("2026-11-20 15:00")
    calendar.preload(now=now)
    for ts in range(now - 14 * DAY_US, now + 7 * DAY_US, 60 * MINUTE_US):
        calendar.align_minute(ts)
    assert len(reads) == 1


def test_threads_get_right_answers_while_the_window_grows_under_them() -> None:
    reference = get_calendar("XLON")
    rng = np.random.default_rng(3)
    asked = rng.integers(us("1995-01-02 00:00"), us("2026-12-01 00:00"), 4000)
    expected = reference.align_minutes(asked).tolist()
    shared, wrong = fresh("XLON"), []
    barrier = threading.Barrier(4)

    def ask(part: int) -> None:
        barrier.wait()
        wrong.extend(i for i in range(part, len(asked), 4) if shared.align_minute(int(asked[i])) != expected[i])

    threads = [threading.Thread(target=ask, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _counting(source, reads):  # type: ignore[no-untyped-def]
    def load(first: int, last: int):  # type: ignore[no-untyped-def]
        reads.append((first, last))
        return source.load(first, last)

    return replace(source, load=load)


def test_last_session_of_a_read_is_right_when_the_library_bends_it() -> None:
    # exchange_calendars 4.13.2 opens Seoul at 10:00 on 2000-12-05 when, and only when, that is the last day read.
    source = source_of(name="XKRX", hours=Hours.REGULAR)
    schedule = source.load(day_of(date(1999, 1, 1)), day_of(date(2000, 12, 5)))
    assert (text(int(schedule.opens[-1])), text(int(schedule.closes[-1]))) == ("2000-12-05 00:00", "2000-12-05 06:00")


# Where knowledge ends


def test_bombay_counts_as_shut_with_one_warning_after_its_last_known_session() -> None:
    xbom = fresh("XBOM")
    assert xbom.runs_out_on == date(2026, 12, 31)
    with pytest.warns(CalendarRunsOut, match="XBOM ends on 2026-12-31"):
        assert not xbom.is_market_open(us("2027-01-05 05:00"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert text(xbom.align_minute(us("2027-01-05 05:00"))) == "2026-12-31 09:59"
        assert xbom.next_open(us("2027-01-05 05:00")) is None
        assert xbom.slots(Interval.M1, us("2027-01-04 00:00"), us("2027-01-06 00:00")).tolist() == []


def test_no_warning_is_given_up_to_the_very_end() -> None:
    xbom = fresh("XBOM")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xbom.preload(now=us("2026-12-30 05:00"))
        assert len(xbom.slots(Interval.H1, us("2026-12-31 00:00"), us("2027-01-01 00:00"))) == 7
        assert len(xbom.sessions(date(2026, 12, 1), date(2026, 12, 31))) == 22
        assert xbom.next_open(us("2026-12-31 09:59")) is None


def test_align_minute_refuses_when_the_source_begins_later() -> None:
    tokyo = fresh("XTKS")
    with (
        pytest.warns(CalendarRunsOut, match="XTKS begins on 1997-01-01"),
        pytest.raises(CalendarStartsLater, match="1996-12-30"),
    ):
        tokyo.align_minute(us("1996-12-30 03:00"))
    with pytest.raises(CalendarStartsLater):
        tokyo.align_minutes(np.array([us("1996-12-30 03:00"), us("2025-07-15 03:00")]))
    with pytest.raises(CalendarStartsLater):  # New Year: known to be shut, and nothing known before
        tokyo.align_minute(us("1997-01-02 03:00"))
    assert tokyo.previous_close(us("1997-01-02 03:00")) is None
    assert not tokyo.is_market_open(us("1996-12-30 03:00"))


@pytest.mark.parametrize("nonsense", [-(2**62), 2**62])
def test_instants_beyond_all_calendars_count_as_shut(nonsense: int) -> None:
    calendar = fresh("FX")
    with pytest.warns(CalendarRunsOut):
        assert not calendar.is_market_open(nonsense)
    assert calendar.are_open(np.array([nonsense])).tolist() == [False]
    assert len(calendar.session_days(np.array([nonsense]), Interval.M1)) == 1


def test_calendar_that_goes_on_by_rule_never_runs_out() -> None:
    assert get_calendar("XNYS").runs_out_on is None
    assert get_calendar("FX").runs_out_on is None


def test_calendar_warnings_name_those_that_end_soon() -> None:
    names = ["XBOM", "XNYS", "FX", "XHKG"]
    assert calendar_warnings(now=us("2026-11-01 00:01"), names=names) == []
    (warning,) = calendar_warnings(now=us("2026-11-22 15:00"), names=names)
    assert warning.startswith("The calendar XBOM knows no session after 2026-12-31 (39 days left)")
    assert "XBOM" in " ".join(calendar_warnings(now=us("2026-11-22 15:00")))
