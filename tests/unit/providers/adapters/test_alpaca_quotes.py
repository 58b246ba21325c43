"""Alpaca's latest quotes: a map by symbol, the feed by the account, sizes by the quote's own time."""

import json

import numpy as np
import pytest

from providers.adapter import Account, HttpResponse
from providers.errors import AuthFailed, MalformedAnswer, NotEntitled, Throttled, UnknownSymbol, UnsupportedRequest
from providers.market.quotes import SIZE_UNITS, QuoteQuery, SizeUnit
from providers.market.types import AssetClass, FeedScope
from providers.quote_adapter import QuotePage
from providers.registry import get_adapter

ADAPTER = get_adapter("alpaca")
KEYS = {"key_id": "made-up-id", "secret_key": "made-up-secret"}
STOCKS = QuoteQuery(("AAPL", "MSFT"))
COINS = QuoteQuery(("BTC/USD",), AssetClass.CRYPTO)
ROW = {"t": "2026-03-09T09:00:00.000059999Z", "ax": "K", "ap": 158.65, "as": 100, "bx": "Q", "bp": 159.52, "bs": 40}


def account(scope: FeedScope = FeedScope.CONSOLIDATED) -> Account:
    return Account(provider="a", adapter="alpaca", base_url="http://v", credentials=KEYS, feed_scope=scope)


def read(document: object, query: QuoteQuery = STOCKS, status: int = 200) -> QuotePage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ADAPTER.parse_quotes(HttpResponse(status, {}, body), query, account())


@pytest.mark.parametrize(("scope", "feed"), [(FeedScope.CONSOLIDATED, "sip"), (FeedScope.IEX, "iex")])
def test_stocks_are_asked_of_the_accounts_feed(scope: FeedScope, feed: str) -> None:
    request = ADAPTER.quotes_request(STOCKS, account(scope))
    assert (request.url, request.params) == ("http://v/v2/stocks/quotes/latest", {"symbols": "AAPL,MSFT", "feed": feed})


def test_stocks_of_a_feed_that_is_not_sold_are_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="sip or iex"):
        ADAPTER.quotes_request(STOCKS, account(FeedScope.VENUE))


def test_coins_are_asked_without_a_feed() -> None:
    request = ADAPTER.quotes_request(COINS, account())
    assert (request.url, request.params) == ("http://v/v1beta3/crypto/us/latest/quotes", {"symbols": "BTC/USD"})


def test_crossed_quote_is_read_as_it_came_with_its_stamp_cut() -> None:
    batch = read({"quotes": {"MSFT": ROW}}).batch
    assert (batch.bid.tolist(), batch.ask.tolist()) == ([159.52], [158.65])
    assert (batch.bid_size.tolist(), batch.ask_size.tolist()) == ([40], [100])
    assert batch.at.tolist() == [1_773_046_800_000_059]
    assert [batch.symbols[i] for i in batch.symbol_index] == ["MSFT"]


@pytest.mark.parametrize(
    ("query", "symbol", "stamp", "unit"),
    [
        (STOCKS, "AAPL", "2025-11-03T04:59:59.999999999Z", SizeUnit.ROUND_LOTS),
        (STOCKS, "AAPL", "2025-11-03T05:00:00Z", SizeUnit.SHARES),
        (COINS, "BTC/USD", "2022-02-25T12:56:22.338903764Z", SizeUnit.BASE),
    ],
)
def test_unit_of_sizes_is_that_of_the_quotes_own_time(query: QuoteQuery, symbol: str, stamp: str, unit: SizeUnit) -> None:
    batch = read({"quotes": {symbol: ROW | {"t": stamp}}}, query).batch
    assert [SIZE_UNITS[code] for code in batch.size_unit] == [unit]


def test_inactive_ask_is_no_ask() -> None:
    batch = read({"quotes": {"AAPL": ROW | {"ap": 0, "as": 0, "ax": " "}}}).batch
    assert np.isnan([batch.ask[0], batch.ask_size[0]]).all()


@pytest.mark.parametrize("document", [{"quotes": {}}, {"quotes": None}, {"quotes": {"AAPL": None}}, {"quotes": {"AAPL": []}}])
def test_symbol_without_a_quote_is_left_out(document: object) -> None:
    assert len(read(document).batch) == 0


def test_no_content_is_no_quote() -> None:
    assert len(read(b"", status=204).batch) == 0


def test_single_quote_belongs_to_the_symbol_beside_it() -> None:
    batch = read({"symbol": "MSFT", "quote": ROW}).batch
    assert [batch.symbols[i] for i in batch.symbol_index] == ["MSFT"]


def test_quote_that_was_not_asked_for_is_kept_aside() -> None:
    batch = read({"quotes": {"AAPL": ROW, "TSLA": ROW}}).batch
    assert (len(batch), [row.symbol for row in batch.malformed]) == (1, ["TSLA"])
    with pytest.raises(MalformedAnswer, match="asked alpaca for AAPL, MSFT, got TSLA"):
        read({"quotes": {"TSLA": ROW}})


@pytest.mark.parametrize(
    ("status", "document", "meaning"),
    [
        (403, {"message": "subscription does not permit querying recent SIP data"}, NotEntitled),
        (403, {"message": "forbidden."}, AuthFailed),
        (400, {"message": "invalid symbol: MSFT"}, UnknownSymbol),
        (429, b"too many requests", Throttled),
        (200, {"message": "subscription does not permit querying recent SIP data"}, NotEntitled),
        (200, {"AAPL": {"latestQuote": ROW}}, MalformedAnswer),
    ],
)
def test_failure_is_read_by_its_meaning_whatever_the_status(status: int, document: object, meaning: type[Exception]) -> None:
    with pytest.raises(meaning):
        read(document, status=status)
