"""Alpha Vantage's answers, and how they are read."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from providers.adapter import Account, BarPage, HttpResponse
from providers.adapters.alpha_vantage import AlphaVantage
from providers.market.types import AssetClass, BarQuery, Interval, to_us

VENDOR = AlphaVantage()
ACCOUNT = Account(provider="alpha", adapter="alpha_vantage", base_url="", credentials={"api_key": "MADEUPKEY17"})


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


QUERY = BarQuery(symbols=("IBM",), interval=Interval.M1, start=at("2024-01-02"), end=at("2024-01-31"))
PAIR = replace(QUERY, symbols=("BTC/EUR",), asset_class=AssetClass.CRYPTO)
ROW = {"1. open": "1.50", "2. high": "2.0", "3. low": "1", "4. close": "1.25", "5. volume": "1000"}
NOON, NOON_US = "2024-01-02 12:00:00", at("2024-01-02T17:00")
META = {"2. Symbol": "IBM", "4. Interval": "1min", "5. Output Size": "Full size", "6. Time Zone": "US/Eastern"}


def answer(*stamps: str, name: str = "Time Series (1min)", row: object = ROW, **meta: str) -> dict[str, object]:
    return {"Meta Data": META | meta, name: dict.fromkeys(stamps, row)}


def parse(document: object, query: BarQuery = QUERY, **options: str) -> BarPage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return VENDOR.parse_bars(HttpResponse(200, {}, body), query, replace(ACCOUNT, options=options))


def starts(document: object, query: BarQuery = QUERY, **options: str) -> list[int]:
    return parse(document, query, **options).batch.start.tolist()


def params(query: BarQuery, **options: str) -> dict[str, str]:
    return VENDOR.bars_request(query, replace(ACCOUNT, options=options)).params
