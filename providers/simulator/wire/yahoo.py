"""Yahoo's chart: `/v8/finance/chart/{symbol}`.

Source: recorded answers of gadicc/node-yahoo-finance2 and pricehist; yfinance's repairs. Whoever does not speak as a browser is
turned away; minutes without a trade are rows of nulls, the interval that is still running is an extra row off the grid; `period2` is
inclusive. Instruments go by the common spelling inside: `EURUSD=X` is `C:EURUSD`, `BTC-USD` is `X:BTCUSD`, `^SPX` is `I:SPX`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, time
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from providers.market.days import wall_instants
from providers.market.types import DAY_US, SECOND_US, Interval, Micros, MicrosArray, from_us
from providers.simulator.rows import Rows, aggregate
from providers.simulator.wire.base import (
    Answer,
    Feed,
    LimitState,
    Refusal,
    VendorRequest,
    encode,
    numbers,
)
from providers.simulator.wire.hours import NEW_YORK, regular_hours, session_opens

_PATH = re.compile(r"/v8/finance/chart/(?P<symbol>[^/]+)")
_COIN = re.compile(r"([A-Z0-9]{2,})-(USD|USDT|USDC|EUR|BTC|ETH)")
_SECONDS = re.compile(r"-?\d{1,11}")
_INTERVALS = {
    "1m": Interval.M1,
    "5m": Interval.M5,
    "15m": Interval.M15,
    "30m": Interval.M30,
    "60m": Interval.H1,
    "1h": Interval.H1,
    "1d": Interval.D1,
}
_LOOKBACK_DAYS = {"1m": 30, "5m": 60, "15m": 60, "30m": 60, "60m": 730, "1h": 730}
_MOST_MINUTES_US = 7 * DAY_US
_LONGEST_GAP = 30
_ZONES = {"C:": "Europe/London", "X:": "UTC"}
_TYPES = {"C:": "CURRENCY", "X:": "CRYPTOCURRENCY", "I:": "INDEX"}
_HALF_HOUR_US = Interval.M30.us
_NAMES = ("open", "high", "low", "close", "volume")


class _Refused(Exception):
    """An answer in place of a chart."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request that was understood; `first` and `last` (inclusive) are instants."""

    symbol: str
    asked_symbol: str
    code: str
    interval: Interval
    first: Micros
    last: Micros
    has_extended: bool
    now: Micros


class YahooWire:
    """One symbol a call, no pages, no key."""

    vendor: ClassVar[str] = "yahoo"
    requests_per_minute: ClassVar[int | None] = None

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """The one of the path, in the common spelling."""
        found = _PATH.fullmatch(request.path)
        return (_common(found["symbol"]),) if found else None

    def credentials(self, request: VendorRequest) -> str | None:
        """Nobody shows any."""
        return None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """The chart is open to all."""
        return False

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """A chart, or an error in the chart's envelope."""
        if "mozilla" not in request.headers.get("user-agent", "").lower():
            return _edge()
        try:
            ask = _read(request)
            if not feed.knows(ask.symbol):
                raise _Refused(404, "Not Found", "No data found, symbol may be delisted")
            return _chart(feed, ask)
        except _Refused as refused:
            return _error(refused.status, refused.code, str(refused))

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """The edge speaks in plain text, the service in envelopes."""
        if refusal is Refusal.THROTTLE:
            return _edge()
        if refusal is Refusal.UNAUTHORIZED:
            return _error(401, "Unauthorized", "Invalid Crumb", envelope="finance")
        if refusal is Refusal.FORBIDDEN_CREDENTIALS:
            return _error(403, "Unauthorized", "Invalid Cookie", envelope="finance")
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            return _error(403, "Forbidden", "User does not have access to this feature", envelope="finance")
        return _error(500, "Internal Server Error", "server error")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """The vendor has none."""
        return {}


def _common(symbol: str) -> str:
    if symbol.endswith("=X"):
        pair = symbol.removesuffix("=X")
        return f"C:{pair if len(pair) > 3 else f'USD{pair}'}"
    if coin := _COIN.fullmatch(symbol):
        return f"X:{coin[1]}{coin[2]}"
    return f"I:{symbol[1:]}" if symbol.startswith("^") else symbol


def _read(request: VendorRequest) -> _Ask:
    """Understand a request. Raises: _Refused."""
    found = _PATH.fullmatch(request.path)
    assert found is not None  # `symbols` has seen it
    code = request.query.get("interval", "1d")
    if code not in _INTERVALS:
        raise _Refused(422, "Unprocessable Entity", f"Invalid input - interval={code} is not supported.")
    first, last = (_seconds(request, name) for name in ("period1", "period2"))
    if last < first:
        raise _Refused(400, "Bad Request", "Invalid input - start date cannot be after end date.")
    ask = _Ask(
        symbol=_common(found["symbol"]),
        asked_symbol=found["symbol"],
        code=code,
        interval=_INTERVALS[code],
        first=first * SECOND_US,
        last=last * SECOND_US,
        has_extended=request.query.get("includePrePost", "false").lower() == "true",
        now=request.now,
    )
    _check_reach(ask)
    return ask


def _seconds(request: VendorRequest, name: str) -> int:
    text = request.query.get(name, "")
    if not _SECONDS.fullmatch(text):
        raise _Refused(400, "Bad Request", f"Invalid input - {name} must be epoch seconds.")
    return int(text)


def _check_reach(ask: _Ask) -> None:
    first, last = ask.first // SECOND_US, ask.last // SECOND_US
    if ask.first > ask.now:
        raise _Refused(400, "Bad Request", f"Data doesn't exist for startDate = {first}, endDate = {last}")
    lack = f"{ask.code} data not available for startTime={first} and endTime={last}."
    if ask.interval is Interval.M1 and ask.last - ask.first > _MOST_MINUTES_US:
        advice = "Only 7 days worth of 1m granularity data are allowed to be fetched per request."
        raise _Refused(422, "Unprocessable Entity", f"{lack} {advice}")
    days = _LOOKBACK_DAYS.get(ask.code)
    if days is not None and ask.first < ask.now - days * DAY_US:
        raise _Refused(422, "Unprocessable Entity", f"{lack} The requested range must be within the last {days} days.")


def _chart(feed: Feed, ask: _Ask) -> Answer:
    rows = feed.page(symbol=ask.symbol, rows=_finished(feed, ask))
    stamps = _day_stamps(rows.start, ask.symbol) if ask.interval is Interval.D1 else rows.start
    running = _running(feed, ask)
    quote: dict[str, list[Any]] = {name: numbers(np.nan_to_num(getattr(rows, name), nan=0.0)) for name in _NAMES}
    times = (stamps // SECOND_US).tolist()
    if ask.interval is not Interval.D1:
        times, quote = _with_nulls(times, quote, ask.interval.us // SECOND_US)
    if len(running):
        times = [*times, int(running.start[0]) // SECOND_US]
        quote = {name: [*column, *numbers(np.nan_to_num(getattr(running, name), nan=0.0))] for name, column in quote.items()}
    result: dict[str, Any] = {"meta": _meta(feed, ask)}
    if times:
        result["timestamp"] = times
    result["indicators"] = {"quote": [quote if times else {}]}
    return Answer(200, encode({"chart": {"result": [result], "error": None}}), rows=len(rows))


def _finished(feed: Feed, ask: _Ask) -> Rows:
    """Whole bars whose stamp lies in the window."""
    if ask.interval is Interval.D1:
        wide = feed.reader(symbol=ask.symbol, interval=Interval.D1)(ask.first - 2 * DAY_US, ask.last + 2 * DAY_US)
        stamps = _day_stamps(wide.start, ask.symbol)
        return wide.take((stamps >= ask.first) & (stamps <= ask.last))
    is_session = ask.symbol[:2] not in _ZONES
    if is_session and ask.interval is Interval.H1:
        rows = _session_hours(feed, ask)
    else:
        rows = feed.reader(symbol=ask.symbol, interval=ask.interval)(ask.first, ask.last + 1)
    return rows if ask.has_extended or not is_session else rows.take(regular_hours(rows.start))


def _session_hours(feed: Feed, ask: _Ask) -> Rows:
    """Hours that begin at 09:30 within regular hours, and on the clock's hours outside of them."""
    minutes = feed.reader(symbol=ask.symbol, interval=Interval.M1)(ask.first, ask.last + 1)
    width = Interval.H1.us
    shifted = (minutes.start - _HALF_HOUR_US) // width * width + _HALF_HOUR_US
    return aggregate(minutes, np.where(regular_hours(minutes.start), shifted, minutes.start // width * width))


def _running(feed: Feed, ask: _Ask) -> Rows:
    """The interval that is not over yet, stamped at the last second of its last minute; none for single minutes and days."""
    begin = ask.now // ask.interval.us * ask.interval.us
    if ask.interval in (Interval.M1, Interval.D1) or not ask.first <= ask.now <= ask.last:
        return Rows.empty()
    minutes = feed.reader(symbol=ask.symbol, interval=Interval.M1)(begin, ask.now)
    if not len(minutes):
        return minutes
    return aggregate(minutes, np.full(len(minutes), int(minutes.start[-1]) + 59 * SECOND_US))


def _with_nulls(times: list[int], quote: dict[str, list[Any]], step: int) -> tuple[list[int], dict[str, list[Any]]]:
    """Rows of nulls in short gaps; longer ones are pauses."""
    index: list[int | None] = []
    filled: list[int] = []
    for i, stamp in enumerate(times):
        gap = (stamp - times[i - 1]) // step - 1 if i else 0
        if 0 < gap <= _LONGEST_GAP:
            filled += [times[i - 1] + step * (k + 1) for k in range(gap)]
            index += [None] * gap
        filled.append(stamp)
        index.append(i)
    return filled, {name: [None if i is None else column[i] for i in index] for name, column in quote.items()}


def _day_stamps(dates: MicrosArray, symbol: str) -> MicrosArray:
    """Midnight in the zone of pairs and coins, the session's open of the rest."""
    zone = _ZONES.get(symbol[:2])
    return session_opens(dates) if zone is None else wall_instants(dates // DAY_US, at=time(0), zone=ZoneInfo(zone))


def _meta(feed: Feed, ask: _Ask) -> dict[str, Any]:
    """`gmtoffset` is that of now, whatever the bars' is."""
    kind = ask.symbol[:2]
    zone = _ZONES.get(kind, NEW_YORK)
    local = from_us(ask.now).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    shown = feed.label(ask.symbol)
    return {
        "currency": "USD",
        "symbol": ask.asked_symbol if shown == ask.symbol else shown,
        "instrumentType": _TYPES.get(kind, "EQUITY"),
        "regularMarketTime": ask.now // SECOND_US,
        "gmtoffset": int((local.utcoffset() or local - local).total_seconds()),
        "timezone": local.tzname(),
        "exchangeTimezoneName": zone,
        "dataGranularity": "1h" if ask.interval is Interval.H1 else ask.code,
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }


def _error(status: int, code: str, description: str, *, envelope: str = "chart") -> Answer:
    return Answer(status, encode({envelope: {"result": None, "error": {"code": code, "description": description}}}))


def _edge() -> Answer:
    return Answer(429, b"Edge: Too Many Requests", content_type="text/html")
