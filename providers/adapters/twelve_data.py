"""Twelve Data: time series of up to 120 symbols a call.

Source: twelvedata.com/docs (time_series; batch requests; errors), support.twelvedata.com (getting historical data; how to get
historical prices), official clients twelvedata-python (commit 3644bd4) and twelvedata-node (commit fe5bedb), recorded and
quoted answers; read 2026-07 and 2026-11. "Recalled" marks what no source at hand says.

Quirks that this file knows:
- The body decides, not the status: errors come as `{code, message, status: "error"}` with that code as status or with 200,
  in a batch once for each symbol. An empty window is an error too: 400 "No data is available on the specified dates".
- One symbol has no wrapper; several are an object keyed by symbol. What is neither series nor refusal there costs its symbol alone.
- Stamps are wall time without an offset. `timezone=UTC` is asked, which holds for `start_date` and `end_date` too; from
  `1day` up the vendor ignores it and sends the session's date. Nothing in an answer says which zone its stamps are in: an
  intraday body that was asked for otherwise is misread here.
- Every number is a string. `volume` is missing for FX, indices without one, and hours outside the regular ones.
- The default is split-adjusted and newest first: `adjust` and `order` are always said.
- `end_date` is inclusive for times and exclusive for dates.
- An answer has at most 5,000 rows a symbol and does not say that it was cut; what is cut off is the older end. Windows
  (`span_per_call`) are short enough that it never is: stocks trade at most 16 hours a day, the rest 24.
- A credit is a symbol, not a request: `cost_per_symbol` says so, and `rate_per_minute` counts credits. `Api-credits-left` tells
  what is left of the clock minute.
- No Retry-After: credits come back with the next clock minute or the next day in UTC (recalled), measured by the `Date`.
- Volumes of US stocks in recorded answers are of consolidated size (AAPL 293,189 in a minute).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, timedelta
from functools import partial
from types import NoneType
from typing import Any, ClassVar

from marketdata_site.observability.redaction import redact
from providers.accounts import SYMBOLS_PER_CALL, credential, endpoint, option, secrets_of
from providers.adapter import Account, BarPage, HttpRequest, HttpResponse, Limits, Option, RateNews, Terms
from providers.coins import slashed
from providers.errors import (
    BadRequest,
    MalformedAnswer,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    UnsupportedRequest,
    VendorFault,
)
from providers.market.types import (
    SECOND_US,
    Adjustment,
    AssetClass,
    BarBatch,
    BarQuery,
    FeedScope,
    Interval,
    MalformedRow,
    from_us,
)
from providers.parsing import clamped, excerpt, joined, json_object, raw_text, session_span, within
from providers.refusals import named_symbols, refusal, vendor_time_us
from providers.registry import register
from providers.text_rows import batch_of_text_rows, micros_of_session, micros_of_wall

_INTERVALS = {
    Interval.M1: "1min",
    Interval.M5: "5min",
    Interval.M15: "15min",
    Interval.M30: "30min",
    Interval.H1: "1h",
    Interval.D1: "1day",
}
_ADJUST = {
    Adjustment.RAW: "none",
    Adjustment.SPLIT: "splits",
    Adjustment.DIVIDEND: "dividends",
    Adjustment.ALL: "all",
}
_PAIRS = frozenset({AssetClass.FX, AssetClass.CRYPTO})
_LISTED = frozenset({AssetClass.EQUITY, AssetClass.INDEX})
_NAMES = {"t": "datetime", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_MOST_ROWS = 5_000
_HOURS_A_DAY = {_LISTED: 16, _PAIRS: 24}
_OPTIONS = {
    "prepost": Option("false", "true|false", "true (pre- and post-market rows, Pro plans, without volume) or false"),
    SYMBOLS_PER_CALL: Option("120", r"[1-9]\d?|1[01]\d|120", "a number from 1 to 120"),
}

_NOTHING = re.compile(r"no data (?:is )?available", re.I)
_PLAN = re.compile(
    r"available (?:starting|exclusively|only) (?:with|from|on|for)|upgrad(?:e|ing) your|higher (?:tier|plan)", re.I
)
_SYMBOL = re.compile(
    r"\*\*(?:symbol|figi)\*\*|symbol.{0,60}?(?:not found|missing|invalid|incorrect)|not found in (?:the )?catalog", re.I
)
_PERIOD = re.compile(r"\b(?:minute|(day|daily))\b", re.I)  # the first one named is the quota's: advice on plans follows


def _terms(interval: Interval, classes: frozenset[AssetClass], hours: int) -> Terms:
    days = (_MOST_ROWS - 1) // (hours * 60 * 60 * SECOND_US // interval.us)
    return Terms(intervals=frozenset({interval}), asset_classes=classes, span_per_call=timedelta(days=days))


@register
class TwelveData:
    """Twelve Data, one account."""

    name: ClassVar[str] = "twelve_data"
    credential_names: ClassVar[tuple[str, ...]] = ("api_key",)
    default_base_url: ClassVar[str] = "https://api.twelvedata.com"
    options: ClassVar[Mapping[str, Option]] = _OPTIONS
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset(_INTERVALS),
        asset_classes=_LISTED | _PAIRS,
        adjustments=frozenset(_ADJUST),
        max_symbols_per_call=120,
        max_slots_per_call=20_000,
        feed_scopes=frozenset({FeedScope.CONSOLIDATED, FeedScope.VENUE}),
        span_per_call=timedelta(days=_MOST_ROWS - 1),
        cost_per_call=0,
        cost_per_symbol=1,
        terms=(
            Terms(intervals=frozenset({Interval.M1}), since=date(2020, 2, 10)),
            Terms(asset_classes=frozenset({AssetClass.FX}), has_volume=False),
            *(_terms(i, classes, hours) for classes, hours in _HOURS_A_DAY.items() for i in _INTERVALS if i is not Interval.D1),
        ),
    )

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`BTC-USD` and `EURUSD` are `BTC/USD` and `EUR/USD`; stocks are spelled as everywhere."""
        return slashed(symbol, is_currency=asset_class is AssetClass.FX) if asset_class in _PAIRS else symbol

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """One window of `windows`. Raises: UnsupportedRequest, AuthFailed."""
        if query.adjustment not in _ADJUST:
            raise UnsupportedRequest(f"twelve_data has no {query.adjustment} prices")
        params = {
            "symbol": ",".join(query.symbols),
            "interval": _INTERVALS[query.interval],
            **_span(query),
            "order": "asc",
            "outputsize": str(_MOST_ROWS),
            "adjust": _ADJUST[query.adjustment],
            "format": "JSON",
        }
        if query.interval is not Interval.D1 and query.asset_class in _LISTED:
            params["prepost"] = option(account, "prepost", known=_OPTIONS)
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path="/time_series"),
            params=params,
            headers={"Authorization": f"apikey {credential(account, 'api_key')}", "Accept": "application/json"},
        )

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """One symbol's series or a batch of them. Raises: ProviderError.

        Symbols that a batch refuses for good are named as unknown; a throttled or ill one fails the whole answer, because
        part of it would pass for silence.
        """
        document = _document(response, query, account)
        if _is_refusal(document):
            if _says_nothing(document):
                return BarPage(batch=BarBatch.empty())
            raise _refused(document, response, query.symbols, account)
        entries = _entries(document, query, response, account)
        refused = _refusals(entries, response, account)
        if len(refused) == len(query.symbols):
            raise _for_all(refused)
        series = {s: _values(entry, query) for s, entry in entries.items() if not _is_refusal(entry)}
        batch = BarBatch.concat([_bars(symbol, rows, query) for symbol, rows in series.items()])
        batch = replace(batch, malformed=batch.malformed + _odd_parts(document, entries, query))
        following = self._older(series, query, account)
        return BarPage(
            batch=within(batch, query=query),
            next=following,
            # a symbol that is missing from the answer, or rows that were cut off, are no proof of silence
            is_delayed=following is not None or not entries.keys() >= set(query.symbols),
            unknown_symbols=tuple(refused),
        )

    def rate_news(self, response: HttpResponse) -> RateNews | None:
        """Credits of the clock minute, which are back with the next one; None without them or without a `Date`."""
        left, seconds = response.headers.get("api-credits-left", ""), _until_credits("", response)
        return RateNews(left=int(left), resets_in_s=seconds) if left.isdecimal() and seconds is not None else None

    def _older(self, series: Mapping[str, list[Any]], query: BarQuery, account: Account) -> HttpRequest | None:
        """The request for what a full answer has cut off, None when none is full."""
        full = [_bars(symbol, rows, query).start for symbol, rows in series.items() if len(rows) >= _MOST_ROWS]
        oldest = max((int(start.min()) for start in full if len(start)), default=query.start)
        if oldest - query.interval.us < query.start:
            return None
        return self.bars_request(replace(query, end=oldest), account)


def _span(query: BarQuery) -> dict[str, str]:
    """Bounds in UTC, the last one inclusive; dates for daily bars, the last one exclusive."""
    if query.interval is Interval.D1:
        first, last = session_span(query)
        return {"start_date": first.isoformat(), "end_date": (last + timedelta(days=1)).isoformat()}
    first_us = -(-clamped(query.start) // SECOND_US) * SECOND_US
    last_us = (clamped(query.end) - 1) // SECOND_US * SECOND_US
    stamps = [from_us(moment).replace(tzinfo=None).isoformat() for moment in (first_us, last_us)]
    return {"start_date": stamps[0], "end_date": stamps[1], "timezone": "UTC"}


def _document(response: HttpResponse, query: BarQuery, account: Account) -> dict[str, Any]:
    """The body of a success, or of a refusal that says its code."""
    if response.status == 200:
        return json_object(response.body, secrets=secrets_of(account))
    try:
        document = json_object(response.body, secrets=secrets_of(account))
    except (MalformedAnswer, VendorFault):
        document = {}
    if response.status >= 500 or not _is_refusal(document):
        raise refusal(response=response, account=account, symbols=query.symbols, forbidden=NotEntitled)
    return document


def _is_refusal(entry: Mapping[str, Any]) -> bool:
    return "values" not in entry and (entry.get("status") == "error" or _code(entry) is not None)


def _code(entry: Mapping[str, Any]) -> int | None:
    code = entry.get("code")
    try:
        return int(code) if isinstance(code, int | str) else None
    except ValueError:
        return None


def _says_nothing(entry: Mapping[str, Any]) -> bool:
    return _code(entry) in (400, 404) and _NOTHING.search(str(entry.get("message"))) is not None


def _entries(
    document: dict[str, Any], query: BarQuery, response: HttpResponse, account: Account
) -> dict[str, Mapping[str, Any]]:
    """Series and refusals by the symbol that was asked for. Raises: MalformedAnswer for another shape or another's series."""
    if "values" in document:
        return {_owner(_meta(document).get("symbol"), query): document}
    parts = {key: entry for key, entry in document.items() if _is_part(entry)}
    if not parts:
        shown = excerpt(response.body, secrets=secrets_of(account))
        raise MalformedAnswer(f"twelve_data answered {response.status} without a series: {shown!r}", status=response.status)
    entries = {}
    for key, entry in parts.items():
        owner = _owner(key, query)
        if "values" in entry and _owner(_meta(entry).get("symbol") or key, query) != owner:
            raise MalformedAnswer(f"twelve_data sends the series of {_meta(entry)['symbol']!r} as {key[:40]!r}")
        entries[owner] = entry
    return entries


def _is_part(entry: object) -> bool:
    """Whether it is a series or a refusal, as a batch has one for each symbol."""
    return isinstance(entry, dict) and (isinstance(entry.get("values", 0), list | NoneType) or _is_refusal(entry))


def _odd_parts(document: Mapping[str, Any], entries: Mapping[str, object], query: BarQuery) -> tuple[MalformedRow, ...]:
    """What a batch holds for a symbol that is neither: kept aside, it must not cost the others."""
    symbols = (
        [] if "values" in document else [symbol for symbol in query.symbols if symbol in document and symbol not in entries]
    )
    return tuple(MalformedRow(symbol, raw_text(document[symbol]), "expected a series or a refusal") for symbol in symbols)


def _meta(entry: Mapping[str, Any]) -> dict[str, Any]:
    meta = entry.get("meta")
    return meta if isinstance(meta, dict) else {}


def _owner(named: object, query: BarQuery) -> str:
    """The asked symbol that a name means: the vendor leaves the exchange of `AAPL:NASDAQ` out. Without a name, the only one."""
    if named is None and len(query.symbols) == 1:
        return query.symbols[0]
    name = str(named)
    if name in query.symbols:
        return name
    same = [symbol for symbol in query.symbols if symbol.partition(":")[0].upper() == name.partition(":")[0].upper()]
    if len(same) != 1:
        raise MalformedAnswer(f"asked twelve_data for {joined(query.symbols)}, got {name[:40]!r}")
    return same[0]


def _values(entry: Mapping[str, Any], query: BarQuery) -> list[Any]:
    named = _meta(entry).get("interval")
    if named is not None and named != _INTERVALS[query.interval]:
        raise MalformedAnswer(f"asked twelve_data for {_INTERVALS[query.interval]}, got {str(named)[:20]!r}")
    values = [] if entry["values"] is None else entry["values"]
    if not isinstance(values, list):
        raise MalformedAnswer(f"twelve_data's values must be a list, got {type(values).__name__}")
    return values


def _bars(symbol: str, rows: list[Any], query: BarQuery) -> BarBatch:
    stamp = micros_of_session if query.interval is Interval.D1 else partial(micros_of_wall, zone=UTC)
    return batch_of_text_rows(symbol=symbol, rows=rows, names=_NAMES, stamp=stamp)


def _refusals(
    entries: Mapping[str, Mapping[str, Any]], response: HttpResponse, account: Account
) -> dict[str, UnknownSymbol | NotEntitled | BadRequest]:
    """What a batch refuses for good, by symbol. Raises: the first refusal that is not about its symbol."""
    refused = {}
    for symbol, entry in entries.items():
        if not _is_refusal(entry) or _says_nothing(entry):
            continue
        error = _refused(entry, response, (symbol,), account)
        if not isinstance(error, UnknownSymbol | NotEntitled | BadRequest):
            raise error
        refused[symbol] = error
    return refused


def _for_all(refused: Mapping[str, ProviderError]) -> ProviderError:
    """One error for a batch of which nothing is left."""
    other = next((error for error in refused.values() if not isinstance(error, UnknownSymbol)), None)
    first = next(iter(refused.values()))
    return other or UnknownSymbol(str(first), symbols=tuple(refused), status=first.status)


def _refused(entry: Mapping[str, Any], response: HttpResponse, symbols: tuple[str, ...], account: Account) -> ProviderError:
    """The code of the body decides, for 400 and 404 its words: a plan's limit is a 404 too."""
    code, said = _code(entry) or response.status, str(entry.get("message") or "nothing")
    message = f"{account.provider} answered {code}: {redact(said, secrets=secrets_of(account))[:300]}"
    if code == 429:
        return Throttled(message, status=response.status, retry_after=_until_credits(said, response))
    if code == 403 or (code in (400, 404) and _PLAN.search(said)):
        return NotEntitled(message, status=response.status)
    if code in (400, 404) and _SYMBOL.search(said):
        return UnknownSymbol(message, symbols=named_symbols(said, asked=symbols), status=response.status)
    plain = replace(response, status=code, body=said.encode(errors="backslashreplace"))  # of a batch this symbol's words alone
    error = refusal(response=plain, account=account, symbols=symbols, forbidden=NotEntitled)
    error.status = response.status
    return error


def _until_credits(said: str, response: HttpResponse) -> float | None:
    """Seconds to the next minute or day of the vendor's clock, None when the answer has no `Date`."""
    moment = vendor_time_us(response.headers)
    named = _PERIOD.search(said)
    period = 86_400 if named and named[1] else 60
    return None if moment is None else float(period - moment // SECOND_US % period)
