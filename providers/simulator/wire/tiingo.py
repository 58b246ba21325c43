"""Tiingo: prices of `/iex`, `/tiingo/daily`, `/tiingo/fx` and `/tiingo/crypto`; top of book is in `tiingo_quotes`.

Source: documentation of api.tiingo.com; recorded bodies; quoted texts of quotas and malformed parameters. Dates are inclusive, those
of stocks in New York. The newest 10,000 rows are sent and nothing says that others were left out. Instruments go by the common
spelling inside: `eurusd` of FX is `C:EURUSD`, the coin `btcusd` is `X:BTCUSD`.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

import numpy as np

from providers.market.days import day_of
from providers.market.types import DAY_US, Interval, Micros
from providers.simulator.rows import Rows
from providers.simulator.source import midnight_us
from providers.simulator.wire import tiingo_quotes
from providers.simulator.wire.base import (
    Answer,
    BadParameter,
    Feed,
    LimitState,
    Refusal,
    VendorRequest,
    encode,
    local_date_us,
    numbers,
    optional_numbers,
)
from providers.simulator.wire.hours import NEW_YORK, regular_hours

ROW_CAP = 10_000
_PATH = re.compile(r"/(?:(?P<kind>iex|tiingo/daily|tiingo/fx)/(?P<ticker>[^/]+)|tiingo/crypto)/prices")
_FREQUENCY = re.compile(r"(\d+)(min|hour|day)", re.I)
_INTERVALS = {
    ("1", "min"): Interval.M1,
    ("5", "min"): Interval.M5,
    ("15", "min"): Interval.M15,
    ("30", "min"): Interval.M30,
    ("60", "min"): Interval.H1,
    ("1", "hour"): Interval.H1,
    ("1", "day"): Interval.D1,
}
_PREFIXES = {"tiingo/fx": "C:", "tiingo/crypto": "X:"}
_CUT_ADVICE = "Please upgrade at https://api.tiingo.com/pricing to have your limits increased."


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request that was understood. `start` and `end` (exclusive) are in our stamps."""

    kind: str
    symbols: tuple[str, ...]
    interval: Interval
    start: Micros
    end: Micros
    columns: frozenset[str]
    has_after_hours: bool


class TiingoWire:
    """One ticker a call, coins several; no pages."""

    vendor: ClassVar[str] = "tiingo"
    requests_per_minute: ClassVar[int | None] = None

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """The ticker of the path or the coins of the query, in the common spelling."""
        found = _PATH.fullmatch(request.path)
        kind = tiingo_quotes.KINDS.get(request.path) or (found and (found["kind"] or "tiingo/crypto"))
        if kind is None:
            return None
        tickers = [found["ticker"]] if found and found["ticker"] else request.query.get("tickers", "").split(",")
        return tuple(_PREFIXES.get(kind, "") + ticker.upper() for ticker in tickers if ticker)

    def credentials(self, request: VendorRequest) -> str | None:
        """A header, or `token` in the query."""
        token = request.headers.get("authorization", "").removeprefix("Token").strip()
        return token or request.query.get("token") or None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """All paths do."""
        return True

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """The newest rows of the window or the top of book, or 400 in prose."""
        asked = self.symbols(request) or ()
        try:
            if kind := tiingo_quotes.KINDS.get(request.path):
                return tiingo_quotes.answer(kind, asked, feed)
            ask = _read(request, asked)
        except BadParameter as error:
            return _prose(400, f"Error: {error}")
        if ask.kind == "tiingo/crypto":
            return _coins(feed, ask)
        if not feed.knows(ask.symbols[0]):
            return _detail(404, "Not found.")
        rows = _cut(feed, ask, ask.symbols[0])
        return Answer(200, encode(_rows(rows, ask, feed.label(ask.symbols[0]))), rows=len(rows))

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """Keys and plans are refused in JSON, quotas in prose."""
        if refusal is Refusal.UNAUTHORIZED:
            has_key = self.credentials(request) is not None
            return _detail(401, "Invalid token." if has_key else "Authentication credentials were not provided.")
        if refusal is Refusal.FORBIDDEN_CREDENTIALS:
            return _detail(403, "Invalid token.")
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            return _detail(403, "You do not have permission to access this API.")
        if refusal is Refusal.THROTTLE:
            return _prose(429, f"Error: You have run over your hourly request allocation. {_CUT_ADVICE}")
        return _prose(500, "Internal Server Error")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """The vendor has none."""
        return {}


def _read(request: VendorRequest, symbols: tuple[str, ...]) -> _Ask:
    found = _PATH.fullmatch(request.path)
    assert found is not None  # `symbols` has seen it
    kind = found["kind"] or "tiingo/crypto"
    if not symbols:
        raise BadParameter("You must specify at least one ticker")
    interval = _interval(kind, request.query.get("resampleFreq", "daily" if kind == "tiingo/daily" else "5min"))
    zone = NEW_YORK if kind == "iex" else "UTC"
    today = date.fromordinal(local_date_us(request.now, zone) // DAY_US + date(1970, 1, 1).toordinal())
    first, last = (_date(request, name, today) for name in ("startDate", "endDate"))
    if interval is Interval.D1:
        start, end = day_of(first) * DAY_US, (day_of(last) + 1) * DAY_US
    else:
        start, end = midnight_us(zone, first), midnight_us(zone, last + timedelta(days=1))
    return _Ask(
        kind=kind,
        symbols=symbols,
        interval=interval,
        start=start,
        end=end,
        columns=frozenset(request.query.get("columns", "open,high,low,close").split(",")),
        has_after_hours=request.query.get("afterHours", "false").lower() == "true",
    )


def _interval(kind: str, frequency: str) -> Interval:
    if kind == "tiingo/daily":
        if frequency.lower() != "daily":
            raise BadParameter(f"this simulator has no {frequency} prices of days")
        return Interval.D1
    found = _FREQUENCY.fullmatch(frequency)
    interval = _INTERVALS.get((found[1], found[2].lower())) if found else None
    if kind == "iex" and (interval is None or interval is Interval.D1):
        raise BadParameter("resampleFreq must be in 'Min' or 'Hour' only")
    if interval is None:
        raise BadParameter(f"this simulator has no prices of {frequency}")
    return interval


def _date(request: VendorRequest, name: str, today: date) -> date:
    try:
        return date.fromisoformat(request.query.get(name, today.isoformat()))
    except ValueError:
        raise BadParameter(f"{name} must be YYYY-MM-DD") from None


def _cut(feed: Feed, ask: _Ask, symbol: str) -> Rows:
    rows = feed.reader(symbol=symbol, interval=ask.interval)(ask.start, ask.end)
    if ask.kind == "iex" and not ask.has_after_hours:
        rows = rows.take(regular_hours(rows.start))
    return feed.page(symbol=symbol, rows=rows.take(slice(-ROW_CAP, None)))


def _rows(rows: Rows, ask: _Ask, label: str) -> list[dict[str, Any]]:
    suffix = "+00:00" if ask.kind == "tiingo/crypto" else ".000Z"
    stamps = [f"{text}{suffix}" for text in np.datetime_as_string(rows.start.astype("datetime64[us]"), unit="s").tolist()]
    columns: dict[str, list[Any]] = {"date": stamps}
    if ask.kind == "tiingo/fx":
        columns["ticker"] = [label.removeprefix("C:").lower()] * len(rows)
    prices = {name: numbers(getattr(rows, name)) for name in ("close", "high", "low", "open")}
    volume: list[Any] = optional_numbers(rows.volume)
    columns |= prices
    if ask.kind == "tiingo/daily":
        columns |= {"volume": volume} | {f"adj{name.capitalize()}": column for name, column in prices.items()}
        columns |= {"adjVolume": volume, "divCash": [0.0] * len(rows), "splitFactor": [1.0] * len(rows)}
    elif ask.kind == "tiingo/crypto":
        notional = optional_numbers(rows.volume * rows.vwap)
        columns |= {"volume": volume, "volumeNotional": notional, "tradesDone": optional_numbers(rows.trade_count)}
    elif ask.kind == "iex":
        columns = {n: c for n, c in (columns | {"volume": volume}).items() if n == "date" or n in ask.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _coins(feed: Feed, ask: _Ask) -> Answer:
    """Coins without rows are left out, as are unknown ones."""
    coins = []
    for symbol in ask.symbols:
        rows = _cut(feed, ask, symbol)
        name = feed.label(symbol).removeprefix("X:").lower()
        if len(rows):
            pair = {"baseCurrency": name[:-3], "quoteCurrency": name[-3:]}
            coins.append({"ticker": name, **pair, "priceData": _rows(rows, ask, name)})
    return Answer(200, encode(coins), rows=sum(len(coin["priceData"]) for coin in coins))


def _detail(status: int, text: str) -> Answer:
    return Answer(status, encode({"detail": text}))


def _prose(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), content_type="text/plain")
