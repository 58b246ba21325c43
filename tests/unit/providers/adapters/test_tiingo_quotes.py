"""Tiingo's top of book: IEX alone for stocks, one pair of currencies a call, coins that may be crossed."""

import json

import numpy as np
import pytest

from providers.adapter import Account, HttpResponse
from providers.errors import MalformedAnswer, NotEntitled, Throttled, UnknownSymbol, UnsupportedRequest
from providers.market.quotes import SIZE_UNITS, QuoteBatch, QuoteQuery, SizeUnit
from providers.market.types import AssetClass
from providers.quote_adapter import QuotePage, check_quotes_supported
from providers.registry import get_adapter

ADAPTER = get_adapter("tiingo")
ACCOUNT = Account(provider="t", adapter="tiingo", base_url="http://v", credentials={"api_key": "made-up"})
STOCKS = QuoteQuery(("AAPL", "brk-b"))
EURUSD = QuoteQuery(("eurusd",), AssetClass.FX)
COINS = QuoteQuery(("btcusd", "ethusd"), AssetClass.CRYPTO)
TOP = {
    "quoteTimestamp": "2019-01-30T13:33:45.383129126-05:00",
    "bidPrice": 81.58,
    "bidSize": 100,
    "askPrice": 81.59,
    "askSize": 200,
}


def read(document: object, query: QuoteQuery = STOCKS, status: int = 200) -> QuotePage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ADAPTER.parse_quotes(HttpResponse(status, {}, body), query, ACCOUNT)


def owners(batch: QuoteBatch) -> list[str]:
    return [batch.symbols[i] for i in batch.symbol_index]


@pytest.mark.parametrize(
    ("query", "path", "tickers"),
    [
        (STOCKS, "/iex/", "AAPL,brk-b"),
        (EURUSD, "/tiingo/fx/top", "eurusd"),
        (COINS, "/tiingo/crypto/top", "btcusd,ethusd"),
    ],
)
def test_each_asset_class_has_its_endpoint(query: QuoteQuery, path: str, tickers: str) -> None:
    request = ADAPTER.quotes_request(query, ACCOUNT)
    assert (request.url, request.params) == (f"http://v{path}", {"tickers": tickers})


def test_stock_is_read_in_shares_at_all_times() -> None:
    batch = read([TOP | {"ticker": "AAPL"}, TOP | {"ticker": "BRK-B", "quoteTimestamp": "2026-01-30T13:33:45Z"}]).batch
    assert owners(batch) == ["AAPL", "brk-b"]
    assert (batch.bid.tolist(), batch.ask_size.tolist()) == ([81.58] * 2, [200.0] * 2)
    assert batch.at[0] == 1_548_873_225_383_129
    assert {SIZE_UNITS[code] for code in batch.size_unit} == {SizeUnit.SHARES}


def test_stock_without_either_price_says_nothing() -> None:
    nothing = dict.fromkeys(TOP)
    page = read([TOP | {"ticker": "AAPL"}, nothing | {"ticker": "BRK-B", "tngoLast": 4.5}])
    assert (owners(page.batch), page.batch.malformed) == (["AAPL"], ())


def test_stock_with_one_price_has_one_side() -> None:
    batch = read([TOP | {"ticker": "AAPL", "askPrice": None}]).batch
    assert (batch.bid[0], np.isnan(batch.ask[0]), np.isnan(batch.ask_size[0])) == (81.58, True, True)


def test_quote_without_a_stamp_has_none() -> None:
    assert read([TOP | {"ticker": "AAPL", "quoteTimestamp": None, "timestamp": TOP["quoteTimestamp"]}]).batch.at.tolist() == [0]


@pytest.mark.parametrize("name", [{"ticker": "eurusd"}, {"ticker": "EURUSD"}, {}])
def test_pair_is_read_with_or_without_its_name(name: dict[str, str]) -> None:
    batch = read([TOP | name], EURUSD).batch
    assert (owners(batch), [SIZE_UNITS[code] for code in batch.size_unit]) == (["eurusd"], [SizeUnit.BASE])


def test_pairs_are_asked_for_one_by_one() -> None:
    with pytest.raises(UnsupportedRequest, match="1 to 1 symbols"):
        check_quotes_supported(ADAPTER, QuoteQuery(("eurusd", "gbpusd"), AssetClass.FX))


def test_rows_without_a_name_are_given_to_nobody() -> None:
    with pytest.raises(MalformedAnswer, match="got no ticker"):
        read([TOP, TOP])


def test_crossed_coin_is_kept_and_its_exchanges_are_not_read() -> None:
    top = TOP | {"bidPrice": 10160.51, "askPrice": 8209.92}
    coin = {"ticker": "btcusd", "topOfBookData": [top], "exchangeData": {"GDAX": [TOP]}}
    batch = read([coin], COINS).batch
    assert (batch.bid.tolist(), batch.ask.tolist(), owners(batch)) == ([10160.51], [8209.92], ["btcusd"])


@pytest.mark.parametrize("coin", [{}, {"topOfBookData": None}, {"topOfBookData": [7]}])
def test_coin_that_cannot_be_read_costs_no_other(coin: dict[str, object]) -> None:
    batch = read([{"ticker": "btcusd", "topOfBookData": [TOP]}, {"ticker": "ethusd"} | coin], COINS).batch
    assert (owners(batch), [row.symbol for row in batch.malformed]) == (["btcusd"], ["ethusd"])


def test_ticker_that_was_not_asked_for_is_kept_aside() -> None:
    batch = read([TOP | {"ticker": "AAPL"}, TOP | {"ticker": "TSLA"}]).batch
    assert (owners(batch), [row.symbol for row in batch.malformed]) == (["AAPL"], ["TSLA"])
    with pytest.raises(MalformedAnswer, match="got TSLA"):
        read([TOP | {"ticker": "TSLA"}])


@pytest.mark.parametrize(
    ("status", "document", "meaning"),
    [
        (200, b"You have run over your 500 symbol look up for this month. Please upgrade", Throttled),
        (429, b"Error: You have run over your hourly request allocation.", Throttled),
        (200, {"detail": "Error: You have run over your hourly request allocation."}, Throttled),
        (400, b"Error: Free and Power plans are limited to the DOW 30", NotEntitled),
        (404, {"detail": "Not found."}, UnknownSymbol),
    ],
)
def test_failure_is_read_by_its_meaning_whatever_the_status(status: int, document: object, meaning: type[Exception]) -> None:
    with pytest.raises(meaning):
        read(document, status=status)
