"""Binance spot: `/api/v3/klines`, `/api/v3/ticker/bookTicker`, and the listing of markets.

Source: developers.binance.com; recorded bodies; quoted refusals. Windows are inclusive, the oldest rows of a window come first, the
running candle is the newest row. A minute without a row at the source has none here, where the venue would repeat the last price.
"""

import json
import re
from typing import Any, ClassVar

from providers.market.types import Interval
from providers.simulator.rows import Rows
from providers.simulator.source import first_rows, last_rows
from providers.simulator.wire.base import Answer, BadParameter, Feed, LimitState, Refusal, VendorRequest, encode
from providers.simulator.wire.coins import LISTED, PREFIX, decimal, known, with_running
from providers.simulator.wire.text import number_texts

MOST_ROWS = 1_000
_MS_US = 1_000
_BASE = "/api/v3/"
_INTERVALS = {
    "1m": Interval.M1,
    "5m": Interval.M5,
    "15m": Interval.M15,
    "30m": Interval.M30,
    "1h": Interval.H1,
    "1d": Interval.D1,
}
_SYMBOL = re.compile(r"[A-Z0-9._-]{1,20}")
_WEIGHT = 2
_UNKNOWN = (-1121, "Invalid symbol.")


class BinanceWire:
    """Klines of one symbol, tickers of one or many."""

    vendor: ClassVar[str] = "binance"
    requests_per_minute: ClassVar[int | None] = 3_000

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """Those of the query, in the common spelling."""
        if request.path not in {_BASE + name for name in ("klines", "ticker/bookTicker", "exchangeInfo", "time", "ping")}:
            return None
        return tuple(PREFIX + symbol for symbol in _asked(request))

    def credentials(self, request: VendorRequest) -> str | None:
        """A header that market data can do without."""
        return request.headers.get("x-mbx-apikey") or None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """None of these do."""
        return False

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """What the path asks for, or 400 with the venue's code."""
        try:
            return _answer(request, feed)
        except BadParameter as error:
            return _error(400, *error.args)

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """Each with a code of its own."""
        if refusal in {Refusal.UNAUTHORIZED, Refusal.FORBIDDEN_CREDENTIALS}:
            return _error(401, -2015, "Invalid API-key, IP, or permissions for action.")
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            return _error(451, 0, "Service unavailable from a restricted location according to the terms of use.")
        if refusal is Refusal.THROTTLE:
            return _error(429, -1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE.")
        return _error(500, -1000, "An unknown error occurred while processing the request.")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """The weight that was used in this minute."""
        return {"X-MBX-USED-WEIGHT-1M": str(_WEIGHT * (state.limit - state.remaining))}


def _answer(request: VendorRequest, feed: Feed) -> Answer:
    name = request.path.removeprefix(_BASE)
    if name == "klines":
        return _klines(request, feed)
    if name == "ticker/bookTicker":
        return _tickers(request, feed)
    if name == "time":
        return Answer(200, encode({"serverTime": request.now // _MS_US}))
    return Answer(200, encode(_listing(request, feed) if name == "exchangeInfo" else {}))


def _asked(request: VendorRequest) -> list[str]:
    one, many = request.query.get("symbol"), request.query.get("symbols")
    if many is None:
        return [] if one is None else [one]
    try:
        symbols = json.loads(many)
    except ValueError:
        return [many]
    return [str(symbol) for symbol in symbols] if isinstance(symbols, list) else [many]


def _known(request: VendorRequest, feed: Feed) -> list[str]:
    """The asked symbols. Raises: BadParameter when any is none, or unknown."""
    asked = _asked(request)
    if not all(_SYMBOL.fullmatch(symbol) for symbol in asked):
        raise BadParameter(-1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.")
    if not all(feed.knows(PREFIX + symbol) for symbol in asked):
        raise BadParameter(*_UNKNOWN)
    return asked


def _klines(request: VendorRequest, feed: Feed) -> Answer:
    interval = _INTERVALS.get(request.query.get("interval", ""))
    if interval is None:
        raise BadParameter(-1120, "Invalid interval.")
    asked = _known(request, feed)
    if len(asked) != 1:
        raise BadParameter(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    limit = min(_number(request, "limit", default=500), MOST_ROWS)
    start, end = _number(request, "startTime", default=-1) * _MS_US, _number(request, "endTime", default=-1) * _MS_US
    end = request.now if end < 0 else min(end + _MS_US, request.now + 1)
    symbol = PREFIX + asked[0]
    read = feed.reader(symbol=symbol, interval=interval)
    width = limit * interval.us
    if start < 0:
        rows = last_rows(read, start=0, end=end, limit=limit, width=width)
    else:
        rows = first_rows(read, start=start, end=end, limit=limit, width=width)
    if end > request.now // interval.us * interval.us:
        rows = with_running(rows, read=read, interval=interval, now=request.now)
    rows = rows.take(slice(-limit, None) if start < 0 else slice(0, limit))
    rows = feed.page(symbol=symbol, rows=rows)
    return Answer(200, encode(_rows(rows, interval)), rows=len(rows))


def _rows(rows: Rows, interval: Interval) -> list[list[object]]:
    volume = known(rows.volume)
    columns = (rows.open, rows.high, rows.low, rows.close, volume, known(rows.vwap) * volume)
    opened, counts = (rows.start // _MS_US).tolist(), known(rows.trade_count).astype(int).tolist()
    texts = [number_texts(column) for column in columns]
    width_ms = interval.us // _MS_US
    closed = [at + width_ms - 1 for at in opened]
    rest = (["0"] * len(rows) for _ in range(3))  # what takers bought, and a field without a use
    prices_and_volume, turnover = texts[:5], texts[5]
    return [list(row) for row in zip(opened, *prices_and_volume, closed, turnover, counts, *rest, strict=True)]


def _tickers(request: VendorRequest, feed: Feed) -> Answer:
    asked = _known(request, feed) or [base + quote for base, quote in LISTED if feed.knows(PREFIX + base + quote)]
    tickers = [
        {
            "symbol": each.label.removeprefix(PREFIX),
            "bidPrice": decimal(each.quote.bid),
            "bidQty": decimal(each.quote.bid_size),
            "askPrice": decimal(each.quote.ask),
            "askQty": decimal(each.quote.ask_size),
        }
        for each in feed.quotes([PREFIX + symbol for symbol in asked])
    ]
    is_single = "symbol" in request.query
    return Answer(200, encode(tickers[0] if is_single and tickers else tickers), rows=len(tickers))


def _listing(request: VendorRequest, feed: Feed) -> dict[str, Any]:
    pairs = [(base, quote) for base, quote in LISTED if feed.knows(PREFIX + base + quote)]
    return {
        "timezone": "UTC",
        "serverTime": request.now // _MS_US,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [
            {
                "symbol": base + quote,
                "status": "TRADING",
                "baseAsset": base,
                "baseAssetPrecision": 8,
                "quoteAsset": quote,
                "quotePrecision": 8,
                "quoteAssetPrecision": 8,
                "orderTypes": ["LIMIT", "MARKET"],
                "isSpotTradingAllowed": True,
                "isMarginTradingAllowed": False,
                "filters": [],
                "permissions": ["SPOT"],
            }
            for base, quote in pairs
        ],
    }


def _number(request: VendorRequest, name: str, *, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,16}", text):
        raise BadParameter(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def _error(status: int, code: int, text: str) -> Answer:
    return Answer(status, encode({"code": code, "msg": text}))
