"""Our own rules against what vendors recorded: no bar outside of the hours, and the hours no wider than the bars."""

import csv
import gzip
from datetime import date
from itertools import pairwise

import numpy as np

from providers.market.calendar import get_calendar
from providers.market.days import day_of
from providers.market.types import MINUTE_US, Hours, Interval, MicrosArray
from tests.recorded import DATA, needs_recorded
from tests.unit.providers.market.times import text, us

EXTENDED_SERIES = {
    Interval.M1: [
        "bars_1m/av_msft_20201123_20201218",
        "bars_1m/lean_aapl_20140605_20140609",
        "bars_1m/lean_bac_20131004_20131011",
        "bars_1m/lean_goog_20151223_20151228",
        "bars_1m/lean_shy_20080307_20080310",
        "bars_1m/lean_spy_20131004_20131011",
        "bars_1m/lwc_aapl_1min_2023",
    ],
    Interval.M5: ["bars_5m/lwc_aapl_5min_2023"],
    Interval.M30: ["bars_30m/lwc_aapl_30min_2023"],
}


def starts(name: str) -> MicrosArray:
    assert DATA is not None
    with gzip.open(DATA / f"{name}.csv.gz", "rt") as file:
        return np.array([us(row["ts_utc"].replace("T", " ").rstrip("Z")) for row in csv.DictReader(file)])


@needs_recorded
def test_every_recorded_usdjpy_bar_lies_in_an_fx_session_and_the_weekends_are_the_only_pauses() -> None:
    fx = get_calendar("FX")
    for side in ("bid", "ask"):
        bars = starts(f"bars_1m/fxcm_usdjpy_{side}_201302")
        assert fx.are_open(bars).all()
        slots = fx.slots(Interval.M1, int(bars[0]), int(bars[-1]) + MINUTE_US)
        assert len(slots) - len(bars) < 0.005 * len(slots)  # single minutes without a tick
        rests = np.flatnonzero(np.diff(bars) > 10 * MINUTE_US)
        weekends = [
            (s.close, t.open) for s, t in pairwise(fx.sessions(date(2013, 2, 1), date(2013, 2, 28))) if s.close != t.open
        ]
        assert len(rests) == len(weekends) == 4
        for rest, (close, opening) in zip(rests, weekends, strict=True):
            # The vendor stops up to two minutes before the close and starts up to a minute after the open.
            assert close - 3 * MINUTE_US <= bars[rest] < close
            assert opening <= bars[rest + 1] <= opening + MINUTE_US


@needs_recorded
def test_24_5_of_the_library_does_not_fit_the_recorded_usdjpy_bars() -> None:
    # Why FX is a calendar of our own: Sunday evening trades, Friday night does not.
    bars = starts("bars_1m/fxcm_usdjpy_bid_201302")
    weekdays = get_calendar("24/5")
    assert (~weekdays.are_open(bars)).sum() > 400
    assert len(weekdays.slots(Interval.M1, int(bars[0]), int(bars[-1]))) - weekdays.are_open(bars).sum() > 400


@needs_recorded
def test_recorded_index_future_trades_in_cme_sessions_and_stops_at_its_early_closes() -> None:
    cme = get_calendar("CME")
    bars = starts("bars_1m/lumibot_es_like_20200102_20200313")
    assert cme.are_open(bars).all()
    days = cme.session_days(bars, Interval.M1)
    for holiday in (date(2020, 1, 20), date(2020, 2, 17)):
        (session,) = cme.sessions(holiday, holiday)
        assert session.is_early_close
        assert int(bars[days == day_of(holiday)][-1]) + MINUTE_US == session.close


@needs_recorded
def test_every_recorded_extended_bar_lies_in_extended_hours() -> None:
    extended = get_calendar("XNYS", Hours.EXTENDED)
    for interval, names in EXTENDED_SERIES.items():
        for name in names:
            bars = starts(name)
            slots = extended.slots(interval, int(bars[0]), int(bars[-1]) + interval.us)
            assert np.isin(bars, slots).all(), name


@needs_recorded
def test_recorded_extended_bars_reach_the_first_and_the_last_minute_of_the_hours() -> None:
    extended = get_calendar("XNYS", Hours.EXTENDED)
    bars = starts("bars_1m/av_msft_20201123_20201218")
    days = extended.session_days(bars, Interval.M1)
    half_day = day_of(date(2020, 11, 27))
    assert (text(bars[days == half_day][0]), text(bars[days == half_day][-1])) == ("2020-11-27 09:00", "2020-11-27 21:59")
    sessions = {s.date: s for s in extended.sessions(date(2020, 11, 23), date(2020, 12, 18))}
    reaching = [d for d, s in sessions.items() if bars[days == day_of(d)][-1] + MINUTE_US == s.close]
    assert len(reaching) >= 10


@needs_recorded
def test_regular_hours_follow_the_clock_change_in_recorded_bars() -> None:
    # 2008-03-09: New York's clocks went forward, the open moved from 14:30 to 13:30 UTC.
    xnys = get_calendar("XNYS")
    friday, monday = xnys.sessions(date(2008, 3, 7), date(2008, 3, 10))
    assert (text(friday.open)[11:], text(monday.open)[11:]) == ("14:30", "13:30")
    bars = starts("bars_1m/lean_shy_20080307_20080310")
    volume_at_open = [(bars >= s.open) & (bars < s.open + 5 * MINUTE_US) for s in (friday, monday)]
    assert all(mask.sum() >= 3 for mask in volume_at_open)
    assert (
        xnys.session_days(bars, Interval.M1).tolist()
        == get_calendar("XNYS", Hours.EXTENDED).session_days(bars, Interval.M1).tolist()
    )


@needs_recorded
def test_daily_bars_of_23_years_are_the_expected_daily_slots() -> None:
    assert DATA is not None
    with gzip.open(DATA / "bars_1d/lean_spy_daily.csv.gz", "rt") as file:
        reader = csv.reader(file)
        next(reader)
        days = [date.fromisoformat(row[0][:10]) for row in reader]
    slots, sessions = get_calendar("XNYS").session_slots(Interval.D1, days[0], days[-1])
    recorded = {day_of(d) for d in days}
    assert recorded <= set(sessions.tolist())
    assert len(slots) - len(recorded) == 0
