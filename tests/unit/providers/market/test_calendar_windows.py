"""Windows of a calendar: they grow when asked further, and end where the source does."""

import threading
import warnings
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from providers.market.calendar import Calendar, calendar_warnings, get_calendar
from providers.market.calendar_errors import CalendarRunsOut, CalendarStartsLater
from providers.market.calendar_loading import source_of
from providers.market.days import day_of
from providers.market.types import DAY_US, MINUTE_US, Hours, Interval
from tests.unit.providers.market.times import text, us


def fresh(name: str) -> Calendar:
    """A calendar that has read nothing yet."""
    return Calendar(source=source_of(name=name, hours=Hours.REGULAR), hours=Hours.REGULAR)


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


def test_evening_session_is_known_on_the_last_day_of_the_window() -> None:
    reads: list[tuple[int, int]] = []
    wellington = Calendar(source=_counting(source_of(name="XNZE", hours=Hours.REGULAR), reads), hours=Hours.REGULAR)
    wellington.preload(now=us("2025-07-07 12:00"))
    tuesday_opens = us("2025-07-14 22:00")
    assert wellington.is_market_open(tuesday_opens)
    assert wellington.session_of(tuesday_opens) == date(2025, 7, 15)
    assert len(reads) == 1


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
