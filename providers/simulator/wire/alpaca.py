"""Alpaca market data: bars of stocks (`/v2/stocks/bars`, `/v2/stocks/{symbol}/bars`) and crypto (`/v1beta3/crypto/{loc}/bars`).

Latest quotes are in `alpaca_quotes`.

Source: alpacahq/alpaca-mcp-server `specs/market-data-api.json`; recorded bodies; alpacahq/alpaca-trade-api-go #276 (HTML when
a key is missing). `start` and `end` are inclusive, `limit` counts rows over all symbols, the order is symbol first. The vendor
always sends `n` and `vw`; where they are not known they are sent as null, because a 0 would say "no trade". A volume that is
not known is sent as 0: the vendor's format has no other word for it. Error texts of malformed parameters are recalled.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import msgspec
import numpy as np

from providers.market.types import DAY_US, Interval, Micros, MicrosArray, from_us, to_us
from providers.simulator.rows import Rows
from providers.simulator.source import first_rows, last_rows, midnight_us
from providers.simulator.wire import alpaca_quotes
from providers.simulator.wire.alpaca_parameters import check_choices, check_symbols, interval_of
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

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000
_MULTI = "/v2/stocks/bars"
_SINGLE = re.compile(r"/v2/stocks/(?P<symbol>.+)/bars")
_CRYPTO = re.compile(r"/v1beta3/crypto/(?P<loc>[a-z0-9-]+)/bars")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_LETTERS = {Interval.D1: "D", Interval.H1: "H"}
_STOCK_ZONE = "America/New_York"
_CRYPTO_ZONE = "America/Chicago"
_UNAUTHORIZED_PAGE = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    b"<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class _Row(msgspec.Struct, gc=False):
    t: str
    o: float
    h: float
    l: float  # noqa: E741 the vendor's name
    c: float
    v: float
    n: float | None
    vw: float | None


@dataclass(frozen=True, slots=True)
class _Token:
    """Where the page before this one ended: its last symbol and that symbol's last bar, in our stamps."""

    symbol: str
    start: Micros


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request that was understood. `start` and `end` (exclusive) are in our stamps."""

    symbols: tuple[str, ...]
    is_single: bool
    interval: Interval
    zone: str
    start: Micros
    end: Micros
    limit: int
    is_descending: bool
    after: _Token | None


class AlpacaWire:
    """Many symbols a call; pages by `next_page_token`."""

    vendor: ClassVar[str] = "alpaca"
    requests_per_minute: ClassVar[int | None] = 10_000

    def symbols(self, request: VendorRequest) -> tuple[str, ...] | None:
        """Those of the query, or the one of the path."""
        if request.path == _MULTI or _CRYPTO.fullmatch(request.path) or alpaca_quotes.is_asked(request.path):
            return tuple(symbol for symbol in request.query.get("symbols", "").split(",") if symbol)
        found = _SINGLE.fullmatch(request.path)
        return (found["symbol"],) if found else None

    def credentials(self, request: VendorRequest) -> str | None:
        """Key id and secret joined by a colon; or what the `Authorization` header holds, decoded when it is Basic."""
        key, secret = (request.headers.get(f"apca-api-{name}", "").strip() for name in ("key-id", "secret-key"))
        if key and secret:
            return f"{key}:{secret}"
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return token.strip() or None
        try:
            return base64.b64decode(token, validate=True).decode() or None
        except (binascii.Error, UnicodeDecodeError):
            return None

    def needs_credentials(self, request: VendorRequest) -> bool:
        """Crypto can be had without a key."""
        return not _CRYPTO.fullmatch(request.path) and not alpaca_quotes.is_of_coins(request.path)

    def answer(self, request: VendorRequest, feed: Feed) -> Answer:
        """One page of bars or the latest quotes, or 400 in the vendor's words."""
        asked = self.symbols(request) or ()
        try:
            if alpaca_quotes.is_asked(request.path):
                return alpaca_quotes.answer(request, asked, feed)
            return _page(feed, _read(request, asked, feed))
        except BadParameter as error:
            return _message(400, str(error))

    def refuse(self, refusal: Refusal, request: VendorRequest) -> Answer:
        """403 has two meanings, told apart by the message; 429 is plain text."""
        if refusal is Refusal.UNAUTHORIZED:
            return Answer(401, _UNAUTHORIZED_PAGE, content_type="text/html")
        if refusal is Refusal.FORBIDDEN_CREDENTIALS:
            return _message(403, "forbidden.")
        if refusal is Refusal.FORBIDDEN_ENTITLEMENT:
            return _message(403, "subscription does not permit querying recent SIP data")
        if refusal is Refusal.THROTTLE:
            return Answer(429, b"too many requests", content_type="text/plain")
        return _message(500, "internal server error occurred")

    def limit_headers(self, state: LimitState) -> dict[str, str]:
        """On every answer; the reset is in epoch seconds."""
        return {
            "X-RateLimit-Limit": str(state.limit),
            "X-RateLimit-Remaining": str(state.remaining),
            "X-RateLimit-Reset": str(-(-state.reset_at // 1_000_000)),
        }


def _read(request: VendorRequest, asked: tuple[str, ...], feed: Feed) -> _Ask:
    """Understand a request. Raises: BadParameter."""
    query = request.query
    is_crypto = _CRYPTO.fullmatch(request.path) is not None
    zone = _CRYPTO_ZONE if is_crypto else _STOCK_ZONE
    check_symbols(asked, is_crypto=is_crypto, feed=feed)
    check_choices(query)
    interval = interval_of(query.get("timeframe", ""))
    start, end = _span(query, request.now, interval, zone)
    return _Ask(
        symbols=tuple(sorted(set(asked))),
        is_single=not is_crypto and request.path != _MULTI,
        interval=interval,
        zone=zone,
        start=start,
        end=end,
        limit=_limit(query.get("limit")),
        is_descending=_order(query.get("sort", "asc")) == "desc",
        after=_token(query.get("page_token"), interval, zone),
    )


def _span(query: Mapping[str, str], now: Micros, interval: Interval, zone: str) -> tuple[Micros, Micros]:
    """Both ends are inclusive; by default from the start of today to now. A date as `end` means the whole day."""
    first = _moment("start", query["start"], zone) if query.get("start") else _midnight_before(now, zone)
    last = _moment("end", query["end"], zone, is_end=True) if query.get("end") else now
    if last < first:
        raise BadParameter("end should not be before start")
    if interval is not Interval.D1:
        return first, last + 1
    first_day = local_date_us(first, zone)
    is_at_midnight = _midnight_before(first, zone) == first
    return first_day if is_at_midnight else first_day + DAY_US, local_date_us(last, zone) + DAY_US


def _midnight_before(moment: Micros, zone: str) -> Micros:
    return int(day_stamps(np.array([local_date_us(moment, zone)]), zone)[0])


def _moment(name: str, text: str, zone: str, *, is_end: bool = False) -> Micros:
    """RFC 3339 with up to nine decimals (those past the sixth are cut), or a date."""
    try:
        found = _STAMP.fullmatch(text)
        if found:
            fraction = (found[3] or ".0")[:7]
            offset = "+00:00" if found[4] in "Zz" else found[4]
            moment = datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
            shift = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").utcoffset()
            assert shift is not None
            return to_us(moment - shift) + int(fraction[1:].ljust(6, "0"))
        day = date.fromisoformat(text)
        return midnight_us(zone, day + timedelta(days=1)) - 1 if is_end else midnight_us(zone, day)
    except (ValueError, OverflowError):
        raise BadParameter(f"invalid {name}: {text}") from None


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise BadParameter(f"invalid limit: {text}, it should be between 1 and {MAX_LIMIT}")
    return int(text)


def _order(text: str) -> str:
    if text not in ("asc", "desc"):
        raise BadParameter(f"invalid sort: {text}")
    return text


def _token(text: str | None, interval: Interval, zone: str) -> _Token | None:
    if not text:
        return None
    try:
        symbol, _, stamp = base64.b64decode(text, validate=True).decode().split("|")
        moment = _moment("page_token", stamp, zone)
    except (binascii.Error, ValueError, BadParameter):
        raise BadParameter("invalid page token") from None
    return _Token(symbol, local_date_us(moment, zone) if interval is Interval.D1 else moment)


def _page(feed: Feed, ask: _Ask) -> Answer:
    """Symbols in order, until `limit` rows; the token names the last row sent and is null only when nothing follows."""
    bars: dict[str, list[_Row]] = {}
    left, total = ask.limit, 0
    last_sent: str | None = None
    has_more = False
    for symbol in ask.symbols:
        if ask.after and symbol < ask.after.symbol:
            continue
        rows = _symbol_rows(feed, ask, symbol, left)
        has_more = len(rows) > left
        rows = rows.take(slice(left))
        if len(rows):
            left -= len(rows)
            last_sent = _encode_token(ask, symbol, int(rows.start[-1]))
            shown = feed.page(symbol=symbol, rows=rows)
            total += len(shown)
            bars[feed.label(symbol)] = _rows(shown, ask)
        if has_more:
            break
    return Answer(200, _body(feed, ask, bars, last_sent if has_more else None), rows=total)


def _symbol_rows(feed: Feed, ask: _Ask, symbol: str, limit: int) -> Rows:
    """Rows of one symbol in the order asked for, more than `limit` if there are more."""
    read = feed.reader(symbol=symbol, interval=ask.interval)
    start, end = ask.start, ask.end
    width = (limit + 1) * ask.interval.us
    after = ask.after if ask.after and ask.after.symbol == symbol else None
    if ask.is_descending:
        rows = last_rows(read, start=start, end=min(end, after.start) if after else end, limit=limit, width=width)
        return rows.take(slice(None, None, -1))
    return first_rows(read, start=max(start, after.start + 1) if after else start, end=end, limit=limit, width=width)


def _stamps(start: MicrosArray, ask: _Ask) -> MicrosArray:
    return day_stamps(start, ask.zone) if ask.interval is Interval.D1 else start


def _rows(rows: Rows, ask: _Ask) -> list[_Row]:
    stamps = np.datetime_as_string(_stamps(rows.start, ask).astype("datetime64[us]"), unit="s", timezone="UTC")
    prices = [numbers(column) for column in (rows.open, rows.high, rows.low, rows.close)]
    volume = numbers(np.nan_to_num(rows.volume, nan=0.0))
    return list(map(_Row, stamps.tolist(), *prices, volume, optional_numbers(rows.trade_count), optional_numbers(rows.vwap)))


def _body(feed: Feed, ask: _Ask, bars: dict[str, list[_Row]], token: str | None) -> bytes:
    if not ask.is_single:
        return encode({"bars": bars, "next_page_token": token})
    label = feed.label(ask.symbols[0])
    return encode({"bars": bars.get(label), "symbol": label, "next_page_token": token})


def _encode_token(ask: _Ask, symbol: str, start: Micros) -> str:
    stamp = from_us(int(_stamps(np.array([start]), ask)[0])).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    return base64.b64encode(f"{symbol}|{_LETTERS.get(ask.interval, 'M')}|{stamp}".encode()).decode()


def _message(status: int, text: str) -> Answer:
    return Answer(status, encode({"message": text}))
