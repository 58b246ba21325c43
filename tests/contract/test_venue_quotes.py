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
    assert batch.at[0] == (START + 123_457 if name == "coinbase" else 0)
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("name", "book"),
    [
        ("binance", [{"symbol": "BTCUSDT", "bidPrice": "0.00000000", "bidQty": "0.0", "askPrice": "10.5", "askQty": "1"}]),
        ("kraken", {"error": [], "result": {"XXBTZUSD": {"a": ["10.5", "1", "1.0"], "b": []}}}),
        ("kraken", {"error": [], "result": {"XXBTZUSD": {"a": ["10.5", "1", "1.0"]}}}),
        ("coinbase", {"bids": [], "asks": [["10.5", "1", 1]], "time": "soon"}),
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


def test_quote_that_cannot_be_read_is_kept_aside() -> None:
    tickers = [BOOKS["binance"][0], {**BOOKS["binance"][0], "symbol": "ETHUSDT", "askPrice": "much"}]
    page, _ = ask_client(venue("binance"), QuoteQuery(("BTCUSDT", "ETHUSDT"), CRYPTO), answer(tickers))
    assert len(page.batch) == 1
    assert [(row.symbol, row.reason) for row in page.batch.malformed] == [("ETHUSDT", "ask must be a number, got 'much'")]


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
