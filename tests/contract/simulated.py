"""Asking a simulator in tests: bare HTTP, the vendors' own clients, and our adapters, each giving the same kind of row."""

import asyncio
import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import numpy as np

from providers.adapter import Account, BarPage, HttpRequest, HttpResponse, windows
from providers.client_adapter import ClientAdapter
from providers.market.quotes import QuoteQuery
from providers.market.types import AssetClass, BarBatch, BarQuery, Interval, to_us
from providers.registry import get_adapter
from providers.simulator.rows import Rows

Row = tuple[int, float, float, float, float, float | None]
"""Open time in epoch microseconds, open, high, low, close, volume."""

ALPACA_KEYS = {"APCA-API-KEY-ID": "test-id", "APCA-API-SECRET-KEY": "test-secret"}
POLYGON_KEY = {"Authorization": "Bearer test-key"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came, header names lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def ask(url: str, path: str, *, headers: Mapping[str, str] | None = None, seconds: float = 20, **params: object) -> Reply:
    """One GET without any cleverness: errors of the connection come through."""
    target = path + (("&" if "?" in path else "?") + urlencode(params) if params else "")
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)
    try:
        connection.request("GET", target, headers=dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def ask_polygon(url: str, ticker: str, start: object, end: object, *, span: str = "1/minute", **params: object) -> Reply:
    """A page of aggregates."""
    return ask(url, f"/v2/aggs/ticker/{quote(ticker, safe=':')}/range/{span}/{start}/{end}", headers=POLYGON_KEY, **params)


def ask_alpaca(url: str, symbols: str, start: object, end: object, *, timeframe: str = "1Min", **params: object) -> Reply:
    """A page of stock bars."""
    asked = {"symbols": symbols, "start": start, "end": end, "timeframe": timeframe, **params}
    return ask(url, "/v2/stocks/bars", headers=ALPACA_KEYS, **asked)


def rows_of(rows: Rows, *, null_volume: float | None = None) -> list[Row]:
    """Rows of a source; an unknown volume is `null_volume`."""
    columns = (rows.open, rows.high, rows.low, rows.close, rows.volume)
    volumes = [null_volume if isnan(v) else v for v in rows.volume.tolist()]
    return list(zip(rows.start.tolist(), *(c.tolist() for c in columns[:4]), volumes, strict=True))


def massive_rows(
    url: str, ticker: str, start: int, end: int, *, limit: int, timespan: str = "minute", **options: Any
) -> list[Row]:
    """What Massive's own client reads of `[start, end)` (epoch microseconds), all pages."""
    from massive import RESTClient

    client = RESTClient("test-key", base=url, retries=0, **options)
    span = {"multiplier": 1, "timespan": timespan, "from_": start // 1000, "to": (end - 1) // 1000}
    aggs = client.list_aggs(quote(ticker, safe=":"), adjusted=False, sort="asc", limit=limit, **span)
    return [(a.timestamp * 1000, a.open, a.high, a.low, a.close, a.volume) for a in aggs]


def alpaca_rows(url: str, symbols: list[str], start: datetime, end: datetime, *, timeframe: Any = None) -> dict[str, list[Row]]:
    """What Alpaca's own client reads of `[start, end]`, all pages; crypto when the symbols have a slash."""
    from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
    from alpaca.data.requests import CryptoBarsRequest, StockBarsRequest
    from alpaca.data.timeframe import TimeFrame

    asked = {"symbol_or_symbols": symbols, "timeframe": timeframe or TimeFrame.Minute, "start": start, "end": end}
    if "/" in symbols[0]:
        bars = CryptoHistoricalDataClient("id", "secret", url_override=url).get_crypto_bars(CryptoBarsRequest(**asked))
    else:
        bars = StockHistoricalDataClient("id", "secret", url_override=url).get_stock_bars(StockBarsRequest(**asked))
    return {
        symbol: [(to_us(b.timestamp), b.open, b.high, b.low, b.close, b.volume) for b in rows]
        for symbol, rows in bars.data.items()
    }


def account(vendor: str, url: str) -> Account:
    """An account of a vendor at the simulator."""
    credentials = {name: f"test-{name}" for name in get_adapter(vendor).credential_names}
    return Account(provider=vendor, adapter=vendor, base_url=url, credentials=credentials)


def adapter_pages(url: str, vendor: str, query: BarQuery) -> list[BarPage]:
    """All pages of all windows that our adapter reads."""
    adapter, at = get_adapter(vendor), account(vendor, url)
    pages = []
    if isinstance(adapter, ClientAdapter):
        return [client_page(adapter, at, window) for window in windows(adapter, query)]
    for window in windows(adapter, query):
        request: HttpRequest | None = adapter.bars_request(window, at)
        while request is not None:
            page = adapter.parse_bars(send(request), window, at)
            pages.append(page)
            request = page.next
    return pages


def client_page(adapter: ClientAdapter, at: Account, query: BarQuery | QuoteQuery) -> Any:
    """What our adapter reads through its client library."""

    async def sending(request: HttpRequest, read: Callable[[HttpResponse], Any]) -> Any:
        return read(send(request))

    client = adapter.open_client(at)
    return asyncio.run((client.quotes if isinstance(query, QuoteQuery) else client.bars)(query, send=sending))


def send(request: HttpRequest) -> HttpResponse:
    """The answer to a request of an adapter."""
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    reply = ask(request.url, target, headers=request.headers, **request.params, **request.secret_params)
    return HttpResponse(reply.status, dict(reply.headers), reply.body)


def adapter_rows(
    url: str,
    vendor: str,
    symbols: tuple[str, ...],
    start: int,
    end: int,
    *,
    interval: Interval = Interval.M1,
    asset_class: AssetClass | None = None,
) -> dict[str, list[Row]]:
    """What our adapter reads of `[start, end)`, by vendor symbol."""
    prefixes = {"X:": AssetClass.CRYPTO, "C:": AssetClass.FX, "I:": AssetClass.INDEX}
    asset_class = asset_class or prefixes.get(symbols[0][:2], AssetClass.CRYPTO if "/" in symbols[0] else AssetClass.EQUITY)
    query = BarQuery(symbols=symbols, interval=interval, start=start, end=end, asset_class=asset_class)
    batch = BarBatch.concat([page.batch for page in adapter_pages(url, vendor, query)])
    assert not batch.malformed
    return {symbol: _batch_rows(batch, symbol) for symbol in symbols}


def _batch_rows(batch: BarBatch, symbol: str) -> list[Row]:
    if symbol not in batch.symbols:
        return []
    mine = batch.where(batch.symbol_index == batch.symbols.index(symbol))
    volumes = [None if np.isnan(v) else v for v in mine.volume.tolist()]
    columns = (mine.open, mine.high, mine.low, mine.close)
    return list(zip(mine.start.tolist(), *(c.tolist() for c in columns), volumes, strict=True))
