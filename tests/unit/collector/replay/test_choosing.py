"""What of a recording each vendor is asked for, by its adapter's own limits."""

from datetime import timedelta

import pytest

from collector.replay.choosing import choose
from providers.market.types import DAY_US, Interval
from providers.registry import get_adapter
from tests.unit.collector.replay.recordings import recorded_of

OLD, NEW = ("2013-10-07", "2013-10-08"), ("2020-12-15", "2020-12-16")


def chosen(recorded, *vendors, depths=None):
    return choose(recorded, adapters={vendor: get_adapter(vendor) for vendor in vendors}, depths=depths or {})


@pytest.mark.parametrize(
    ("vendor", "interval", "adjustment", "scope"),
    [
        ("polygon", Interval.M1, "raw", "consolidated"),
        ("tiingo", Interval.M1, "raw", "iex"),
        ("tiingo", Interval.D1, "raw", "consolidated"),
        ("finnhub", Interval.M1, "raw", "consolidated"),
        ("finnhub", Interval.D1, "split", "consolidated"),
        ("yahoo", Interval.D1, "split", "consolidated"),
    ],
)
def test_series_is_asked_for_by_the_account_that_has_it(vendor, interval, adjustment, scope):
    taken = chosen(recorded_of("SPY", NEW, interval=interval), vendor).taken[vendor]
    assert (taken.adjustment, taken.feed_scope, taken.left_out) == (adjustment, scope, None)


def test_part_before_a_vendors_history_is_left_out_with_the_reason():
    choice = chosen(recorded_of("SPY", OLD, NEW), "polygon", "twelve_data")
    whole, part = choice.taken["polygon"], choice.taken["twelve_data"]
    assert (whole.left_out, len(whole.recorded.bars)) == (None, 4 * 390)
    assert [str(first) for first, _ in part.recorded.sessions] == ["2020-12-15"]
    assert len(part.recorded.bars) == 2 * 390
    assert part.left_out == "twelve_data has 1m bars of equity since 2020-02-10, asked for older ones"
    assert choice.lead is whole


def test_series_of_which_a_vendor_has_nothing_is_refused_with_the_reason():
    choice = chosen(recorded_of("USDJPY.ASK", NEW, calendar="24/5"), "alpaca", "binance")
    assert choice.taken == {}
    assert choice.lead is None
    assert choice.refused["alpaca"] == "alpaca has no fx bars, it offers crypto, equity"
    assert "binance has no fx bars" in choice.refused["binance"]


@pytest.mark.parametrize(
    ("vendor", "symbol", "calendar", "spelled"),
    [
        ("polygon", "USDJPY.ASK", "24/5", "C:USDJPY.ASK"),
        ("alpha_vantage", "USDJPY.ASK", "24/5", "USD/JPY.ASK"),
        ("finnhub", "BTCUSD", "24/7", "COINBASE:BTCUSD"),
        ("alpaca", "BTCUSD", "24/7", "BTC/USD"),
        ("yahoo", "SPX", "XNYS", "SPX"),
    ],
)
def test_symbol_is_spelled_by_the_vendors_own_adapter(vendor, symbol, calendar, spelled):
    assert chosen(recorded_of(symbol, NEW, calendar=calendar), vendor).taken[vendor].symbol == spelled


@pytest.mark.parametrize(
    ("vendor", "calendar", "columns", "is_zero_unknown"),
    [
        ("polygon", "24/5", ("open", "high", "low", "close", "volume"), False),
        ("tiingo", "24/5", ("open", "high", "low", "close"), False),
        ("yahoo", "XNYS", ("open", "high", "low", "close", "volume"), True),
    ],
)
def test_columns_are_those_that_the_adapter_declares(vendor, calendar, columns, is_zero_unknown):
    taken = chosen(recorded_of("USDJPY", NEW, calendar=calendar), vendor).taken[vendor]
    assert (taken.columns, taken.is_zero_unknown) == (columns, is_zero_unknown)


def test_depth_is_the_shorter_one_of_the_adapters_history_and_the_simulators():
    recorded = recorded_of("SPY", NEW)
    assert chosen(recorded, "polygon").taken["polygon"].depth is None
    assert chosen(recorded, "yahoo").taken["yahoo"].depth == 30 * DAY_US
    assert chosen(recorded, "yahoo", depths={"yahoo": timedelta(days=3)}).taken["yahoo"].depth == 3 * DAY_US
