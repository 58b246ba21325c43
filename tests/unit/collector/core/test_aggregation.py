"""Coarser bars out of minute bars."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.aggregation import SEVERAL_PROVIDERS, Anchor, Columns, aggregate, are_complete, bucket_starts
from collector.core.spans import NO_SPANS
from providers.market.types import DAY_US, MINUTE_US, Interval

OPEN = 14 * 60 + 30  # minutes; 14:30 UTC


def minutes_of(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64) * MINUTE_US


def columns(starts, **changes) -> Columns:
    n = len(starts)
    values = {
        "open": np.arange(n) + 10.0,
        "high": np.arange(n) + 11.0,
        "low": np.arange(n) + 9.0,
        "close": np.arange(n) + 10.5,
        "volume": np.full(n, 2.0),
        "vwap": np.arange(n) + 10.0,
        "trade_count": np.full(n, 3.0),
        "provider": np.full(n, 1),
        "received_at": np.arange(n) + 100,
        "recorded_at": np.arange(n) + 200,
    }
    return Columns(start=np.asarray(starts, dtype=np.int64), **{**values, **changes})


def one(**changes) -> Columns:
    starts = minutes_of(OPEN, OPEN + 1, OPEN + 2)
    return aggregate(minutes=columns(starts, **changes), buckets=minutes_of(OPEN, OPEN, OPEN))


def test_bucket_takes_first_open_last_close_and_extremes_when_aggregated():
    bar = one(high=np.array([11.0, 30.0, 12.0]), low=np.array([9.0, 8.0, 1.0]))
    assert (bar.open[0], bar.high[0], bar.low[0], bar.close[0]) == (10.0, 30.0, 1.0, 12.5)
    assert (bar.volume[0], bar.trade_count[0], bar.received_at[0], bar.recorded_at[0]) == (6.0, 9.0, 102, 202)


def test_vwap_is_weighted_by_volume_when_all_minutes_have_one():
    assert one(vwap=np.array([10.0, 20.0, 30.0]), volume=np.array([1.0, 1.0, 2.0])).vwap[0] == 22.5


@pytest.mark.parametrize("name", ["volume", "trade_count", "vwap"])
def test_sum_is_unknown_when_one_minute_is_unknown(name):
    assert np.isnan(getattr(one(**{name: np.array([1.0, np.nan, 1.0])}), name)[0])


def test_vwap_is_unknown_when_nothing_was_traded():
    assert np.isnan(one(volume=np.zeros(3)).vwap[0])


def test_provider_is_several_when_minutes_came_from_different_ones():
    assert one(provider=np.array([4, 4, 4])).provider[0] == 4
    assert one(provider=np.array([4, 5, 4])).provider[0] == SEVERAL_PROVIDERS


def test_nothing_comes_of_nothing_when_aggregated():
    assert len(aggregate(minutes=columns([]), buckets=minutes_of())) == 0


def test_hours_begin_at_the_open_when_anchored_at_the_session():
    slots = minutes_of(*range(OPEN, OPEN + 390))
    buckets = bucket_starts(slots=slots, sessions=np.zeros(390, np.int32), interval=Interval.H1, anchor=Anchor.SESSION)
    starts, sizes = np.unique(buckets, return_counts=True)
    assert (starts // MINUTE_US - OPEN).tolist() == [0, 60, 120, 180, 240, 300, 360]
    assert sizes.tolist() == [60] * 6 + [30]


def test_hours_begin_at_full_hours_when_anchored_at_the_clock():
    slots = minutes_of(*range(OPEN, OPEN + 90))
    buckets = bucket_starts(slots=slots, sessions=np.zeros(90, np.int32), interval=Interval.H1, anchor=Anchor.CLOCK)
    assert np.unique(buckets // MINUTE_US).tolist() == [14 * 60, 15 * 60]


def test_each_session_counts_from_its_own_open_when_the_offset_changed_overnight():
    before, after = OPEN, OPEN + 24 * 60 - 60  # the night daylight saving time begins
    slots = minutes_of(*range(before, before + 7), *range(after, after + 7))
    sessions = np.repeat(np.array([0, 1], np.int32), 7)
    buckets = bucket_starts(slots=slots, sessions=sessions, interval=Interval.M5, anchor=Anchor.SESSION)
    assert np.unique(buckets // MINUTE_US).tolist() == [before, before + 5, after, after + 5]


def test_bucket_is_complete_when_each_minute_is_held_or_empty():
    slots = minutes_of(*range(OPEN, OPEN + 10))
    slot_buckets = minutes_of(*[OPEN] * 5, *[OPEN + 5] * 5)
    held = minutes_of(OPEN, OPEN + 1, OPEN + 2, OPEN + 3, OPEN + 5)
    bars = minutes_of(OPEN, OPEN + 5)
    for empty, expected in (
        (NO_SPANS, [False, False]),
        (minutes_of(OPEN + 4, OPEN + 5).reshape(1, 2), [True, False]),
        (minutes_of(OPEN + 6, OPEN + 10).reshape(1, 2), [False, True]),
    ):
        assert are_complete(bars=bars, slots=slots, slot_buckets=slot_buckets, held=held, empty=empty).tolist() == expected


@given(st.sets(st.integers(0, 2 * 1440 - 1), min_size=1), st.sampled_from([Interval.M5, Interval.M15, Interval.H1]))
def test_volume_and_extremes_are_kept_when_any_minutes_are_aggregated(numbers, interval):
    starts = minutes_of(*sorted(numbers))
    buckets = bucket_starts(
        slots=starts, sessions=(starts // DAY_US).astype(np.int32), interval=interval, anchor=Anchor.SESSION
    )
    bars = aggregate(minutes=columns(starts), buckets=buckets)
    assert bars.volume.sum() == 2.0 * len(starts)
    assert (bars.high.max(), bars.low.min()) == (len(starts) + 10.0, 9.0)
    assert (np.diff(bars.start) > 0).all()
    assert ((starts - buckets >= 0) & (starts - buckets < interval.us)).all()
