"""Quotes of crypto venues through ccxt's real client."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from providers.adapter import HttpRequest, HttpResponse
from providers.errors import (
    MalformedAnswer,
)
from providers.market.quotes import SIZE_UNITS, QuoteQuery, SizeUnit
from tests.contract.asking import account_of, ask_client
from tests.contract.venues import CRYPTO, START, SYMBOLS, VENUES, answer, venue
from tests.recorded import needs_recorded, recordings

BOOKS = {
    "binance": [{"symbol": "BTCUSDT", "bidPrice": "10.0", "bidQty": "2.5", "askPrice": "10.5", "askQty": "3.25"}],
    "kraken": {"error": [], "result": {"XXBTZUSD": {"a": ["10.5", "3", "3.25"], "b": ["10.0", "2", "2.5"]}}},
    "coinbase": {
        "bids": [["10.0", "2.5", 3]],
        "asks": [["10.5", "3.25", 1]],
        "sequence": 5,
        "time": "2026-03-08T12:00:00.123456789Z",
    },
}


@pytest.mark.parametrize("name", VENUES)
def test_best_bid_and_ask_come_with_sizes_in_coins(name: str) -> None:
    page, requests = ask_client(venue(name), QuoteQuery((SYMBOLS[name],), CRYPTO), answer(BOOKS[name]))
    batch = page.batch
    assert (batch.bid[0], batch.bid_size[0], batch.ask[0], batch.ask_size[0]) == (10, 2.5, 10.5, 3.25)
    assert SIZE_UNITS[batch.size_unit[0]] is SizeUnit.BASE
    assert batch.symbols == (SYMBOLS[name],)
    assert batch.at[0] == (START + 123_456 if name == "coinbase" else 0)
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("name", "book"),
    [
        ("binance", [{"symbol": "BTCUSDT", "bidPrice": "0.00000000", "bidQty": "0.0", "askPrice": "10.5", "askQty": "1"}]),
        ("kraken", {"error": [], "result": {"XXBTZUSD": {"a": ["10.5", "1", "1.0"], "b": []}}}),
        ("kraken", {"error": [], "result": {"XXBTZUSD": {"a": ["10.5", "1", "1.0"]}}}),
        ("coinbase", {"bids": [], "asks": [["10.5", "1", 1]]}),
    ],
)
def test_side_without_a_price_has_no_size_either(name: str, book: object) -> None:
    batch = ask_client(venue(name), QuoteQuery((SYMBOLS[name],), CRYPTO), answer(book))[0].batch
    assert np.isnan([batch.bid[0], batch.bid_size[0]]).all()
    assert (batch.ask[0], batch.ask_size[0], batch.at[0]) == (10.5, 1, 0)


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("body", [[1], {"error": [], "result": []}, [{"symbol": "ETHUSDT"}], {"bids": 1}, "ok", {}])
def test_foreign_quotes_are_malformed(name: str, body: object) -> None:
    with pytest.raises(MalformedAnswer):
        ask_client(venue(name), QuoteQuery((SYMBOLS[name],), CRYPTO), answer(body))


@pytest.mark.parametrize(
    ("name", "book", "reason"),
    [
        (
            "kraken",
            {"error": [], "result": {"XXBTZUSD": {"a": ["10.5", "1", "1"], "b": ["10.0"]}}},
            "expected bid to be a list",
        ),
        ("kraken", {"error": [], "result": {"XXBTZUSD": {"a": "10.5", "b": ["10", "1", "1"]}}}, "expected ask to be a list"),
        ("kraken", {"error": [], "result": {"XXBTZUSD": ["10.5"]}}, "expected an object"),
        ("coinbase", {"bids": [{"price": "10"}], "asks": [["10.5", "1", 1]]}, "expected bid to be a list"),
        ("coinbase", {"bids": [["10", True, 1]], "asks": []}, "bid size must be a number"),
        ("coinbase", {"bids": [["10", "1", 1]], "asks": [], "time": "soon"}, "RFC 3339"),
    ],
)
def test_side_that_cannot_be_read_does_not_pass_for_none(name: str, book: object, reason: str) -> None:
    batch = ask_client(venue(name), QuoteQuery((SYMBOLS[name],), CRYPTO), answer(book))[0].batch
    (row,) = batch.malformed
    assert (len(batch), row.symbol) == (0, SYMBOLS[name])
    assert reason in row.reason
    assert json.loads(row.raw) == (book["result"]["XXBTZUSD"] if name == "kraken" else book)


def test_ticker_that_was_not_asked_for_costs_the_others_nothing() -> None:
    tickers = [{**BOOKS["binance"][0], "symbol": "LTCUSDT"}, BOOKS["binance"][0]]
    batch = ask_client(venue("binance"), QuoteQuery(("BTCUSDT", "ETHUSDT"), CRYPTO), answer(tickers))[0].batch
    assert (len(batch), [row.symbol for row in batch.malformed]) == (1, ["LTCUSDT"])


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("USDTUSD", "USDTZUSD"),
        ("XBTUSD", "XXBTZUSD"),
        ("ETHXBT", "XETHXXBT"),
        ("EURUSD", "ZEURZUSD"),
        ("USDJPY", "ZUSDZJPY"),
        ("LINKUSD", "LINKUSD"),
    ],
)
def test_kraken_answers_under_its_own_name_of_a_pair(asked: str, named: str) -> None:
    body = {"error": [], "result": {named: BOOKS["kraken"]["result"]["XXBTZUSD"]}}
    page, _ = ask_client(venue("kraken"), QuoteQuery((asked,), CRYPTO), answer(body))
    assert (page.batch.symbols, page.batch.bid.tolist()) == ((asked,), [10])


def test_quote_that_cannot_be_read_is_kept_aside() -> None:
    tickers = [BOOKS["binance"][0], {**BOOKS["binance"][0], "symbol": "ETHUSDT", "askPrice": "much"}]
    page, _ = ask_client(venue("binance"), QuoteQuery(("BTCUSDT", "ETHUSDT"), CRYPTO), answer(tickers))
    assert len(page.batch) == 1
    assert [(row.symbol, row.reason) for row in page.batch.malformed] == [("ETHUSDT", "askPrice must be a number, got 'much'")]


@pytest.mark.parametrize("name", ["binance", "kraken"])
def test_unknown_symbols_of_a_list_are_found_by_halves(name: str) -> None:
    symbols = tuple(f"C{i}USDT" for i in range(8))
    known = set(symbols) - {"C2USDT", "C7USDT"}

    class Market:
        calls = 0

        async def __call__(self, request: HttpRequest, read: Callable[[HttpResponse], Any]) -> Any:
            self.calls += 1
            query = parse_qs(urlsplit(request.url).query)
            asked = json.loads(query["symbols"][0]) if name == "binance" else query["pair"][0].split(",")
            if set(asked) - known:
                body = (
                    {"error": ["EQuery:Unknown asset pair"]} if name == "kraken" else {"code": -1121, "msg": "Invalid symbol."}
                )
                return read(answer(body, 200 if name == "kraken" else 400))
            if name == "kraken":
                return read(answer({"error": [], "result": dict.fromkeys(asked, BOOKS["kraken"]["result"]["XXBTZUSD"])}))
            return read(answer([{**BOOKS["binance"][0], "symbol": s} for s in asked]))

    market = Market()
    client = venue(name).open_client(account_of(venue(name)))
    page = asyncio.run(client.quotes(QuoteQuery(symbols, CRYPTO), send=market))
    assert set(page.unknown_symbols) == {"C2USDT", "C7USDT"}
    assert set(page.batch.symbols) == known
    assert market.calls <= 1 + 2 * 2 * 3


@needs_recorded
@pytest.mark.parametrize(
    ("name", "recorded", "symbol", "quote"),
    [
        ("binance", "nautilus_book_ticker_response", "LTCBTC", (4.0, 431, 4.000002, 9)),
        ("kraken", "nautilus_http_ticker", "XBTUSDT", (105944.2, 1, 105944.3, 1)),
    ],
)
def test_recorded_quote_is_read_by_its_meaning(name: str, recorded: str, symbol: str, quote: tuple[float, ...]) -> None:
    (recording,) = [r for r in recordings(name) if r.name == recorded]
    body = recording.response.body if name == "kraken" else b"[" + recording.response.body + b"]"  # as a list is answered
    page, _ = ask_client(venue(name), QuoteQuery((symbol,), CRYPTO), replace(recording.response, body=body))
    batch = page.batch
    assert (batch.bid[0], batch.bid_size[0], batch.ask[0], batch.ask_size[0]) == quote


@needs_recorded
def test_every_recorded_quote_has_a_meaning() -> None:
    named = {r.name for name in VENUES for r in recordings(name) if r.kind == "quotes"}
    assert named == {"nautilus_book_ticker_response", "nautilus_http_ticker", "nautilus_http_futures_tickers"}
    (futures,) = [r for r in recordings("kraken") if r.name == "nautilus_http_futures_tickers"]
    with pytest.raises(MalformedAnswer):  # another API
        ask_client(venue("kraken"), QuoteQuery(("XBTUSD",), CRYPTO), futures.response)
