"""Twelve Data: `/time_series` of one symbol or a batch.

Source: twelvedata.com/docs, support articles on historical data and error codes, quoted bodies (see the adapter of the same
name). Every number is a string; without dates the newest 30 rows come, with dates up to 5,000, the newest where there are more;
`end_date` is inclusive for times and exclusive for dates. A batch has a status for each symbol. Errors have their code as
status, but for those within a batch. `adjust` and `prepost` are taken and change nothing: the source says what there is. A
batch counts as one request, where the vendor counts a credit a symbol. Texts about malformed parameters are recalled.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from providers.market.types import Interval, Micros, to_us
from providers.simulator.rows import Rows
from providers.simulator.source import last_rows
from providers.simulator.wire.base import Answer, BadParameter, Feed, LimitState, Refusal, VendorRequest, encode
from providers.simulator.wire.text import number_texts, wall_times

PATH = "/time_series"
DEFAULT_ROWS = 30
MAX_ROWS = 5_000
MAX_SYMBOLS = 120
_INTERVALS = {
    "1min": Interval.M1,
    "5min": Interval.M5,
    "15min": Interval.M15,
    "30min": Interval.M30,
    "1h": Interval.H1,
    "1day": Interval.D1,
}
_ADJUSTMENTS = frozenset({"all", "splits", "dividends", "none"})
_STAMP = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d)?")
_STOCK_ZONE = "America/New_York"
_NO_DATA = "No data is available on the specified dates. Try setting different start/end dates."
_UNKNOWN = (
    "**symbol** or **figi** parameter is missing or invalid. Please provide a valid symbol according to API documentation: "
    "https://twelvedata.com/docs#reference-data"
)
_MESSAGES = {
    Refusal.UNAUTHORIZED: (401, "**apikey** parameter is incorrect or not specified. You can get your free API key instantly."),
    Refusal.FORBIDDEN_CREDENTIALS: (401, "**apikey** parameter is incorrect or not specified."),
    Refusal.FORBIDDEN_ENTITLEMENT: (
        403,
        "/time_series is available exclusively with pro or ultra plans. Consider upgrading your API Key now at "
        "https://twelvedata.com/pricing",
    ),
    Refusal.THROTTLE: (
        429,
        "You have run out of API credits for the current minute. 9 API credits were used, with the current limit being 8. "
        "Wait for the next minute or consider switching to a higher tier plan at https://twelvedata.com/pricing",
    ),
    Refusal.SERVER_ERROR: (500, "Internal server error."),
}


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request that was understood. `start` and `end` (exclusive) are in our stamps."""

    symbols: tuple[str, ...]
    interval: Interval
    zone: str | None
    start: Micros
    end: Micros
    rows: int
    is_ascending: bool

    def zone_of(self, symbol: str) -> str:
        """The zone of the stamps: the one asked for, else the exchange's."""
        return self.zone or _exchange_zone(symbol)


class TwelveDataWire:
    """Many symbols a call, no pages."""

    vendor: ClassVar[str] = "twelve_data"
    requests_per_minute: ClassVar[int | None] = 610

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """Those of the query."""
        if request.path != PATH:
            return None
        return tuple(symbol for symbol in request.query.get("symbol", "").split(",") if symbol)

    def credentials(self, request: VendorRequest) -> str | None:
        """`Authorization: apikey KEY`, or `apikey` in the query."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return (token.strip() if scheme.lower() == "apikey" else "") or request.query.get("apikey") or None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """All paths do."""
        return True

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """A series, a batch of them, or an error in the vendor's words."""
        try:
            ask = _read(request, self.symbols(request) or ())
        except BadParameter as error:
            return _error(400, str(error))
        entries = {symbol: _entry(feed, ask, symbol) for symbol in ask.symbols}
        if len(entries) == 1:
            entry, count = next(iter(entries.values()))
            code = entry.get("code", 200)
            return Answer(code if isinstance(code, int) else 200, encode(entry), rows=count)
        body = {symbol: entry for symbol, (entry, _) in entries.items()}
        return Answer(200, encode(body), headers={"Is_batch": "true"}, rows=sum(count for _, count in entries.values()))

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """The code stands in the body and is the status too."""
        return _error(*_MESSAGES[refusal])

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """Credits, on every answer; when they come back is not said."""
        return {"Api-Credits-Used": str(state.limit - state.remaining), "Api-Credits-Left": str(state.remaining)}


def _exchange_zone(symbol: str) -> str:
    return "UTC" if "/" in symbol else _STOCK_ZONE


def _read(request: VendorRequest, asked: tuple[str, ...]) -> _Ask:
    """Understand a request. Raises: BadParameter."""
    query = request.query
    if not 1 <= len(asked) <= MAX_SYMBOLS:
        raise BadParameter(_UNKNOWN if not asked else f"**symbol** parameter holds more than {MAX_SYMBOLS} symbols")
    interval = _INTERVALS.get(query.get("interval", ""))
    if interval is None:
        raise BadParameter(f"Invalid **interval** provided: {query.get('interval', '')}")
    if query.get("adjust", "splits") not in _ADJUSTMENTS:
        raise BadParameter(f"Invalid **adjust** provided: {query['adjust']}")
    zone = _zone(query.get("timezone", "Exchange"))
    start, end = _span(query, interval, zone or _exchange_zone(asked[0]), request.now)
    has_dates = "start_date" in query or "end_date" in query
    return _Ask(
        symbols=tuple(dict.fromkeys(asked)),
        interval=interval,
        zone=None if interval is Interval.D1 else zone,
        start=start,
        end=end,
        rows=_outputsize(query.get("outputsize", str(MAX_ROWS if has_dates else DEFAULT_ROWS))),
        is_ascending=query.get("order", "desc").lower() == "asc",
    )


def _zone(text: str) -> str | None:
    if text == "Exchange":
        return None
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError):
        raise BadParameter(f"Invalid **timezone** provided: {text}") from None


def _span(query: Mapping[str, str], interval: Interval, zone: str, now: Micros) -> tuple[Micros, Micros]:
    first = _moment(query, "start_date", interval, zone, otherwise=0)
    last = _moment(query, "end_date", interval, zone, otherwise=now)
    is_date = len(query.get("end_date", "")) == len("2024-01-01")
    return first, last if is_date else last + 1


def _moment(query: Mapping[str, str], name: str, interval: Interval, zone: str, *, otherwise: Micros) -> Micros:
    text = query.get(name, "")
    if not text:
        return otherwise
    try:
        if not _STAMP.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
        return to_us(moment.replace(tzinfo=UTC if interval is Interval.D1 else ZoneInfo(zone)))
    except (ValueError, OverflowError):
        raise BadParameter(f"Invalid **{name}** provided: {text}. Use 2006-01-02 or 2006-01-02T15:04:05") from None


def _outputsize(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_ROWS:
        raise BadParameter(f"Invalid **outputsize** provided: {text}. Supports from 1 to {MAX_ROWS}")
    return int(text)


def _entry(feed: Feed, ask: _Ask, symbol: str) -> tuple[dict[str, object], int]:
    """One symbol's series or refusal, and how many rows it has."""
    if not feed.knows(symbol):
        return _words(404, _UNKNOWN), 0
    read = feed.reader(symbol=symbol, interval=ask.interval)
    rows = last_rows(read, start=ask.start, end=ask.end, limit=ask.rows, width=(ask.rows + 1) * ask.interval.us)
    rows = feed.page(symbol=symbol, rows=rows.take(slice(-ask.rows, None)))
    if not len(rows):
        return _words(400, _NO_DATA), 0
    values = _values(rows if ask.is_ascending else rows.take(slice(None, None, -1)), ask, symbol)
    meta = {
        "symbol": feed.label(symbol),
        "interval": next(code for code, interval in _INTERVALS.items() if interval is ask.interval),
        "exchange_timezone": _exchange_zone(symbol),
    }
    return {"meta": meta, "values": values, "status": "ok"}, len(rows)


def _values(rows: Rows, ask: _Ask, symbol: str) -> list[dict[str, str]]:
    stamps = wall_times(rows.start, interval=ask.interval, zone=ask.zone_of(symbol))
    names = ("datetime", "open", "high", "low", "close")
    columns = [stamps, *(number_texts(column) for column in (rows.open, rows.high, rows.low, rows.close))]
    values = [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    for value, volume, is_unknown in zip(values, number_texts(rows.volume), np.isnan(rows.volume).tolist(), strict=True):
        if not is_unknown:
            value["volume"] = volume
    return values


def _words(code: int, message: str) -> dict[str, object]:
    return {"code": code, "message": message, "status": "error"}


def _error(code: int, message: str) -> Answer:
    return Answer(code, encode(_words(code, message)))
