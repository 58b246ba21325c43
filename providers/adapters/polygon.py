"""Polygon.io, since 2025-10-30 Massive: aggregate bars and the last quote of one ticker.

Source: official OpenAPI of massive-com/client-python (commit 481e5c2), its knowledge base on how from and to are snapped,
recorded answers; read 2026-07.

Quirks that this file knows:
- `limit` counts base aggregates (minutes, days) that were read, not rows: any answer may page. `next_url` may name another
  host of the vendor and carries no key: its path and query are asked of the account's own host, with the key in a header
  again.
- A delayed plan answers `status: DELAYED` with the same payload, whatever is asked. It runs 15 minutes behind, or to the end of
  the day: of a window that ended long before, by the answer's own `Date`, such an answer is as complete as any.
- A daily bar is stamped at midnight of the exchange, `prev` and grouped answers at the close.
- An unknown ticker answers like a quiet one: 200, no `results`. So nothing here can tell them apart.
- Crypto, FX, index and option tickers carry a prefix; indices have no volume, vwap or trade count.
- `ticker` (or `T` of each row in grouped answers) says whose bars these are; another one than asked is never stored under the
  asked name.
"""

from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from providers.accounts import credential, endpoint, secrets_of
from providers.adapter import Account, BarPage, HttpRequest, HttpResponse, Limits, Terms
from providers.adapters import polygon_quotes
from providers.errors import MalformedAnswer, NotEntitled, ProviderError, UnknownSymbol, UnsupportedRequest
from providers.market.quotes import QuoteQuery
from providers.market.types import (
    MINUTE_US,
    SECOND_US,
    Adjustment,
    AssetClass,
    BarBatch,
    BarQuery,
    FeedScope,
    Interval,
)
from providers.parsing import (
    BarRow,
    LenientBars,
    batch_of_rows,
    decode_or_none,
    excerpt,
    joined,
    json_object,
    micros_of_ms,
    micros_of_ms_column,
    number,
    session_span,
    to_session_dates,
    within,
)
from providers.quote_adapter import QuoteLimits, QuotePage
from providers.refusals import refusal, vendor_time_us
from providers.registry import register

_SPANS = {
    Interval.M1: "1/minute",
    Interval.M5: "5/minute",
    Interval.M15: "15/minute",
    Interval.M30: "30/minute",
    Interval.H1: "1/hour",
    Interval.D1: "1/day",
}
_PREFIXES = {AssetClass.CRYPTO: "X:", AssetClass.FX: "C:", AssetClass.INDEX: "I:"}
_ALL_PREFIXES = ("X:", "C:", "I:", "O:")
_ADJUSTED = {Adjustment.RAW: "false", Adjustment.SPLIT: "true"}
_NEW_YORK = ZoneInfo("America/New_York")
_MS_US = SECOND_US // 1000
_BARS_PATH = "/v2/aggs/"
_SUCCESS = ("OK", "DELAYED")
_LONGEST_DELAY_US = 11 * 60 * MINUTE_US
"""Plans run 15 minutes behind, those of end-of-day data until midnight in New York; the reading on the next morning is later."""


class _Row(BarRow, kw_only=True, gc=False):
    t: float
    T: str | None = None


class _Answer(msgspec.Struct, kw_only=True):
    """The envelope, read typed or leniently."""

    ticker: str | None = None
    status: str | None = None
    count: int | None = msgspec.field(default=None, name="resultsCount")
    next_url: str | None = None


class _TypedAnswer(_Answer, kw_only=True):
    results: list[_Row] | None = None


_TYPED = msgspec.json.Decoder(_TypedAnswer)


@register
class Polygon:
    """Polygon or Massive, one account."""

    name: ClassVar[str] = "polygon"
    credential_names: ClassVar[tuple[str, ...]] = ("api_key",)
    default_base_url: ClassVar[str] = "https://api.massive.com"
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset(_SPANS),
        asset_classes=frozenset({AssetClass.EQUITY, AssetClass.INDEX, AssetClass.FX, AssetClass.CRYPTO}),
        adjustments=frozenset(_ADJUSTED),
        max_symbols_per_call=1,
        max_slots_per_call=10_000,  # 10,000 hours are 600,000 base minutes: twelve pages
        feed_scopes=frozenset({FeedScope.CONSOLIDATED}),
        terms=(Terms(asset_classes=frozenset({AssetClass.INDEX}), has_volume=False),),
    )

    quote_limits: ClassVar[QuoteLimits] = polygon_quotes.LIMITS

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`BTC-USD` as crypto is `X:BTCUSD`; a symbol that already carries a prefix stays as it is."""
        if symbol.startswith(_ALL_PREFIXES):
            return symbol
        if asset_class in (AssetClass.CRYPTO, AssetClass.FX):
            symbol = symbol.replace("/", "").replace("-", "")
        return _PREFIXES.get(asset_class, "") + symbol

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """The first page; `to` is inclusive on the wire. Raises: UnsupportedRequest, AuthFailed."""
        if query.adjustment not in _ADJUSTED:
            raise UnsupportedRequest(f"polygon adjusts for splits only, asked for {query.adjustment}")
        if len(query.symbols) != 1:
            raise UnsupportedRequest(f"polygon takes one symbol a call, got {len(query.symbols)}")
        path = f"/v2/aggs/ticker/{quote(query.symbols[0], safe=':')}/range/{_SPANS[query.interval]}/{_span(query)}"
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path=path),
            params={"adjusted": _ADJUSTED[query.adjustment], "sort": "asc", "limit": "50000"},
            headers=_headers(account),
        )

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """One page of a range, `prev` or grouped answer. Raises: ProviderError.

        A page with fewer rows than it counts is given out with `is_delayed`: its rows are good, its silence about others is
        not.
        """
        if response.status != 200:
            raise _refused(response, query, account)
        answer, batch = _read(response.body, query, account)
        sent = 0 if batch is None else len(batch) + len(batch.malformed)
        if answer.status not in _SUCCESS and not (answer.status is None and sent):
            raise _refused(response, query, account)
        if batch is None:
            batch = _nothing(answer)
        _check_owner(answer, query)
        if query.interval is Interval.D1:
            batch = to_session_dates(batch, zone=_day_zone(query))
        return BarPage(
            batch=within(batch, query=query),
            next=self._next_page(answer, account),
            is_delayed=_is_behind(answer, response, query) or (answer.ticker is not None and (answer.count or 0) > sent),
        )

    def quotes_request(self, query: QuoteQuery, account: Account) -> HttpRequest:
        """The last quote of one symbol. Raises: UnsupportedRequest, AuthFailed."""
        url = endpoint(account, default=self.default_base_url, path=polygon_quotes.path_of(query))
        return HttpRequest(url=url, headers=_headers(account))

    def parse_quotes(self, response: HttpResponse, query: QuoteQuery, account: Account) -> QuotePage:
        """The last quote, or none. Raises: ProviderError."""
        document = json_object(response.body, secrets=secrets_of(account)) if response.status == 200 else {}
        status = str(document.get("status") or "").upper()
        if status not in polygon_quotes.SUCCESS and (status or not polygon_quotes.is_answer(document)):
            raise _refused(response, query, account)
        return QuotePage(batch=polygon_quotes.batch_of(document, query), is_delayed=status == "DELAYED")

    def _next_page(self, answer: _Answer, account: Account) -> HttpRequest | None:
        if not answer.next_url:
            return None
        try:
            parts = urlsplit(answer.next_url)
        except ValueError:
            raise MalformedAnswer(f"polygon's next page is no URL: {answer.next_url[:20]!r}") from None
        query = "&".join(p for p in parts.query.split("&") if p and not p.lower().startswith("apikey="))
        if _BARS_PATH not in parts.path or not query:
            raise MalformedAnswer(f"polygon's next page is no page of bars: {parts.path[:80]!r}")
        url = endpoint(account, default=self.default_base_url, path=f"{parts.path}?{query}")
        return HttpRequest(url=url, headers=_headers(account))


def _headers(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential(account, 'api_key')}", "Accept": "application/json"}


def _span(query: BarQuery) -> str:
    if query.interval is Interval.D1:
        first, last = session_span(query)
        return f"{first.isoformat()}/{last.isoformat()}"
    return f"{-(-query.start // _MS_US)}/{(query.end - 1) // _MS_US}"


def _day_zone(query: BarQuery) -> tzinfo:
    """The zone in which a daily stamp has the date of its session.

    Stocks and options are stamped at midnight in New York, indices at midnight in Chicago, which is 01:00 of the same date in
    New York; crypto and FX at midnight UTC (older crypto at 04:00 or 05:00 UTC of the same date).
    """
    is_utc = query.asset_class in (AssetClass.CRYPTO, AssetClass.FX) or query.symbols[0].startswith(("X:", "C:"))
    return UTC if is_utc else _NEW_YORK


def _read(body: bytes, query: BarQuery, account: Account) -> tuple[_Answer, BarBatch | None]:
    typed = decode_or_none(_TYPED, body)
    if typed is not None and typed.results is None:
        return typed, None
    if typed is not None and typed.results is not None and all(row.T is None for row in typed.results):
        start = micros_of_ms_column([row.t for row in typed.results])
        if start is not None:
            owner = (typed.ticker or query.symbols[0],)
            return typed, batch_of_rows(
                symbols=owner, symbol_index=np.zeros(len(start), dtype=np.int32), start=start, rows=typed.results
            )
    return _read_leniently(json_object(body, secrets=secrets_of(account)), query)


def _read_leniently(document: dict[str, Any], query: BarQuery) -> tuple[_Answer, BarBatch | None]:
    texts = {key: str(document[key]) for key in ("ticker", "status", "next_url") if document.get(key) is not None}
    answer = _Answer(count=_count(document.get("resultsCount")), **texts)
    rows = document.get("results")
    if rows is None:
        return answer, None
    if not isinstance(rows, list):
        raise MalformedAnswer(f"polygon's results must be a list, got {type(rows).__name__}")
    return answer, _read_rows(rows, answer, query)


def _read_rows(rows: list[Any], answer: _Answer, query: BarQuery) -> BarBatch:
    """Rows that may each name their ticker: a grouped answer holds the whole market, of which only the asked ones are
    wanted."""
    owners = [_owner(raw, answer, query) for raw in rows]
    if rows and not answer.ticker and not set(owners) & set(query.symbols):
        raise MalformedAnswer(f"asked polygon for {joined(query.symbols)}, got {joined(dict.fromkeys(owners))}")
    bars = LenientBars(stamp=micros_of_ms, symbols=tuple(dict.fromkeys([*query.symbols, answer.ticker or query.symbols[0]])))
    for owner, raw in zip(owners, rows, strict=True):
        if owner in bars.symbols:
            bars.add(owner, raw)
        elif answer.ticker:
            bars.refuse(owner, raw, reason=f"a row of {owner!r} in an answer for {answer.ticker!r}")
    return bars.batch()


def _owner(raw: object, answer: _Answer, query: BarQuery) -> str:
    named = raw.get("T") if isinstance(raw, dict) else None
    return str(named) if named is not None else answer.ticker or query.symbols[0]


def _count(value: object) -> int | None:
    try:
        return round(number(value, name="resultsCount"))
    except ValueError:
        return None


def _is_behind(answer: _Answer, response: HttpResponse, query: BarQuery) -> bool:
    """Whether the plan's delay reaches into the window; without a `Date` nobody knows."""
    answered_at = vendor_time_us(response.headers) if answer.status == "DELAYED" else None
    return answer.status == "DELAYED" and (answered_at is None or query.end > answered_at - _LONGEST_DELAY_US)


def _nothing(answer: _Answer) -> BarBatch:
    if answer.count:
        raise MalformedAnswer(f"polygon counts {answer.count} rows and sends none")
    return BarBatch.empty()


def _check_owner(answer: _Answer, query: BarQuery) -> None:
    if answer.ticker is not None and answer.ticker not in query.symbols:
        raise MalformedAnswer(f"asked polygon for {joined(query.symbols)}, got {answer.ticker[:40]!r}")


def _refused(response: HttpResponse, query: BarQuery | QuoteQuery, account: Account) -> ProviderError:
    """Errors name themselves by `status` in the body; a 404 without it is a wrong path, not an unknown ticker."""
    word = _status_word(response.body)
    said = f"polygon answered {response.status}"
    if word is None and response.status == 200:
        return MalformedAnswer(
            f"{said} without status and results: {excerpt(response.body, secrets=secrets_of(account))!r}", status=200
        )
    if word == "NOT_FOUND" and response.status in (200, 404):
        return UnknownSymbol(f"{said}: no data for {joined(query.symbols)}", symbols=query.symbols, status=response.status)
    if word == "NOT_AUTHORIZED" and response.status == 200:
        response = replace(response, status=403)
    return refusal(response=response, account=account, symbols=query.symbols, forbidden=NotEntitled)


def _status_word(body: bytes) -> str | None:
    try:
        return str(json_object(body, secrets=())["status"]).upper()
    except (ProviderError, KeyError):
        return None
