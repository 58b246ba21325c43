"""Our arrays against exchange_calendars itself, every minute of five years."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from providers.market.calendar import Calendar, get_calendar
from providers.market.days import day_of
from providers.market.types import DAY_US, MINUTE_US, Interval, MicrosArray

FIRST, LAST = date(2021, 1, 1), date(2025, 12, 31)
START, END = day_of(FIRST) * DAY_US, (day_of(LAST) + 1) * DAY_US
NAMES = ["XNYS", "XLON", "XTKS", "XHKG", "XBOM", "24/7", "24/5"]
INTRADAY = [interval for interval in Interval if interval is not Interval.D1]


@dataclass
class Truth:
    """The library's own trading minutes, with some weeks before FIRST so that the first minute asked about has one before it."""

    ours: Calendar
    reference: Any
    minutes: MicrosArray

    @property
    def within(self) -> MicrosArray:
        return self.minutes[(self.minutes >= START) & (self.minutes < END)]


@pytest.fixture(scope="module", params=NAMES)
def truth(request: pytest.FixtureRequest) -> Truth:
    reference = exchange_calendars.get_calendar(request.param, start="2020-12-01", end="2026-01-31", side="left")
    minutes = reference.minutes.values.astype("datetime64[us]").astype(np.int64)
    return Truth(ours=get_calendar(request.param), reference=reference, minutes=minutes)


@pytest.fixture(scope="module")
def every_minute() -> MicrosArray:
    return np.arange(START, END, MINUTE_US, dtype=np.int64)


def test_are_open_agrees_with_the_library_on_every_minute_of_five_years(truth: Truth, every_minute: MicrosArray) -> None:
    is_trading = np.zeros(len(every_minute), dtype=np.bool_)
    is_trading[(truth.within - START) // MINUTE_US] = True
    np.testing.assert_array_equal(truth.ours.are_open(every_minute), is_trading)
    np.testing.assert_array_equal(truth.ours.are_open(every_minute + MINUTE_US - 1), is_trading)


def test_align_minutes_agrees_with_the_library_on_every_minute_of_five_years(truth: Truth, every_minute: MicrosArray) -> None:
    aligned = truth.minutes[truth.minutes.searchsorted(every_minute, "right") - 1]
    np.testing.assert_array_equal(truth.ours.align_minutes(every_minute), aligned)
    np.testing.assert_array_equal(truth.ours.align_minutes(every_minute + 59_999_999), aligned)


def test_align_minutes_agrees_with_the_library_when_the_instants_are_not_in_order(
    truth: Truth, every_minute: MicrosArray
) -> None:
    shuffled = np.random.default_rng(1).permutation(every_minute)[:200_000]
    aligned = truth.minutes[truth.minutes.searchsorted(shuffled, "right") - 1]
    np.testing.assert_array_equal(truth.ours.align_minutes(shuffled), aligned)
    np.testing.assert_array_equal(truth.ours.are_open(shuffled), aligned == shuffled)


def test_scalar_calls_agree_with_the_library_on_random_minutes(truth: Truth, every_minute: MicrosArray) -> None:
    for ts in np.random.default_rng(2).choice(every_minute, 800).tolist():
        minute = pd.Timestamp(ts, unit="us", tz="UTC")
        assert truth.ours.is_market_open(ts) == truth.reference.is_open_on_minute(minute, ignore_breaks=False), minute
        aligned = truth.reference.minute_to_trading_minute(minute, direction="previous")
        assert truth.ours.align_minute(ts) == aligned.value // 1000, minute


def test_scalar_calls_agree_with_the_columns_at_every_edge(truth: Truth) -> None:
    edges = np.array([edge for s in truth.ours.sessions(FIRST, LAST) for segment in s.segments for edge in segment])
    around = np.concatenate([edges - 1, edges, edges + 1, edges - MINUTE_US])
    assert [truth.ours.is_market_open(ts) for ts in around.tolist()] == truth.ours.are_open(around).tolist()
    assert [truth.ours.align_minute(ts) for ts in around.tolist()] == truth.ours.align_minutes(around).tolist()


@pytest.mark.parametrize("interval", INTRADAY)
def test_slots_are_the_cells_that_hold_the_librarys_minutes(truth: Truth, interval: Interval) -> None:
    # Cells at the ends are left out: the minutes that earn them their place may lie outside of the five years.
    cells = np.unique(truth.minutes // interval.us * interval.us)
    expected = cells[(cells >= START) & (cells < END)]
    np.testing.assert_array_equal(truth.ours.slots(interval, START, END), expected)


def test_daily_slots_are_the_librarys_sessions(truth: Truth) -> None:
    sessions = truth.reference.sessions.values.astype("datetime64[us]").astype(np.int64)
    expected = sessions[(sessions >= START) & (sessions < END)]
    np.testing.assert_array_equal(truth.ours.slots(Interval.D1, START, END), expected)


def test_session_slots_give_each_minute_the_librarys_session(truth: Truth) -> None:
    schedule = truth.reference.schedule[str(FIRST) : str(LAST)]
    closes = schedule["close"].values.astype("datetime64[us]").astype(np.int64)
    days = schedule.index.values.astype("datetime64[D]").astype(np.int32)
    slots, keys = truth.ours.session_slots(Interval.M1, FIRST, LAST)
    expected = truth.minutes[
        (truth.minutes >= schedule["open"].iloc[0].value // 1000) & (truth.minutes < schedule["close"].iloc[-1].value // 1000)
    ]
    np.testing.assert_array_equal(slots, expected)
    np.testing.assert_array_equal(keys, days[closes.searchsorted(expected, "right")])
    np.testing.assert_array_equal(truth.ours.session_days(slots, Interval.M1), keys)


def test_special_sessions_are_flagged_as_the_library_flags_them(truth: Truth) -> None:
    sessions = truth.ours.sessions(FIRST, LAST)
    early = [pd.Timestamp(s.date) for s in sessions if s.is_early_close]
    late = [pd.Timestamp(s.date) for s in sessions if s.is_late_open]
    span = slice(pd.Timestamp(FIRST), pd.Timestamp(LAST))
    assert early == list(truth.reference.early_closes.to_series()[span])
    assert late == list(truth.reference.late_opens.to_series()[span])
