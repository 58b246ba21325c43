"""What holds of every calendar at every instant."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.market.calendar import Calendar, get_calendar
from providers.market.calendar_loading import source_of
from providers.market.days import day_of
from providers.market.types import DAY_US, MINUTE_US, Hours, Interval

FIRST, LAST = day_of(date(1999, 1, 1)) * DAY_US, day_of(date(2026, 11, 1)) * DAY_US
NAMES = ["XNYS", "XHKG", "XBOM", "XNZE", "24/7", "24/5", "CME", "FX"]
instants = st.integers(FIRST, LAST)
calendars = st.sampled_from(NAMES).map(get_calendar)
intraday = st.sampled_from([i for i in Interval if i is not Interval.D1])


@given(calendars, instants)
def test_align_minute_never_goes_forward_and_stays_where_it_is_when_asked_again(calendar: Calendar, ts: int) -> None:
    minute = calendar.align_minute(ts)
    assert minute <= ts
    assert minute % MINUTE_US == 0
    assert calendar.align_minute(minute) == minute
    assert calendar.is_market_open(minute)
    assert calendar.is_market_open(ts) == (ts - minute < MINUTE_US)


@given(calendars, instants)
def test_session_of_an_instant_is_none_exactly_when_the_venue_is_shut(calendar: Calendar, ts: int) -> None:
    day = calendar.session_of(ts)
    assert (day is not None) == calendar.is_market_open(ts)
    if day is not None:
        (session,) = calendar.sessions(day, day)
        assert any(start <= ts < end for start, end in session.segments)


@given(calendars, instants)
def test_next_open_and_previous_close_enclose_the_instant(calendar: Calendar, ts: int) -> None:
    opening, closing = calendar.next_open(ts), calendar.previous_close(ts)
    assert opening is not None
    assert closing is not None
    assert closing <= ts < opening
    assert calendar.is_market_open(opening)
    assert calendar.is_market_open(closing - 1)


@given(calendars, st.lists(instants, min_size=1, max_size=50))
def test_columns_answer_what_the_scalar_calls_answer(calendar: Calendar, asked: list[int]) -> None:
    for ts in (np.array(asked), np.array(sorted(asked)), np.array(sorted(asked * 40))):
        assert calendar.are_open(ts).tolist() == [calendar.is_market_open(t) for t in ts.tolist()]
        assert calendar.align_minutes(ts).tolist() == [calendar.align_minute(t) for t in ts.tolist()]


@given(calendars, intraday, instants, st.integers(0, 5 * DAY_US))
def test_slots_are_the_cells_in_the_span_that_hold_trading_time(
    calendar: Calendar, interval: Interval, start: int, length: int
) -> None:
    slots = calendar.slots(interval, start, start + length)
    first = -(-start // interval.us) * interval.us
    cells = np.arange(first, start + length, interval.us)
    minutes = cells[:, None] + np.arange(0, interval.us, MINUTE_US)
    expected = cells[calendar.are_open(minutes.reshape(-1)).reshape(minutes.shape).any(axis=1)]
    assert slots.tolist() == expected.tolist()


@given(calendars, intraday, instants, st.integers(0, 20), st.integers(0, 20))
def test_session_slots_split_at_any_session_without_loss_or_repeat(
    calendar: Calendar, interval: Interval, start: int, before: int, after: int
) -> None:
    day = date.fromordinal(start // DAY_US + date(1970, 1, 1).toordinal())
    first, last = date.fromordinal(day.toordinal() - before), date.fromordinal(day.toordinal() + after)
    whole, days = calendar.session_slots(interval, first, last)
    left, right = (
        calendar.session_slots(interval, first, day),
        calendar.session_slots(interval, date.fromordinal(day.toordinal() + 1), last),
    )
    assert whole.tolist() == [*left[0].tolist(), *right[0].tolist()]
    assert days.tolist() == [*left[1].tolist(), *right[1].tolist()]
    assert (np.diff(whole) > 0).all()
    assert calendar.session_days(whole, interval).tolist() == days.tolist()


@settings(max_examples=4)
@pytest.mark.parametrize("name", ["24/5", "FX", "XLON"])
@given(data=st.data())
def test_window_gives_the_same_answers_however_it_grew(name: str, data: st.DataObject) -> None:
    asked = data.draw(st.lists(instants, min_size=1, max_size=4))
    known, grown = get_calendar(name), Calendar(source=source_of(name=name, hours=Hours.REGULAR), hours=Hours.REGULAR)
    assert [grown.align_minute(t) for t in asked] == [known.align_minute(t) for t in asked]
    assert [grown.session_of(t) for t in asked] == [known.session_of(t) for t in asked]
    assert [grown.next_open(t) for t in asked] == [known.next_open(t) for t in asked]
