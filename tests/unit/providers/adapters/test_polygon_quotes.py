"""Polygon's last quotes: stocks by their NBBO, currencies by their pair, and nothing else."""

import json

import numpy as np
import pytest

from providers.adapter import Account, HttpResponse
from providers.errors import MalformedAnswer, NotEntitled, Throttled, UnknownSymbol, UnsupportedRequest
from providers.market.quotes import SIZE_UNITS, QuoteBatch, QuoteQuery, SizeUnit
from providers.market.types import AssetClass
from providers.quote_adapter import QuotePage
from providers.registry import get_adapter

ADAPTER = get_adapter("polygon")
ACCOUNT = Account(provider="p", adapter="polygon", base_url="http://v", credentials={"api_key": "made-up"})
AAPL = QuoteQuery(("AAPL",))
EURUSD = QuoteQuery(("C:EURUSD",), AssetClass.FX)
NBBO = {"P": 127.98, "S": 700, "T": "AAPL", "p": 127.96, "s": 100, "t": 1_762_182_000_000_999_999}


def read(document: object, query: QuoteQuery = AAPL, status: int = 200) -> QuotePage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ADAPTER.parse_quotes(HttpResponse(status, {}, body), query, ACCOUNT)


def nbbo(**changes: object) -> QuoteBatch:
    return read({"status": "OK", "results": NBBO | changes}).batch


def sides(batch: QuoteBatch) -> list[float]:
    return [float(getattr(batch, name)[0]) for name in ("bid", "ask", "bid_size", "ask_size")]


def test_nbbo_of_a_stock_is_asked_by_its_ticker() -> None:
    request = ADAPTER.quotes_request(QuoteQuery(("BRK/B",)), ACCOUNT)
    assert (request.url, request.params) == ("http://v/v2/last/nbbo/BRK%2FB", {})


@pytest.mark.parametrize("symbol", ["C:EURUSD", "EURUSD", "eur/usd", "EUR-USD"])
def test_currencies_are_asked_by_both_their_names(symbol: str) -> None:
    request = ADAPTER.quotes_request(QuoteQuery((symbol,), AssetClass.FX), ACCOUNT)
    assert request.url == "http://v/v1/last_quote/currencies/EUR/USD"


@pytest.mark.parametrize(
    ("symbol", "asset_class"),
    [
        ("X:BTCUSD", AssetClass.EQUITY),
        ("I:NDX", AssetClass.EQUITY),
        ("O:SPY241220P00720000", AssetClass.EQUITY),
        ("C:EURUSDX", AssetClass.FX),
        ("C:../../v2", AssetClass.FX),
    ],
)
def test_what_has_no_last_quote_is_refused_before_a_call(symbol: str, asset_class: AssetClass) -> None:
    with pytest.raises(UnsupportedRequest):
        ADAPTER.quotes_request(QuoteQuery((symbol,), asset_class), ACCOUNT)


def test_nbbo_is_read_with_shares_since_november_and_its_stamp_cut() -> None:
    batch = nbbo()
    assert sides(batch) == [127.96, 127.98, 100, 700]
    assert batch.at.tolist() == [1_762_182_000_000_999]
    assert SIZE_UNITS[batch.size_unit[0]] is SizeUnit.SHARES


def test_sizes_before_november_count_round_lots_whenever_they_are_read() -> None:
    assert SIZE_UNITS[nbbo(t=1_762_145_999_999_999_999).size_unit[0]] is SizeUnit.ROUND_LOTS


def test_ask_that_is_sent_as_0_is_no_ask() -> None:
    np.testing.assert_array_equal(sides(nbbo(P=0, S=0)), [127.96, np.nan, 100, np.nan])


def test_bid_that_is_left_out_is_no_bid() -> None:
    results = {name: value for name, value in NBBO.items() if name not in ("p", "s")}
    np.testing.assert_array_equal(sides(read({"status": "OK", "results": results}).batch), [np.nan, 127.98, np.nan, 700])


def test_last_trade_is_never_read_as_a_bid() -> None:
    with pytest.raises(MalformedAnswer, match="without P or S or X"):
        read({"status": "OK", "results": {"T": "AAPL", "p": 127.96, "s": 100, "t": 1, "x": 4}})


@pytest.mark.parametrize("results", [{}, {"results": None}, {"results": {}}, {"results": []}])
def test_success_without_results_is_no_quote(results: dict[str, object]) -> None:
    page = read({"status": "OK", "request_id": "a"} | results)
    assert (len(page.batch), page.batch.malformed, page.unknown_symbols) == (0, (), ())


def test_delayed_plan_says_so() -> None:
    assert read({"status": "DELAYED", "results": NBBO}).is_delayed


def test_quote_of_another_ticker_is_refused() -> None:
    with pytest.raises(MalformedAnswer, match="asked polygon for AAPL, got AAPLW"):
        nbbo(T="AAPLW")


def test_pair_is_read_in_milliseconds_and_without_sizes() -> None:
    last = {"ask": 1.0953, "bid": 1.0952, "exchange": 48, "timestamp": 1_652_193_694_123}
    batch = read({"status": "success", "symbol": "EUR/USD", "last": last}, EURUSD).batch
    np.testing.assert_array_equal(sides(batch), [1.0952, 1.0953, np.nan, np.nan])
    assert batch.at.tolist() == [1_652_193_694_123_000]
    assert SIZE_UNITS[batch.size_unit[0]] is SizeUnit.UNKNOWN


def test_another_pair_is_refused() -> None:
    with pytest.raises(MalformedAnswer, match="asked polygon for C:EURUSD, got 'EUR/GBP'"):
        read({"status": "success", "symbol": "EUR/GBP", "last": {"ask": 1, "bid": 1}}, EURUSD)


@pytest.mark.parametrize(
    ("status", "document", "meaning"),
    [
        (404, {"status": "NOT_FOUND", "message": "Data not found."}, UnknownSymbol),
        (200, {"status": "NOT_FOUND"}, UnknownSymbol),
        (200, {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}, NotEntitled),
        (200, {"status": "ERROR", "error": "You've exceeded the maximum requests per minute"}, Throttled),
        (429, b"", Throttled),
        (200, {"tickers": [{"ticker": "AAPL"}], "status": "OK"}, MalformedAnswer),
    ],
)
def test_failure_is_read_by_its_meaning_whatever_the_status(status: int, document: object, meaning: type[Exception]) -> None:
    with pytest.raises(meaning):
        read(document, status=status)
