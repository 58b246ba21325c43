"""Who is behind, in trading time; which slots fell due, each once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.freshness import (
    HOUR_US,
    NO_SLOTS,
    Group,
    Slots,
    behind_before,
    count_slots,
    due_after,
    fell_due,
    is_behind,
    last_hour,
)
from collector.core.spans import NO_SPANS, overlap, spans_of
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, Interval

M = MINUTE_US


def trading(*spans):
    return np.array(spans, dtype=np.int64).reshape(-1, 2) * M


def limit(time, now, interval=Interval.M1):
    return behind_before(time, now=now, interval=interval)


minutes_of_trading = st.sets(st.integers(0, 40), max_size=30).map(
    lambda them: spans_of(np.array(sorted(them), dtype=np.int64) * M, M)
)
instants = st.integers(0, 45 * 6).map(lambda tenth: tenth * 10 * SECOND_US)


@settings(deadline=None, max_examples=300)
@given(minutes_of_trading, instants, st.none() | instants, st.sampled_from([Interval.M1, Interval.M5]))
def test_series_is_behind_exactly_when_more_than_two_intervals_of_its_trading_time_have_passed(time, now, last, interval):
    begins = -1 if last is None else last
    passed = sum(max(0, min(end, now) - max(start, begins)) for start, end in time.tolist())
    assert is_behind(last, limit(time, now, interval)) == (passed > 2 * interval.us)


@settings(deadline=None)
@given(minutes_of_trading, st.none() | instants, instants, instants)
def test_nobody_falls_behind_while_nothing_trades(time, last, one, other):
    earlier, later = sorted((one, other))
    if not len(overlap(time, np.array([[earlier, later]]).reshape(-1, 2)[: later > earlier])):
        assert is_behind(last, limit(time, earlier)) == is_behind(last, limit(time, later))


def test_who_was_up_to_date_at_the_close_has_two_intervals_after_the_open():
    time = trading((0, 10), (100, 110))
    close = 10 * M
    for now in (10 * M, 55 * M, 100 * M, 102 * M):
        assert not is_behind(close, limit(time, now))
    assert is_behind(close, limit(time, 102 * M + 1))
    assert is_behind(None, limit(time, 102 * M + 1))


def test_nobody_can_be_behind_before_two_intervals_have_passed_at_all():
    assert limit(NO_SPANS, 5 * M) is None
    assert limit(trading((0, 10)), 2 * M) is None
    assert limit(trading((0, 10)), 2 * M + 1) == 1


STARTS = np.arange(0, 600, dtype=np.int64) * M


@settings(deadline=None)
@given(st.lists(st.integers(1, 40 * 60), min_size=1, max_size=12))
def test_counts_that_follow_each_other_count_each_slot_once_however_late_they_are(gaps):
    mark, counted = 5 * M, []
    for now in np.cumsum(gaps) * SECOND_US + mark:
        counted += fell_due(
            STARTS, after=due_after(mark, now=int(now), interval=Interval.M1), now=int(now), interval=Interval.M1
        ).tolist()
        mark = int(now)
    assert counted == [start for start in STARTS.tolist() if 5 * M < start + 2 * M <= mark]


def test_slot_falls_due_two_intervals_after_its_start():
    def due(after, now, interval=Interval.M1):
        return (fell_due(STARTS, after=after, now=now, interval=interval) // M).tolist()

    assert due(11 * M, 12 * M - 1) == []
    assert due(11 * M, 12 * M) == [10]
    assert due(12 * M, 12 * M) == []
    assert due(12 * M, 11 * M) == []


def test_what_fell_due_more_than_an_hour_before_anybody_looked_is_not_counted():
    now = 10 * HOUR_US
    assert due_after(now - HOUR_US + 1, now=now, interval=Interval.M1) == now - HOUR_US + 1
    assert due_after(0, now=now, interval=Interval.M1) == now - HOUR_US
    assert due_after(0, now=10 * DAY_US, interval=Interval.D1) == 8 * DAY_US


@pytest.mark.parametrize(("ahead", "after"), [(2 * SECOND_US, 2 * SECOND_US), (HOUR_US + 1, 0)], ids=["a little", "far"])
def test_mark_ahead_of_the_clock_is_believed_unless_it_is_far_ahead(ahead, after):
    assert due_after(ahead, now=0, interval=Interval.M1) == after


@pytest.mark.parametrize(("interval", "count"), [(Interval.M1, 60), (Interval.M5, 12), (Interval.H1, 2), (Interval.D1, 2)])
def test_last_session_hour_is_the_newest_slots_that_fell_due(interval, count):
    starts = np.arange(100, dtype=np.int64) * interval.us
    found = last_hour(starts, now=80 * interval.us, interval=interval)
    assert found.tolist() == starts[79 - count : 79].tolist()
    assert len(last_hour(starts[:1], now=80 * interval.us, interval=interval)) == 1
    assert len(last_hour(starts, now=interval.us, interval=interval)) == 0


def test_slots_of_a_group_are_those_it_was_expected_to_have():
    group = Group(tier="T0", wanted=trading((2, 8)), missing=trading((3, 5), (20, 30)), last=None, series=7, members=(1,))
    assert count_slots(group, STARTS[:6]) == Slots(expected=4, good=2)
    assert count_slots(group, STARTS[:0]) == NO_SLOTS
    assert Slots(4, 2).times(7) + NO_SLOTS == Slots(28, 14)
