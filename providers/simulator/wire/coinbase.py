"""Coinbase Exchange: `/products/{id}/candles`, the top of `/products/{id}/book`, `/products/{id}/ticker`, and the listing of markets.

Source: docs.cdp.coinbase.com (Exchange API); recorded bodies. Rows are stamp, low, high, open, close, volume, newest first; windows are
inclusive and hold at most 300 rows; there are none for silent intervals. Instruments go by the common spelling inside: `BTC-USD` is
`X:BTCUSD`.
"""

import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from providers.market.types import SECOND_US, Interval, Micros, from_us, to_us
from providers.simulator.quotes import NamedQuote
from providers.simulator.rows import Rows
from providers.simulator.wire.base import Answer, BadParameter, Feed, LimitState, Refusal, VendorRequest, encode, numbers
from providers.simulator.wire.coins import LISTED, PREFIX, decimal, known

MOST_ROWS = 300
_PRODUCT = re.compile(r"/products/(?P<id>[^/]+)/(?P<what>candles|book|ticker)")
_LISTS = frozenset({"/products", "/currencies", "/time"})
_INTERVALS = {
    str(interval.us // SECOND_US): interval for interval in (Interval.M1, Interval.M5, Interval.M15, Interval.H1, Interval.D1)
}


class CoinbaseWire:
    """One product a call."""

    vendor: ClassVar[str] = "coinbase"
    requests_per_minute: ClassVar[int | None] = 600

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """The product of the path, in the common spelling."""
        found = _PRODUCT.fullmatch(request.path)
        if found is None:
            return () if request.path in _LISTS else None
        return (_common(found["id"]),)

    def credentials(self, request: VendorRequest) -> str | None:
        """A header that market data can do without."""
        return request.headers.get("cb-access-key") or None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """None of these do."""
        return False

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """What the path asks for, 400 for odd parameters, 404 for an unknown product."""
        found = _PRODUCT.fullmatch(request.path)
        if found is None:
            return Answer(200, encode(_listed(request, feed)))
        if found["id"] != found["id"].upper() or not feed.knows(_common(found["id"])):
            return _error(404, "NotFound")
        try:
            return _candles(request, feed, _common(found["id"])) if found["what"] == "candles" else _book(request, feed, found)
        except BadParameter as error:
            return _error(400, str(error))

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """All say `message`."""
        if refusal is Refusal.UNAUTHORIZED:
            return _error(401, "Invalid API Key")
        if refusal is Refusal.FORBIDDEN_CREDENTIALS:
            return _error(403, "Invalid API Key")
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            return _error(403, "Trading pair not available")
        if refusal is Refusal.THROTTLE:
            return _error(429, "Public rate limit exceeded")
        return _error(500, "Internal server error")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """There are none."""
        return {}


def _common(product: str) -> str:
    return PREFIX + product.replace("-", "")


def _candles(request: VendorRequest, feed: Feed, symbol: str) -> Answer:
    interval = _INTERVALS.get(request.query.get("granularity", "60"))
    if interval is None:
        raise BadParameter("Unsupported granularity")
    newest = request.now // interval.us * interval.us - interval.us
    end = _moment(request, "end", default=newest)
    start = _moment(request, "start", default=end - (MOST_ROWS - 1) * interval.us)
    if (end - start) // interval.us > MOST_ROWS:
        raise BadParameter("granularity too small for the requested time range. Count of aggregations requested exceeds 300")
    read = feed.reader(symbol=symbol, interval=interval)
    rows = feed.page(symbol=symbol, rows=read(start, min(end, request.now) + 1))
    return Answer(200, encode(_rows(rows.take(slice(None, None, -1)))), rows=len(rows))


def _rows(rows: Rows) -> list[list[object]]:
    columns = (rows.low, rows.high, rows.open, rows.close, known(rows.volume))
    stamps = (rows.start // SECOND_US).tolist()
    return [list(row) for row in zip(stamps, *map(numbers, columns), strict=True)]


def _book(request: VendorRequest, feed: Feed, found: re.Match[str]) -> Answer:
    told = feed.quotes([_common(found["id"])])
    body = _top(told, request.now) if found["what"] == "book" else _ticker(told, request.now)
    return Answer(200, encode(body), rows=len(told))


def _top(told: list[NamedQuote], now: Micros) -> dict[str, Any]:
    quote = told[0].quote if told else None
    return {
        "bids": _level(quote.bid, quote.bid_size) if quote else [],
        "asks": _level(quote.ask, quote.ask_size) if quote else [],
        "sequence": now // SECOND_US,
        "auction_mode": False,
        "auction": None,
        "time": _text(quote.at if quote else now),
    }


def _level(price: float | None, size: float | None) -> list[list[object]]:
    return [] if price is None else [[decimal(price), decimal(size), 1]]


def _ticker(told: list[NamedQuote], now: Micros) -> dict[str, Any]:
    quote = told[0].quote if told else None
    bid, ask = (quote.bid, quote.ask) if quote else (None, None)
    sides = {name: decimal(price) for name, price in (("bid", bid), ("ask", ask)) if price is not None}
    return {**sides, "trade_id": 1, "time": _text(quote.at if quote else now)}


def _listed(request: VendorRequest, feed: Feed) -> object:
    if request.path == "/time":
        return {"iso": _text(request.now), "epoch": request.now / SECOND_US}
    pairs = [(base, quote) for base, quote in LISTED if feed.knows(PREFIX + base + quote)]
    if request.path == "/currencies":
        return [{"id": coin, "name": coin, "status": "online"} for coin in sorted({coin for pair in pairs for coin in pair})]
    increments = {"base_increment": "0.00000001", "quote_increment": "0.01", "min_market_funds": "1"}
    return [
        {"id": f"{base}-{quote}", "base_currency": base, "quote_currency": quote, "status": "online", **increments}
        for base, quote in pairs
    ]


def _moment(request: VendorRequest, name: str, *, default: Micros) -> Micros:
    text = request.query.get(name)
    if text is None:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        if re.fullmatch(r"\d{1,11}", text):
            return int(text) * SECOND_US
        raise BadParameter(f"Invalid {name}") from None
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _text(moment: Micros) -> str:
    return from_us(moment).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _error(status: int, text: str) -> Answer:
    return Answer(status, encode({"message": text}))
