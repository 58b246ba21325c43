"""Alpha Vantage: `/query` with a function for each kind of series.

Source: alphavantage.co/documentation, recorded and quoted bodies (see the adapter of the same name). Everything is 200.
Stamps are starts, in US/Eastern for stocks and UTC for pairs; rows come newest first. `compact` are the newest 100 rows, `full`
those of the `month` or of the last 30 days, of days the last five years. `adjusted` and `extended_hours` are taken and change nothing:
the source says what
there is. A refusal for quota names the caller's key, as the vendor's does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

from providers.market.types import DAY_US, AssetClass, Interval, Micros
from providers.simulator.rows import Rows
from providers.simulator.source import last_rows, midnight_us
from providers.simulator.wire.base import Answer, BadParameter, Feed, LimitState, Refusal, VendorRequest, encode
from providers.simulator.wire.text import number_texts, wall_times

PATH = "/query"
COMPACT_ROWS = 100
FULL_DAYS = 30
DAILY_DAYS = 5 * 366
"""The vendor's days reach back 20 years and more; made from minutes they would take seconds a call."""
_INTERVALS = {
    "1min": Interval.M1,
    "5min": Interval.M5,
    "15min": Interval.M15,
    "30min": Interval.M30,
    "60min": Interval.H1,
}
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_COLUMNS = ("1. open", "2. high", "3. low", "4. close", "5. volume")
_EASTERN = "US/Eastern"
_PREMIUM = "https://www.alphavantage.co/premium/"


@dataclass(frozen=True, slots=True)
class _Function:
    """What a function's answer is called. `symbols`: the parameters that name what is asked for."""

    symbols: tuple[str, ...]
    information: str
    series: str
    zone: str
    is_daily: bool = False


_FUNCTIONS = {
    "TIME_SERIES_INTRADAY": _Function(
        ("symbol",), "Intraday ({0}) open, high, low, close prices and volume", "Time Series ({0})", _EASTERN
    ),
    "TIME_SERIES_DAILY": _Function(
        ("symbol",), "Daily Prices (open, high, low, close) and Volumes", "Time Series (Daily)", _EASTERN, is_daily=True
    ),
    "FX_INTRADAY": _Function(("from_symbol", "to_symbol"), "FX Intraday ({0}) Time Series", "Time Series FX ({0})", "UTC"),
    "FX_DAILY": _Function(
        ("from_symbol", "to_symbol"),
        "Forex Daily Prices (open, high, low, close)",
        "Time Series FX (Daily)",
        "UTC",
        is_daily=True,
    ),
    "CRYPTO_INTRADAY": _Function(("symbol", "market"), "Crypto Intraday ({0}) Time Series", "Time Series Crypto ({0})", "UTC"),
    "DIGITAL_CURRENCY_DAILY": _Function(
        ("symbol", "market"),
        "Daily Prices and Volumes for Digital Currency",
        "Time Series (Digital Currency Daily)",
        "UTC",
        is_daily=True,
    ),
}
_NAMES = {"from_symbol": "From Symbol", "to_symbol": "To Symbol", "market": "Market Code"}


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request that was understood. `start` and `end` (exclusive) are in our stamps."""

    function: _Function
    symbol: str
    interval: Interval
    code: str
    start: Micros
    end: Micros
    is_compact: bool


class AlphaVantageWire:
    """One symbol a call, no pages; the key in the query only."""

    vendor: ClassVar[str] = "alpha_vantage"
    requests_per_minute: ClassVar[int | None] = 75

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """The one symbol, pairs with a slash."""
        if request.path != PATH:
            return None
        function = _FUNCTIONS.get(request.query.get("function", ""))
        parts = [request.query.get(name, "") for name in function.symbols] if function else []
        return ("/".join(parts),) if parts and all(parts) else ()

    def credentials(self, request: VendorRequest) -> str | None:
        """`apikey` of the query."""
        return request.query.get("apikey") or None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """All functions do."""
        return True

    def depth(self, *, interval: Interval, asset_class: AssetClass) -> timedelta | None:
        """Days, and the minutes of pairs, are those before now; the minutes of stocks are asked for by the month."""
        if interval is Interval.D1:
            return timedelta(days=DAILY_DAYS)
        return None if asset_class is AssetClass.EQUITY else timedelta(days=FULL_DAYS)

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """A series, or the vendor's one answer to whatever it does not like."""
        name = request.query.get("function", "")
        if name not in _FUNCTIONS:
            return _say("Error Message", f"This API function ({name}) does not exist.")
        try:
            ask = _read(request, _FUNCTIONS[name], self.symbols(request) or ())
        except BadParameter:
            ask = None
        if ask is None or not feed.knows(ask.symbol):
            documentation = "https://www.alphavantage.co/documentation/"
            return _say(
                "Error Message", f"Invalid API call. Please retry or visit the documentation ({documentation}) for {name}."
            )
        return _series(feed, ask, request.query)

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """Everything is 200 but for an ill server."""
        if refusal in (Refusal.UNAUTHORIZED, Refusal.FORBIDDEN_CREDENTIALS):
            return _say(
                "Error Message",
                "the parameter apikey is invalid or missing. Please claim your free API key on "
                "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds.",
            )
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            return _say(
                "Information",
                "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any of the premium plans at "
                f"{_PREMIUM} to instantly unlock all premium endpoints",
            )
        if refusal is Refusal.THROTTLE:
            return _say(
                "Information",
                f"We have detected your API key as {self.credentials(request)} and our standard API rate limit is 25 requests per "
                f"day. Please subscribe to any of the premium plans at {_PREMIUM} to instantly remove all daily rate limits.",
            )
        return Answer(500, b"Internal Server Error", content_type="text/plain")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """The vendor has none."""
        return {}


def _read(request: VendorRequest, function: _Function, asked: tuple[str, ...]) -> _Ask:
    """Understand a request. Raises: BadParameter."""
    query = request.query
    code = "Daily" if function.is_daily else query.get("interval", "")
    size = query.get("outputsize", "compact")
    if not asked or size not in ("compact", "full") or (not function.is_daily and code not in _INTERVALS):
        raise BadParameter("Invalid API call")
    start, end = _span(query, function, request.now)
    return _Ask(
        function=function,
        symbol=asked[0],
        interval=Interval.D1 if function.is_daily else _INTERVALS[code],
        code=code,
        start=start,
        end=end,
        is_compact=size == "compact",
    )


def _span(query: Mapping[str, str], function: _Function, now: Micros) -> tuple[Micros, Micros]:
    if function.is_daily:
        return now - DAILY_DAYS * DAY_US, now + DAY_US
    if function.zone == _EASTERN and "month" in query:
        found = _MONTH.fullmatch(query["month"])
        if found is None:
            raise BadParameter("Invalid API call")
        year, month = int(found[1]), int(found[2])
        following = date(year + month // 12, month % 12 + 1, 1)
        return midnight_us(_EASTERN, date(year, month, 1)), midnight_us(_EASTERN, following)
    return now - FULL_DAYS * DAY_US, now


def _series(feed: Feed, ask: _Ask, query: Mapping[str, str]) -> Answer:
    read = feed.reader(symbol=ask.symbol, interval=ask.interval)
    if ask.is_compact:
        width = (COMPACT_ROWS + 1) * ask.interval.us
        rows = last_rows(read, start=ask.start, end=ask.end, limit=COMPACT_ROWS, width=width).take(slice(-COMPACT_ROWS, None))
    else:
        rows = read(ask.start, ask.end)
    rows = feed.page(symbol=ask.symbol, rows=rows).take(slice(None, None, -1))
    stamps = wall_times(rows.start, interval=ask.interval, zone=ask.function.zone)
    meta = _meta(feed, ask, query, stamps[0] if stamps else "")
    name = encode(ask.function.series.format(ask.code))
    body = b'{"Meta Data":%b,%b:{%b}}' % (encode(meta), name, b",".join(_pairs(rows, stamps)))
    return Answer(200, body, rows=len(rows))


def _meta(feed: Feed, ask: _Ask, query: Mapping[str, str], refreshed: str) -> dict[str, str]:
    label = feed.label(ask.symbol)
    parts = label.split("/") if "/" in label else [label, query.get(ask.function.symbols[-1], "")]
    first = "Digital Currency Code" if "market" in ask.function.symbols else "Symbol"
    names = [_NAMES.get(name, first) for name in ask.function.symbols]
    values = {"Information": ask.function.information.format(ask.code), **dict(zip(names, parts, strict=False))}
    values["Last Refreshed"] = refreshed
    values |= {} if ask.function.is_daily else {"Interval": ask.code}
    values |= {"Output Size": "Compact" if ask.is_compact else "Full size", "Time Zone": ask.function.zone}
    return {f"{number}. {name}": value for number, (name, value) in enumerate(values.items(), start=1)}


def _pairs(rows: Rows, stamps: list[str]) -> list[bytes]:
    """Stamps with their rows; written one by one, because a row that is sent twice is a key that comes twice."""
    columns = [number_texts(column) for column in (rows.open, rows.high, rows.low, rows.close, rows.volume)]
    cells = (dict(zip(_COLUMNS, texts, strict=True)) for texts in zip(*columns, strict=True))
    known = ({name: text for name, text in row.items() if text != "nan"} for row in cells)
    return [b"%b:%b" % (encode(stamp), encode(row)) for stamp, row in zip(stamps, known, strict=True)]


def _say(kind: str, text: str) -> Answer:
    return Answer(200, encode({kind: text}))
