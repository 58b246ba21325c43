"""Which rows may be stored: each reason, and what one bad row does to its batch, which is nothing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.bars import check, rows_by_symbol
from providers.market.types import DAY_US, AssetClass, Interval, MalformedRow
from tests.builders import NAN, VALUES, batch_of, minutes, row, us

OPEN = us("2025-10-08 13:30")
LONG_AFTER = OPEN + DAY_US
INF = float("inf")


def checked(rows, *, interval=Interval.M1, asset_class=AssetClass.EQUITY, closed_before=LONG_AFTER, **rest):
    return check(batch_of(rows, **rest), interval=interval, asset_class=asset_class, closed_before=closed_before)


BAD_ROWS = [
    ("price_missing", {"open": NAN}),
    ("price_missing", {"high": INF}),
    ("price_missing", {"low": -INF}),
    ("price_missing", {"close": NAN}),
    ("price_not_positive", {"low": 0.0}),
    ("price_not_positive", {"low": -1.0}),
    ("high_below_low", {"high": 9.0}),
    ("high_too_low", {"high": 10.1}),
    ("low_too_high", {"low": 10.1}),
    ("volume_negative", {"volume": -1.0}),
    ("volume_negative", {"volume": INF}),
    ("trade_count_negative", {"trade_count": -1.0}),
    ("trade_count_negative", {"trade_count": INF}),
    ("trade_count_not_whole", {"trade_count": 1.5}),
    ("trade_count_not_whole", {"trade_count": 1e19}),
    ("vwap_not_finite", {"vwap": INF}),
    ("off_grid", {"start": OPEN + 30_000_000}),
    ("off_grid", {"start": OPEN + 1}),
]


@pytest.mark.parametrize(("reason", "values"), BAD_ROWS)
def test_check_rejects_one_row_by_its_reason_and_keeps_its_neighbours(reason, values):
    before, at, after = minutes(OPEN - 60_000_000, 3)
    result = checked([row(before), row(**{"start": at, **values}), row(after)])
    assert [rejection.reason for rejection in result.rejected] == [reason]
    assert result.batch.start.tolist() == [before, after]
    rejection = result.rejected[0]
    assert (rejection.symbol, rejection.start) == ("AAPL", values.get("start", OPEN))
    assert rejection.detail
    assert set(json.loads(rejection.raw)) == {"start", *VALUES}


def test_check_names_one_reason_a_row_when_several_hold():
    result = checked([row(OPEN, high=NAN, volume=-1.0)])
    assert [rejection.reason for rejection in result.rejected] == ["price_missing"]


@pytest.mark.parametrize("name", ["volume", "vwap", "trade_count"])
def test_check_keeps_a_row_whose_unknown_column_is_nan(name):
    result = checked([row(OPEN, **{name: NAN})])
    assert not result.rejected
    assert np.isnan(getattr(result.batch, name)[0])


def test_check_keeps_a_row_of_no_volume():
    assert len(checked([row(OPEN, volume=0.0, trade_count=0.0)]).batch) == 1


NEGATIVE = {"open": -37.0, "high": -36.5, "low": -40.3, "close": -37.6}


@pytest.mark.parametrize("asset_class", AssetClass)
def test_check_takes_negative_prices_of_futures_and_indices_only(asset_class):
    result = checked([row(OPEN, **NEGATIVE)], asset_class=asset_class)
    may = asset_class in (AssetClass.FUTURE, AssetClass.INDEX)
    assert [rejection.reason for rejection in result.rejected] == ([] if may else ["price_not_positive"])


@pytest.mark.parametrize("asset_class", AssetClass)
def test_check_refuses_a_row_of_four_zeros_for_every_asset_class(asset_class):
    zeros = dict.fromkeys(("open", "high", "low", "close"), 0.0)
    assert [r.reason for r in checked([row(OPEN, **zeros)], asset_class=asset_class).rejected] == ["price_not_positive"]


def test_check_leaves_a_running_bar_out_without_rejection():
    result = checked([row(start) for start in minutes(OPEN, 2)], closed_before=OPEN + 2 * 60_000_000 - 1)
    assert result.batch.start.tolist() == [OPEN]
    assert result.rejected == ()


def test_check_takes_a_bar_at_the_instant_at_which_it_closes():
    assert len(checked([row(OPEN)], closed_before=OPEN + 60_000_000).batch) == 1


def test_check_does_not_judge_a_running_bar():
    assert checked([row(OPEN, high=NAN)], closed_before=OPEN).rejected == ()


def test_check_passes_malformed_rows_on_as_unreadable():
    malformed = (MalformedRow(symbol="AAPL", raw='{"t": "?"}', reason="t must be a number"),)
    result = checked([row(OPEN)], malformed=malformed)
    assert len(result.batch) == 1
    assert [(r.symbol, r.start, r.reason, r.detail, r.raw) for r in result.rejected] == [
        ("AAPL", None, "unreadable", "t must be a number", '{"t": "?"}')
    ]


def test_check_collapses_identical_duplicates_silently_even_with_unknown_values():
    result = checked([row(OPEN, vwap=NAN), row(OPEN, vwap=NAN), row(OPEN, vwap=NAN)])
    assert (len(result.batch), result.rejected) == (1, ())


def test_check_keeps_the_later_of_conflicting_duplicates_and_rejects_the_earlier():
    result = checked([row(OPEN, 10.1), row(OPEN, 10.2), row(OPEN, 10.3)])
    assert result.batch.close.tolist() == [10.3]
    assert [(r.reason, json.loads(r.raw)["close"]) for r in result.rejected] == [
        ("conflicting_duplicate", 10.1),
        ("conflicting_duplicate", 10.2),
    ]


def test_check_does_not_let_a_bad_later_duplicate_displace_a_good_row():
    result = checked([row(OPEN, 10.1), row(OPEN, high=1.0)])
    assert result.batch.close.tolist() == [10.1]
    assert [r.reason for r in result.rejected] == ["high_below_low"]


def test_check_tells_the_same_slot_of_two_symbols_apart():
    assert len(checked([row(OPEN), row(OPEN, symbol="MSFT")]).batch) == 2


def test_check_of_nothing_is_nothing():
    result = checked([])
    assert (len(result.batch), result.rejected) == (0, ())


prices = st.sampled_from([NAN, 0.0, -1.0, 9.0, 10.0, 11.0, INF])
places = (st.integers(0, 8).map(lambda half: OPEN + half * 30_000_000), st.sampled_from(["A", "B"]))
good_row = st.builds(lambda start, symbol, close: row(start, close, symbol=symbol), *places, st.sampled_from([10.1, 10.2]))
odd_row = st.builds(
    lambda start, symbol, values: {"symbol": symbol, "start": start, **values},
    *places,
    st.fixed_dictionaries(dict.fromkeys(VALUES, prices)),
)
any_row = st.one_of(good_row, good_row, odd_row)


@given(st.lists(any_row, max_size=25), st.integers(0, 5))
def test_check_accounts_for_every_row_and_promises_the_order(rows, closed_minutes):
    result = checked(rows, symbols=["A", "B"], closed_before=OPEN + closed_minutes * 60_000_000)
    keys = list(zip(result.batch.symbol_index.tolist(), result.batch.start.tolist(), strict=True))
    assert keys == sorted(set(keys))
    closed = [r for r in rows if r["start"] + 60_000_000 <= OPEN + closed_minutes * 60_000_000]
    said = {(r.symbol, r.start) for r in result.rejected} | {(result.batch.symbols[i], start) for i, start in keys}
    assert said == {(r["symbol"], r["start"]) for r in closed}
    assert (result.batch.high >= np.maximum(result.batch.open, result.batch.close)).all()
    assert (result.batch.low <= np.minimum(result.batch.open, result.batch.close)).all()
    assert (result.batch.low > 0).all()


def test_refused_row_counts_for_its_slot_on_the_grid_or_off_it():
    first, second, third = minutes(OPEN, 3)
    answer = checked([row(first + 30_000_000), row(second, high=1.0), row(third)])
    assert len(answer.rejected) == 2
    assert sorted(rows_by_symbol(answer, Interval.M1)["AAPL"].tolist()) == [first, second, third]


def test_row_older_than_what_is_kept_is_refused_for_that_whatever_else_is_wrong_with_it():
    old, edge = OPEN, minutes(OPEN, 2)[1]
    rows = batch_of([row(old), row(old, symbol="MSFT", high=9.0), row(edge)])
    split = check(rows, interval=Interval.M1, asset_class=AssetClass.EQUITY, closed_before=LONG_AFTER, kept_from=edge)
    assert split.batch.start.tolist() == [edge]
    assert [(one.symbol, one.reason) for one in split.rejected] == [("AAPL", "too_old"), ("MSFT", "too_old")]
    assert "from 2025-10-08 13:31 UTC on" in split.rejected[0].detail
