"""Polygon.io (Massive): aggregates as of `/v2/aggs/ticker/…/range/…`; last quotes are in `polygon_quotes`.

Source: massive-com/client-python `.massive/rest.json`; recorded bodies; error texts of polygon-io/issues #219, #312 and
client-python #888. `limit` counts base aggregates, `to` is inclusive, `next_url` holds no key.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import ClassVar
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
import numpy as np

from providers.market.types import DAY_US, MINUTE_US, Interval, Micros
from providers.simulator.rows import Rows
from providers.simulator.source import base_count, first_rows, last_rows, midnight_us
from providers.simulator.wire import polygon_quotes
from providers.simulator.wire.base import (
    Answer,
    BadParameter,
    Feed,
    LimitState,
    Refusal,
    VendorRequest,
    day_stamps,
    encode,
    local_date_us,
    numbers,
    optional_numbers,
)

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 50_000
_PATH = re.compile(
    r"/v2/aggs/ticker/(?P<ticker>.+)/range/(?P<multiplier>[^/]+)/(?P<timespan>[^/]+)/(?P<start>[^/]+)/(?P<end>[^/]+)"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MILLIS = re.compile(r"\d{1,15}")
_INTERVALS = {
    ("1", "minute"): Interval.M1,
    ("5", "minute"): Interval.M5,
    ("15", "minute"): Interval.M15,
    ("30", "minute"): Interval.M30,
    ("60", "minute"): Interval.H1,
    ("1", "hour"): Interval.H1,
    ("1", "day"): Interval.D1,
}
_ZONES = {"X:": "UTC", "C:": "UTC", "I:": "America/Chicago"}
_STOCK_ZONE = "America/New_York"


class _Row(msgspec.Struct, omit_defaults=True, gc=False):
    """A bar. A field that is not known is left out, as for indices."""

    o: float
    c: float
    h: float
    l: float  # noqa: E741 the vendor's name
    t: int
    v: float | None = None
    vw: float | None = None
    n: float | None = None


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request that was understood. `start` and `end` (exclusive) are in our stamps; the texts are the caller's own."""

    ticker: str
    multiplier: str
    timespan: str
    start_text: str
    end_text: str
    interval: Interval
    zone: str
    start: Micros
    end: Micros
    limit: int
    is_descending: bool
    adjusted: str


class PolygonWire:
    """One symbol a call; pages by `next_url`."""

    vendor: ClassVar[str] = "polygon"
    requests_per_minute: ClassVar[int | None] = None

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """The ticker of the path."""
        found = _PATH.fullmatch(request.path)
        ticker = found["ticker"] if found else polygon_quotes.ticker_of(request.path)
        return (ticker,) if ticker is not None else None

    def credentials(self, request: VendorRequest) -> str | None:
        """A bearer token, or `apiKey` in the query."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer").strip()
        return bearer or request.query.get("apiKey") or None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """All paths do."""
        return True

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """One page of bars or the last quote, or 400 in the vendor's words."""
        if polygon_quotes.ticker_of(request.path) is not None:
            return polygon_quotes.answer(request.path, feed, request_id=_request_id(request))
        try:
            return self._page(request, feed, _read(request))
        except BadParameter as error:
            return _error(request, 400, error=str(error))

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """401 and 429 say `error`, 403 says `message`."""
        if refusal is Refusal.UNAUTHORIZED:
            has_key = self.credentials(request) is not None
            return _error(request, 401, error="Unknown API Key" if has_key else "API Key was not provided")
        if refusal is Refusal.FORBIDDEN_CREDENTIALS:
            return _error(request, 403, error="Unknown API Key")
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            advice = "You are not entitled to this data. Please upgrade your plan at https://massive.com/pricing"
            return _error(request, 403, status="NOT_AUTHORIZED", message=advice)
        if refusal is Refusal.THROTTLE:
            advice = (
                "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue. "
                "https://polygon.io/pricing"
            )
            return _error(request, 429, error=advice)
        return _error(request, 500, error="Internal server error")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """The vendor has none."""
        return {}

    def _page(self, request: VendorRequest, feed: Feed, ask: _Ask) -> Answer:
        page, has_more = _cut(feed, ask)
        request_id = _request_id(request)
        body: dict[str, object] = {
            "ticker": feed.label(ask.ticker),
            "queryCount": int(page.base.sum()),
            "resultsCount": len(page),
            "adjusted": ask.adjusted == "true",
        }
        headers = {"X-Request-Id": request_id}
        shown = feed.page(symbol=ask.ticker, rows=page)
        if len(shown):
            body["results"] = _rows(shown, ask)
        body |= {"status": "DELAYED" if feed.is_delayed else "OK", "request_id": request_id}
        if len(page):
            body["count"] = len(page)
        if has_more:
            body["next_url"] = _next_url(request, ask, page)
            headers["Link"] = f'<{body["next_url"]}>; rel="next"'
        return Answer(200, encode(body), headers=headers, rows=len(shown))


def _read(request: VendorRequest) -> _Ask:
    """Understand a request. Raises: BadParameter."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        raise BadParameter("the path is not one of aggregates")
    query = _query(request.query)
    interval = _INTERVALS.get((found["multiplier"], found["timespan"]))
    if interval is None:
        raise BadParameter(f"this simulator has no bars of {found['multiplier']} {found['timespan']}")
    zone = _ZONES.get(found["ticker"][:2], _STOCK_ZONE)
    start, end = _span(found["start"], found["end"], interval, zone)
    return _Ask(
        ticker=found["ticker"],
        multiplier=found["multiplier"],
        timespan=found["timespan"],
        start_text=found["start"],
        end_text=found["end"],
        interval=interval,
        zone=zone,
        start=start,
        end=end,
        limit=_limit(query.get("limit")),
        is_descending=_choice(query, "sort", ("asc", "desc")) == "desc",
        adjusted=_choice({k: v.lower() for k, v in query.items()}, "adjusted", ("true", "false")),
    )


def _query(query: Mapping[str, str]) -> Mapping[str, str]:
    """The parameters; those of a following page are in its cursor."""
    cursor = query.get("cursor")
    if cursor is None:
        return query
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise BadParameter("Could not parse the cursor") from None
    return dict(parse_qsl(text))


def _span(start_text: str, end_text: str, interval: Interval, zone: str) -> tuple[Micros, Micros]:
    first = _moment("from", start_text, zone)
    last = _moment("to", end_text, zone, is_end=True)
    if last < first:
        raise BadParameter("The parameter 'to' cannot be a time that occurs before 'from'")
    if interval is Interval.D1:
        return local_date_us(first, zone), local_date_us(last, zone) + DAY_US
    return first // interval.us * interval.us, last + 1


def _moment(name: str, text: str, zone: str, *, is_end: bool = False) -> Micros:
    """The instant that a text means; a date as end means the last instant of its day. Raises: BadParameter."""
    try:
        if _MILLIS.fullmatch(text):
            local_date_us(int(text) * 1000, zone)
            return int(text) * 1000
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return midnight_us(zone, day + timedelta(days=1)) - 1 if is_end else midnight_us(zone, day)
    except (ValueError, OverflowError):
        pass
    raise BadParameter(f"Could not parse the time parameter: '{name}'. Use YYYY-MM-DD or Unix MS Timestamps")


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdecimal() or int(text) == 0:
        raise BadParameter("Could not parse the parameter: 'limit'. Use a whole number up to 50000")
    return min(int(text), MAX_LIMIT)


def _choice(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = query.get(name, choices[0])
    if value not in choices:
        raise BadParameter(f"Could not parse the parameter: '{name}'. Use {' or '.join(choices)}")
    return value


def _cut(feed: Feed, ask: _Ask) -> tuple[Rows, bool]:
    """The page's rows in the order asked for, and whether more follow.

    Whole bars of at most `limit` base aggregates together, at least one bar.
    """
    read = feed.reader(symbol=ask.ticker, interval=ask.interval)
    unit = DAY_US if ask.interval is Interval.D1 else MINUTE_US
    width = (min(ask.limit, 10_000) * unit // ask.interval.us + 1) * ask.interval.us
    if ask.is_descending:
        rows = last_rows(read, start=ask.start, end=ask.end, limit=ask.limit, width=width, size=base_count, at_least=2).take(
            slice(None, None, -1)
        )
    else:
        rows = first_rows(read, start=ask.start, end=ask.end, limit=ask.limit, width=width, size=base_count, at_least=2)
    fitting = max(int(np.searchsorted(np.cumsum(rows.base), ask.limit, side="right")), 1)
    return rows.take(slice(fitting)), fitting < len(rows)


def _rows(rows: Rows, ask: _Ask) -> list[_Row]:
    stamps = day_stamps(rows.start, ask.zone) if ask.interval is Interval.D1 else rows.start
    prices = [numbers(column) for column in (rows.open, rows.close, rows.high, rows.low)]
    if ask.ticker.startswith("I:"):
        return list(map(_Row, *prices, (stamps // 1000).tolist()))
    extras = [optional_numbers(column) for column in (rows.volume, rows.vwap, rows.trade_count)]
    return list(map(_Row, *prices, (stamps // 1000).tolist(), *extras))


def _next_url(request: VendorRequest, ask: _Ask, page: Rows) -> str:
    """The path moves on by its `from` (or `to`, newest first), the other parameters go into the cursor."""
    edge = int(page.start[-1])
    if ask.is_descending:
        stamp = int(day_stamps(page.start[-1:], ask.zone)[0]) if ask.interval is Interval.D1 else edge
        following = replace(ask, end_text=str(stamp // 1000 - 1))
    else:
        after = np.array([edge + ask.interval.us])
        stamp = int(day_stamps(after, ask.zone)[0]) if ask.interval is Interval.D1 else int(after[0])
        following = replace(ask, start_text=str(stamp // 1000))
    order = "desc" if ask.is_descending else "asc"
    parameters = urlencode({"adjusted": ask.adjusted, "limit": ask.limit, "sort": order})
    cursor = base64.urlsafe_b64encode(parameters.encode()).decode().rstrip("=")
    ticker = quote(ask.ticker, safe=":")
    span = f"{following.multiplier}/{following.timespan}/{following.start_text}/{following.end_text}"
    return f"{request.base_url}/v2/aggs/ticker/{ticker}/range/{span}?cursor={cursor}"


def _error(request: VendorRequest, code: int, *, status: str = "ERROR", **words: str) -> Answer:
    request_id = _request_id(request)
    return Answer(code, encode({"status": status, "request_id": request_id, **words}), headers={"X-Request-Id": request_id})


def _request_id(request: VendorRequest) -> str:
    return hashlib.blake2b(f"{request.number}{request.path}".encode(), digest_size=16).hexdigest()
