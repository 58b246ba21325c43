"""One odd value anywhere in a good answer: nothing but our own errors leaves an adapter, and the rows beside it stay."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from providers.adapter import HttpAdapter, HttpResponse
from providers.errors import ProviderError
from providers.market.quotes import QuoteQuery
from providers.market.types import DAY_US, AssetClass, BarQuery, Interval
from providers.quote_adapter import HttpQuoteAdapter
from providers.registry import get_adapter
from tests.builders import us
from tests.contract.asking import account_of, ask_client, query_of

FIRST, NEXT = us("2024-01-02 14:30"), us("2024-01-03 14:30")
FIRST_S, NEXT_S = FIRST // 10**6, NEXT // 10**6
ISO = ("2024-01-02T14:30:00Z", "2024-01-03T14:30:00Z")
CRYPTO = AssetClass.CRYPTO
DEEP: dict[str, Any] = {}
for _ in range(800):
    DEEP = {"error": DEEP}
ODD = [None, True, 1e305, "NaN", "1_000", [], {}, "\ud800", "America", "0001-01-01T00:00:00+14:00", "http://[::1/v2/aggs/x?c=1"]
PRICES = {"o": 1.5, "h": 2, "l": 1, "c": 1.25, "v": 3.4e7}
LONG = {"open": 1.5, "high": 2, "low": 1, "close": 1.25, "volume": 10}
TEXTS = {name: str(value) for name, value in LONG.items()}
ALPHA = {f"{i}. {name}": value for i, (name, value) in enumerate(TEXTS.items(), 1)}
CHART = {
    "symbol": "AAPL",
    "exchangeTimezoneName": "America/New_York",
    "dataGranularity": "1m",
    "regularMarketTime": NEXT_S + 90,
}
BOOK = {"bidPrice": 1.5, "askPrice": 1.6, "bidSize": 1, "askSize": 2, "quoteTimestamp": ISO[0]}


@dataclass(frozen=True)
class Case:
    """A good answer of two rows; `rows`: where a value belongs to the first of them alone."""

    vendor: str
    query: BarQuery | QuoteQuery
    answer: Any
    rows: tuple[tuple[Any, ...], ...] = ()


def both(**row: Any) -> list[dict[str, Any]]:
    """Two rows, of which those values differ that come in pairs."""
    return [{name: value[i] if isinstance(value, tuple) else value for name, value in row.items()} for i in range(2)]


def stock(interval: Interval = Interval.M1, *symbols: str) -> BarQuery:
    return query_of(*symbols or ("AAPL",), interval=interval)


def coin(symbol: str) -> BarQuery:
    return query_of(symbol, asset_class=CRYPTO, start=FIRST, end=FIRST + 2 * DAY_US, interval=Interval.D1)


CASES = {
    "polygon": Case("polygon", stock(), {"ticker": "AAPL", "status": "OK", "resultsCount": 2, "next_url": None,
        "results": both(t=(FIRST_S * 1000, NEXT_S * 1000), **PRICES, vw=1.3, n=5)}, (("results", 0),)),
    "polygon days": Case("polygon", stock(Interval.D1), {"ticker": "AAPL", "status": "OK",
        "results": both(t=(FIRST_S * 1000, NEXT_S * 1000), **PRICES)}, (("results", 0),)),
    "alpaca": Case("alpaca", stock(), {"bars": {"AAPL": both(t=ISO, **PRICES, vw=1.3, n=5)}, "next_page_token": None},
        (("bars", "AAPL", 0),)),
    "alpaca days": Case("alpaca", stock(Interval.D1, "AAPL", "MSFT"), {"bars": {"AAPL": both(t=ISO, **PRICES)}},
        (("bars", "AAPL", 0),)),
    "tiingo": Case("tiingo", stock(), both(date=ISO, **LONG), ((0,),)),
    "tiingo days": Case("tiingo", stock(Interval.D1), both(date=ISO, **LONG), ((0,),)),
    "tiingo coins": Case("tiingo", replace(coin("btcusd"), start=FIRST - DAY_US), [{"ticker": "btcusd",
        "priceData": both(date=ISO, **LONG)}], ((0, "priceData", 0),)),
    "finnhub": Case("finnhub", stock(), {"s": "ok", "t": [FIRST_S, NEXT_S], **{k: [v] * 2 for k, v in PRICES.items()}},
        tuple((key, 0) for key in "tohlcv")),
    "finnhub days": Case("finnhub", stock(Interval.D1), {"s": "ok", "t": [FIRST_S, NEXT_S],
        **{k: [v] * 2 for k, v in PRICES.items()}}, tuple((key, 0) for key in "tohlcv")),
    "twelve_data": Case("twelve_data", stock(), {"meta": {"symbol": "AAPL", "interval": "1min"}, "status": "ok",
        "values": both(datetime=("2024-01-02 14:30:00", "2024-01-03 14:30:00"), **TEXTS)}, (("values", 0),)),
    "twelve_data batch": Case("twelve_data", stock(Interval.D1, "AAPL", "MSFT"), {
        "AAPL": {"meta": {"symbol": "AAPL", "interval": "1day"}, "status": "ok",
            "values": both(datetime=("2024-01-02", "2024-01-03"), **TEXTS)},
        "MSFT": {"code": 404, "message": "**symbol** not found: MSFT", "status": "error"}}, (("AAPL", "values", 0),)),
    "alpha_vantage": Case("alpha_vantage", stock(), {"Meta Data": {"2. Symbol": "AAPL", "6. Time Zone": "US/Eastern"},
        "Time Series (1min)": {"2024-01-03 09:30:00": ALPHA, "2024-01-02 09:30:00": ALPHA}},
        (("Time Series (1min)", "2024-01-03 09:30:00"),)),
    "yahoo": Case("yahoo", stock(), {"chart": {"error": None, "result": [{"meta": CHART, "timestamp": [FIRST_S, NEXT_S],
        "indicators": {"quote": [{k: [v] * 2 for k, v in LONG.items()}]}}]}},
        tuple(("chart", "result", 0, "indicators", "quote", 0, key, 0) for key in LONG)),
    "yahoo days": Case("yahoo", stock(Interval.D1), {"chart": {"error": None, "result": [{
        "meta": CHART | {"dataGranularity": "1d"}, "timestamp": [FIRST_S, NEXT_S],
        "indicators": {"quote": [{k: [v] * 2 for k, v in LONG.items()}]}}]}},
        tuple(("chart", "result", 0, "indicators", "quote", 0, key, 0) for key in LONG)),
    "yahoo error": Case("yahoo", stock(), {"chart": {"result": None, "error": {"code": "Not Found", "description": "gone"}}}),
    "binance": Case("binance", coin("BTCUSDT"), [[s * 1000, "1.5", "2", "1", "1.25", "9", 0, "", 3] for s in (FIRST_S, NEXT_S)],
        ((0,),)),
    "kraken": Case("kraken", coin("XBTUSD"), {"error": [], "result": {"last": NEXT_S,
        "XXBTZUSD": [[s, "1.5", "2", "1", "1.25", "1.3", "9", 3] for s in (FIRST_S, NEXT_S)]}}, (("result", "XXBTZUSD", 0),)),
    "coinbase": Case("coinbase", coin("BTC-USD"), [[s, 1, 2, 1.5, 1.25, 9] for s in (FIRST_S, NEXT_S)], ((0,),)),
    "polygon quotes": Case("polygon", QuoteQuery(("AAPL",)), {"status": "OK",
        "results": {"T": "AAPL", "p": 1.5, "s": 2, "P": 1.6, "S": 3, "t": 1_617_827_221_349_730_305}}),
    "alpaca quotes": Case("alpaca", QuoteQuery(("AAPL", "MSFT")), {"quotes": {symbol:
        {"t": ISO[0], "ap": 1.6, "as": 3, "bp": 1.5, "bs": 2} for symbol in ("AAPL", "MSFT")}}, (("quotes", "AAPL"),)),
    "tiingo quotes": Case("tiingo", QuoteQuery(("AAPL", "MSFT")), both(ticker=("AAPL", "MSFT"), **BOOK), ((0,),)),
    "tiingo coin quotes": Case("tiingo", QuoteQuery(("btcusd",), CRYPTO), [{"ticker": "btcusd", "topOfBookData": [BOOK] * 2}],
        ((0, "topOfBookData", 0),)),
    "binance quotes": Case("binance", QuoteQuery(("BTCUSDT", "ETHUSDT"), CRYPTO), both(symbol=("BTCUSDT", "ETHUSDT"),
        bidPrice="1.5", bidQty="1", askPrice="1.6", askQty="2"), ((0,),)),
    "kraken quotes": Case("kraken", QuoteQuery(("XBTUSD", "ETHUSD"), CRYPTO), {"error": [], "result": {
        pair: {"a": ["1.6", "1", "1"], "b": ["1.5", "1", "1"]} for pair in ("XXBTZUSD", "XETHZUSD")}}, (("result", "XXBTZUSD"),)),
    "coinbase quotes": Case("coinbase", QuoteQuery(("BTC-USD",), CRYPTO), {"bids": [["1.5", "2", 1]], "asks": [["1.6", "3", 1]],
        "time": ISO[0]}),
}  # fmt: skip
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def read(case: Case, document: object, status: int = 200) -> Any:
    adapter = get_adapter(case.vendor)
    account = account_of(adapter)
    response = HttpResponse(status, {"date": "Tue, 02 Jan 2024 00:00:00 GMT"}, json.dumps(document).encode())
    if isinstance(case.query, QuoteQuery) and isinstance(adapter, HttpQuoteAdapter):
        return adapter.parse_quotes(response, case.query, account)
    if isinstance(case.query, BarQuery) and isinstance(adapter, HttpAdapter):
        return adapter.parse_bars(response, case.query, account)
    return ask_client(adapter, case.query, response, account=account)[0]


def places(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*place, key))


def changed(answer: Any, place: tuple[Any, ...], odd: object) -> Any:
    if not place:
        return odd
    part = whole = json.loads(json.dumps(answer))  # no part is shared
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = odd
    return whole


def complaint(case: Case, document: object, status: int) -> str:
    """The error's message, empty when the document has a meaning."""
    try:
        read(case, document, status)
    except ProviderError as error:
        return str(error)
    return ""


@every_case
def test_odd_value_anywhere_raises_nothing_but_an_error_that_can_be_stored(case: Case) -> None:
    for odd in ODD:
        for place in places(case.answer):
            assert complaint(case, changed(case.answer, place, odd), 200).isprintable(), (place, odd)
    for odd in (*ODD, DEEP):
        assert complaint(case, odd, 403).isprintable(), odd


@every_case
def test_odd_value_in_a_row_costs_that_row_alone(case: Case) -> None:
    whole = read(case, case.answer).batch if case.rows else None
    for place in places(case.answer):
        if not any(place[: len(row)] == row for row in case.rows):
            continue
        for odd in ODD:
            batch = read(case, changed(case.answer, place, odd)).batch
            assert len(batch) >= len(whole) - 1, (place, odd)
