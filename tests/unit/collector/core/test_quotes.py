"""Which quotes may be stored: each reason, what is kept and marked, and what one bad row does to its answer, which is nothing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.quotes import MOST_AHEAD_US, check
from providers.market.quotes import SizeUnit
from providers.market.types import SECOND_US, AssetClass, MalformedRow
from tests.builders import NAN, us
from tests.quotes import VALUES, quote, quotes_of

AT = us("2025-10-08 13:30")
RECEIVED = AT + SECOND_US
INF = float("inf")


def checked(rows, *, asset_class=AssetClass.EQUITY, received_at=RECEIVED, known=("AAPL", "MSFT"), **rest):
    return check(quotes_of(rows, **rest), asset_class=asset_class, received_at=received_at, known_symbols=known)


BAD_ROWS = [
    ("unknown_symbol", {"symbol": "ELSE"}),
    ("no_side", {"bid": NAN, "ask": NAN}),
    ("price_not_positive", {"bid": -0.01}),
    ("price_not_positive", {"ask": 0.0}),
    ("price_not_positive", {"bid": -INF}),
    ("price_not_finite", {"ask": INF}),
    ("size_negative", {"bid_size": -1.0}),
    ("size_negative", {"ask_size": INF}),
    ("from_the_future", {"at": RECEIVED + MOST_AHEAD_US + 1}),
    ("time_negative", {"at": -1}),
]


@pytest.mark.parametrize(("reason", "values"), BAD_ROWS)
def test_check_rejects_one_quote_by_its_reason_and_keeps_its_neighbours(reason, values):
    result = checked([quote(AT - 2), quote(**{"at": AT, **values}), quote(AT - 1, symbol="MSFT")])
    assert [rejection.reason for rejection in result.rejected] == [reason]
    assert result.batch.at.tolist() == [AT - 2, AT - 1]
    rejection = result.rejected[0]
    assert (rejection.symbol, rejection.start) == (values.get("symbol", "AAPL"), values.get("at", AT))
    assert rejection.detail
    assert set(json.loads(rejection.raw)) == {"at", *VALUES, "size_unit"}


@pytest.mark.parametrize("at", [AT, AT - 40 * 86_400 * SECOND_US, RECEIVED + MOST_AHEAD_US])
def test_check_keeps_an_old_quote_and_one_a_little_ahead(at):
    assert checked([quote(at)]).batch.at.tolist() == [at]


def test_check_rejects_a_time_that_no_calendar_knows_without_a_time():
    (rejection,) = checked([quote(2**62)]).rejected
    assert (rejection.reason, rejection.start) == ("from_the_future", None)
    assert str(2**62) in rejection.raw


def test_check_takes_the_receipt_for_the_time_when_the_vendor_names_none():
    result = checked([quote(0), quote(AT, symbol="MSFT")])
    assert result.batch.at.tolist() == [RECEIVED, AT]
    assert result.has_vendor_time.tolist() == [False, True]


@pytest.mark.parametrize(
    ("bid", "ask", "marks"),
    [(10.0, 10.5, (False, False)), (10.5, 10.5, (False, True)), (10.6, 10.5, (True, False)), (NAN, 10.5, (False, False))],
)
def test_check_keeps_crossed_and_locked_quotes_and_marks_them(bid, ask, marks):
    result = checked([quote(AT, bid, ask)])
    assert not result.rejected
    assert (result.is_crossed.tolist(), result.is_locked.tolist()) == ([marks[0]], [marks[1]])


def test_check_leaves_the_size_of_a_side_out_that_has_no_price():
    batch = checked([quote(AT, bid=NAN, bid_size=7.0)]).batch
    assert np.isnan(batch.bid_size[0])
    assert batch.ask_size.tolist() == [4.0]


@pytest.mark.parametrize("asset_class", [AssetClass.FUTURE, AssetClass.INDEX])
def test_check_lets_prices_fall_below_zero_where_they_do(asset_class):
    assert not checked([quote(AT, bid=-37.7, ask=0.0)], asset_class=asset_class).rejected


def test_check_counts_an_identical_repeat_once_and_lets_the_later_of_differing_ones_win():
    result = checked([quote(AT, ask_size=NAN), quote(AT, ask_size=NAN), quote(AT, unit=SizeUnit.ROUND_LOTS)])
    assert [r.reason for r in result.rejected] == ["conflicting_duplicate"]
    assert result.batch.size_unit.tolist() == [1]
    assert not checked([quote(AT, ask_size=NAN), quote(AT, ask_size=NAN)]).rejected


def test_check_keeps_what_could_not_be_read():
    result = checked([quote(AT)], malformed=(MalformedRow("AAPL", "{}", "no time"),))
    assert [(r.reason, r.start, r.raw) for r in result.rejected] == [("unreadable", None, "{}")]


prices = st.sampled_from([NAN, INF, -INF, -1.0, 0.0, 9.5, 10.0, 10.5])
times = st.sampled_from([0, -5, AT - 1, AT, RECEIVED, RECEIVED + MOST_AHEAD_US, RECEIVED + MOST_AHEAD_US + 1])
rows = st.lists(
    st.builds(
        quote,
        times,
        prices,
        prices,
        symbol=st.sampled_from(["AAPL", "MSFT", "ELSE"]),
        bid_size=prices,
        ask_size=prices,
        unit=st.sampled_from(SizeUnit),
    ),
    max_size=12,
)


@given(rows, st.sampled_from(AssetClass))
def test_check_keeps_only_what_the_table_takes_and_loses_no_row_without_a_word(sent, asset_class):
    result = checked(sent, asset_class=asset_class)
    batch = result.batch
    keys = list(zip(batch.symbol_index.tolist(), batch.at.tolist(), strict=True))
    assert keys == sorted(set(keys))
    assert not (np.isnan(batch.bid) & np.isnan(batch.ask)).any()
    assert not (np.isnan(batch.bid) & ~np.isnan(batch.bid_size)).any()
    assert ((batch.bid_size >= 0) | np.isnan(batch.bid_size)).all()
    assert (result.is_crossed == (batch.bid > batch.ask)).all()
    assert not (result.is_crossed & result.is_locked).any()
    repeats = len(sent) - len(batch) - len(result.rejected)
    sames = {repr(sorted({**row, "at": row["at"] or RECEIVED}.items())) for row in sent}
    assert 0 <= repeats <= len(sent)
    if len(sames) == len(sent) and all(np.isfinite(row["bid"]) and np.isfinite(row["ask"]) for row in sent):
        assert repeats == 0


@given(rows)
def test_check_finds_nothing_more_in_what_it_has_kept(sent):
    once = checked(sent).batch
    again = check(once, asset_class=AssetClass.EQUITY, received_at=RECEIVED, known_symbols=("AAPL", "MSFT"))
    assert not again.rejected
    assert len(again.batch) == len(once)
