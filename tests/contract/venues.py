"""Venues that are asked through ccxt, in tests: their answers, and queries for a few minutes."""

import json
from datetime import UTC, datetime

from providers.adapter import HttpResponse
from providers.client_adapter import ClientAdapter
from providers.market.types import MINUTE_US, AssetClass, BarQuery, to_us
from providers.registry import adapter_names, get_adapter
from tests.contract.asking import query_of

CRYPTO = AssetClass.CRYPTO
VENUES = [name for name in adapter_names() if isinstance(get_adapter(name), ClientAdapter)]
START = to_us(datetime(2026, 3, 8, 12, tzinfo=UTC))
DATE = {"date": "Sun, 08 Mar 2026 12:00:00 GMT"}
SYMBOLS = {"binance": "BTCUSDT", "kraken": "XBTUSD", "coinbase": "BTC-USD"}


def venue(name: str) -> ClientAdapter:
    adapter = get_adapter(name)
    assert isinstance(adapter, ClientAdapter)
    return adapter


def answer(value: object, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status, {**DATE, **headers}, json.dumps(value).encode())


def minutes(name: str, count: int, start: int = START) -> BarQuery:
    return query_of(SYMBOLS[name], start=start, end=start + count * MINUTE_US, asset_class=CRYPTO)
