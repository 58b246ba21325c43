"""Synthetic bars are a pure function of seed, symbol and minute."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.market.types import DAY_US, MINUTE_US, SECOND_US, Interval
from providers.simulator.rows import COLUMNS, Rows
from providers.simulator.synthetic import LISTED_AT, SyntheticSource
from tests.unit.providers.simulator.clockwork import always, mornings

DAY = 20_000 * DAY_US
NEVER = 2**62
SOURCE = SyntheticSource(seed=7, calendars=mornings)
FIRST_BAR = [421.88, 421.99, 421.88, 421.97, 15548.0, 421.93, 156.0]
SYMBOLS = ("AAPL", "QUIETCO", "EUR/USD", "X:BTCUSD", "I:SPX")


def _bars(symbol: str, interval: Interval, start: int, end: int, *, now: int = NEVER, source: SyntheticSource = SOURCE) -> Rows:
    return source.bars(symbol=symbol, interval=interval, start=start, end=end, now=now)


def _same(one: Rows, other: Rows) -> bool:
    return all(np.array_equal(getattr(one, c), getattr(other, c), equal_nan=c != "start") for c in COLUMNS)


@given(
    symbol=st.sampled_from(SYMBOLS),
    interval=st.sampled_from(list(Interval)),
    minutes=st.tuples(st.integers(0, 3 * 1440), st.integers(0, 3 * 1440)).map(sorted),
)
def test_a_window_holds_what_the_whole_holds_there(symbol: str, interval: Interval, minutes: list[int]) -> None:
    start, end = (DAY + minute * MINUTE_US for minute in minutes)
    whole = _bars(symbol, interval, DAY, DAY + 3 * DAY_US)
    assert _same(_bars(symbol, interval, start, end), whole.span(start, end))


@given(st.text(alphabet="ABCDEFGHIJ", min_size=1, max_size=5), st.integers(0, 2**32), st.integers(11_000, 30_000))
def test_bars_are_consistent_whatever_the_symbol_seed_and_day(symbol: str, seed: int, day: int) -> None:
    source = SyntheticSource(seed=seed, calendars=mornings)
    rows = _bars(symbol, Interval.M1, day * DAY_US, (day + 1) * DAY_US, source=source)
    assert len(rows) == 150
    assert (rows.low > 0).all()
    assert (rows.high >= np.maximum(rows.open, rows.close)).all()
    assert (rows.low <= np.minimum(rows.open, rows.close)).all()
    assert ((rows.low <= rows.vwap) & (rows.vwap <= rows.high)).all()
    assert (rows.volume >= rows.trade_count).all()
    assert (rows.open[1:] == rows.close[:-1]).all()
    assert all(len(repr(price).partition(".")[2]) <= 2 for price in rows.close.tolist())


def test_another_seed_or_symbol_gives_other_bars() -> None:
    one = _bars("AAPL", Interval.M1, DAY, DAY + DAY_US)
    assert not np.array_equal(one.close, _bars("MSFT", Interval.M1, DAY, DAY + DAY_US).close)
    other = SyntheticSource(seed=8, calendars=mornings)
    assert not np.array_equal(one.close, _bars("AAPL", Interval.M1, DAY, DAY + DAY_US, source=other).close)


def test_bars_never_change_when_the_code_does() -> None:
    """A recorded answer: recordings of synthetic runs stay comparable over versions."""
    row = _bars("AAPL", Interval.M1, DAY, DAY + DAY_US).take(slice(0, 1))
    assert [float(getattr(row, c)[0]) for c in ("open", "high", "low", "close", "volume", "vwap", "trade_count")] == FIRST_BAR


def test_all_spellings_of_an_instrument_give_the_same_bars() -> None:
    spellings = [_bars(symbol, Interval.M1, DAY, DAY + DAY_US) for symbol in ("BTC/USD", "X:BTCUSD", "BTCUSD")]
    assert _same(spellings[0], spellings[1])
    assert _same(spellings[0], spellings[2])


@pytest.mark.parametrize("interval", [Interval.M5, Interval.M15, Interval.M30, Interval.H1, Interval.D1])
def test_coarser_bars_are_built_from_the_minutes(interval: Interval) -> None:
    minutes = _bars("AAPL", Interval.M1, DAY, DAY + DAY_US)
    for row in range(len(bars := _bars("AAPL", interval, DAY, DAY + DAY_US))):
        within = minutes.span(int(bars.start[row]), int(bars.start[row]) + interval.us)
        assert bars.open[row] == within.open[0]
        assert bars.close[row] == within.close[-1]
        assert bars.high[row] == within.high.max()
        assert bars.low[row] == within.low.min()
        assert bars.volume[row] == within.volume.sum()
    assert bars.volume.sum() == minutes.volume.sum()


@pytest.mark.parametrize("interval", [Interval.M1, Interval.M5, Interval.H1])
def test_the_running_bar_is_not_served_before_its_close_and_the_delay(interval: Interval) -> None:
    source = SyntheticSource(seed=7, calendars=always, publication_delay_us=2 * SECOND_US)
    close = DAY + interval.us
    early = _bars("AAPL", interval, DAY, NEVER, now=close + 2 * SECOND_US - 1, source=source)
    late = _bars("AAPL", interval, DAY, NEVER, now=close + 2 * SECOND_US, source=source)
    assert (early.start.tolist(), late.start.tolist()) == ([], [DAY])


def test_the_running_day_is_not_served_before_its_last_minute_is() -> None:
    close = DAY + 690 * MINUTE_US
    assert len(_bars("AAPL", Interval.D1, DAY, NEVER, now=close + SECOND_US - 1)) == 0
    assert _bars("AAPL", Interval.D1, DAY, NEVER, now=close + SECOND_US).start.tolist() == [DAY]


def test_quiet_symbols_have_empty_minutes_and_others_have_none() -> None:
    quiet = _bars("QUIETCO", Interval.M1, DAY, DAY + 10 * DAY_US)
    assert 0.3 < len(quiet) / 1500 < 0.5
    assert len(_bars("AAPL", Interval.M1, DAY, DAY + 10 * DAY_US)) == 1500
    everyone_quiet = SyntheticSource(seed=7, calendars=mornings, quiet_percent=100)
    assert len(_bars("AAPL", Interval.M1, DAY, DAY + 10 * DAY_US, source=everyone_quiet)) < 1500


def test_an_index_has_no_volume_vwap_or_trades() -> None:
    rows = _bars("I:SPX", Interval.H1, DAY, DAY + DAY_US)
    assert len(rows)
    assert np.isnan([rows.volume, rows.vwap, rows.trade_count]).all()


def test_unknown_symbols_and_times_before_the_listing_have_no_bars() -> None:
    assert not SOURCE.knows("UNKNOWN1")
    assert len(_bars("UNKNOWN1", Interval.M1, DAY, DAY + DAY_US)) == 0
    assert _bars("AAPL", Interval.D1, 0, LISTED_AT + 2 * DAY_US).start[0] == LISTED_AT
