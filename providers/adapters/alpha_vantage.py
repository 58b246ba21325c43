"""Alpha Vantage: time series of one US stock, currency pair or crypto pair.

Source: alphavantage.co/documentation, official-like client RomelTorres/alpha_vantage (commit fcd80ac) with its recorded bodies,
quoted bodies of public threads; read 2026-07 and 2026-11. "Recalled" marks what no source at hand says.

Quirks that this file knows:
- Everything is HTTP 200. `Error Message` is a wrong parameter, mostly the symbol; `Note` is a quota; `Information` is a quota,
  a plan's limit or a key that is none, told apart by its words, and at times it names the key. A notice counts even where
  rows stand beside it: premium endpoints send made-up samples to others.
- `{}` is no answer: the vendor has sent it for every symbol when it was ill.
- The key is taken in the query string only: it travels as a secret parameter.
- Minutes of stocks are asked by the month of New York (`windows` cuts there), raw (`adjusted=false`); those of pairs have no
  month: the answer reaches back as far as the vendor likes, and proves nothing about what is before its first row. The
  same holds for `outputsize=compact` (100 rows), which a free key's days need.
- A bar's stamp is its end in recordings of 2017 and 2020 and its start in one of 2024. Of stocks it is seen from the rows of
  an answer when they hold the day's first or last bar; else the account's `bar_label` decides.
- Stamps are wall time of the zone that the meta data name, days are dates. In a map a time that comes twice in autumn is
  there once: it is kept aside as malformed.
- Keys are numbered, and differ with the function: `4. close`, `4a. close (EUR)`; only the words count.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, tzinfo
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from providers.accounts import credential, endpoint, option, secrets_of
from providers.adapter import Account, BarPage, HttpRequest, HttpResponse, Limits, Option, Terms
from providers.adapters.alpha_vantage_labels import are_ends
from providers.adapters.alpha_vantage_notices import is_notice, meaning_of
from providers.coins import slashed
from providers.errors import (
    AuthFailed,
    MalformedAnswer,
    UnsupportedRequest,
)
from providers.market.types import (
    Adjustment,
    AssetClass,
    BarBatch,
    BarQuery,
    FeedScope,
    Interval,
    Micros,
    from_us,
)
from providers.parsing import csv_rows, excerpt, joined, json_object, within
from providers.refusals import refusal
from providers.registry import register
from providers.text_rows import batch_of_text_rows, micros_of_session, micros_of_wall

_INTERVALS = {
    Interval.M1: "1min",
    Interval.M5: "5min",
    Interval.M15: "15min",
    Interval.M30: "30min",
    Interval.H1: "60min",
}
_PAIRS = frozenset({AssetClass.FX, AssetClass.CRYPTO})
_NEW_YORK = ZoneInfo("America/New_York")
_EASTERN = frozenset({"America/New_York", "US/Eastern"})
_OPTIONS = {
    "bar_label": Option("start", "start|end", "start or end: what a stamp means where the rows do not show it"),
    "extended_hours": Option("true", "true|false", "true or false: rows before 09:30 and after 16:00 in New York"),
    "outputsize": Option("full", "full|compact", "full or compact (the newest 100 rows)"),
    "entitlement": Option("", "|delayed|realtime", "empty, delayed or realtime: the rights to recent US data"),
}

_SERIES = re.compile(r"time series", re.I)
_COLUMN = re.compile(r"(?:\d+([a-z])?\. )?(open|high|low|close|volume)(?: \((\w+)\))?", re.I)
_META = re.compile(r"(?:\d+\. )?(.+)")
_OURS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


@dataclass(frozen=True, slots=True)
class _Answer:
    """A body that holds a series: `rows` as (stamp, columns) in the vendor's order, meta data without their numbers."""

    rows: list[tuple[str, Any]]
    name: str
    meta: Mapping[str, str]


@register
class AlphaVantage:
    """Alpha Vantage, one account."""

    name: ClassVar[str] = "alpha_vantage"
    credential_names: ClassVar[tuple[str, ...]] = ("api_key",)
    default_base_url: ClassVar[str] = "https://www.alphavantage.co"
    options: ClassVar[Mapping[str, Option]] = _OPTIONS
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset({*_INTERVALS, Interval.D1}),
        asset_classes=_PAIRS | {AssetClass.EQUITY},
        adjustments=frozenset({Adjustment.RAW}),  # its adjusted minutes mix splits and dividends, its adjusted days are closes
        max_symbols_per_call=1,
        max_slots_per_call=20_000,
        feed_scopes=frozenset({FeedScope.CONSOLIDATED, FeedScope.VENUE}),
        terms=(
            Terms(
                intervals=frozenset(_INTERVALS),
                asset_classes=frozenset({AssetClass.EQUITY}),
                month_zone=_NEW_YORK,
                since=date(2000, 1, 1),
            ),
            Terms(asset_classes=frozenset({AssetClass.EQUITY}), feed_scopes=frozenset({FeedScope.CONSOLIDATED})),
            Terms(asset_classes=frozenset({AssetClass.FX}), has_volume=False),
        ),
    )

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`BTC-USD` and `EURUSD` are `BTC/USD` and `EUR/USD` here, two parameters on the wire."""
        return slashed(symbol, is_currency=asset_class is AssetClass.FX) if asset_class in _PAIRS else symbol

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """The whole of one window of `windows`. Raises: UnsupportedRequest, AuthFailed."""
        if query.adjustment is not Adjustment.RAW or len(query.symbols) != 1:
            raise UnsupportedRequest(f"alpha_vantage has raw prices of one symbol, asked for {joined(query.symbols)}")
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path="/query"),
            params=_params(query, account) | {"datatype": "json"},
            headers={"Accept": "application/json"},
            secret_params={"apikey": credential(account, "api_key")},
        )

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """The only page, JSON or CSV. Raises: ProviderError."""
        if response.status != 200:
            raise refusal(response=response, account=account, symbols=query.symbols, forbidden=AuthFailed)
        answer = _read(response, query, account)
        _check_owner(answer, query)
        batch = _batch(answer, query, account)
        has_all = not _is_tail(answer, query, account) or (len(batch) > 0 and int(batch.start.min()) <= query.start)
        return BarPage(batch=within(batch, query=query), is_delayed=not has_all)


def _params(query: BarQuery, account: Account) -> dict[str, str]:
    symbol, size = query.symbols[0], {"outputsize": option(account, "outputsize", known=_OPTIONS)}
    is_daily = query.interval is Interval.D1
    size |= {} if is_daily else {"interval": _INTERVALS[query.interval]}
    if query.asset_class is AssetClass.FX:
        base, quoted = _pair(symbol)
        return {"function": "FX_DAILY" if is_daily else "FX_INTRADAY", "from_symbol": base, "to_symbol": quoted, **size}
    if query.asset_class is AssetClass.CRYPTO:
        base, quoted = _pair(symbol)
        return {
            "function": "DIGITAL_CURRENCY_DAILY" if is_daily else "CRYPTO_INTRADAY",
            "symbol": base,
            "market": quoted,
            **size,
        }
    entitlement = option(account, "entitlement", known=_OPTIONS)
    size |= {"entitlement": entitlement} if entitlement else {}
    if is_daily:
        return {"function": "TIME_SERIES_DAILY", "symbol": symbol, **size}
    hours = option(account, "extended_hours", known=_OPTIONS)
    size |= {"adjusted": "false", "extended_hours": hours}
    size |= {"month": _month(query)} if size["outputsize"] == "full" else {}
    return {"function": "TIME_SERIES_INTRADAY", "symbol": symbol, **size}


def _pair(symbol: str) -> tuple[str, str]:
    base, _, quoted = symbol.partition("/")
    if not base or not quoted:
        raise UnsupportedRequest(f"alpha_vantage asks for pairs, got {symbol!r}")
    return base, quoted


def _month(query: BarQuery) -> str:
    first, last = (from_us(moment).astimezone(_NEW_YORK).strftime("%Y-%m") for moment in (query.start, query.end - 1))
    if first != last:
        raise UnsupportedRequest(f"alpha_vantage gives one month a request, asked for {first} to {last}")
    return first


def _is_tail(answer: _Answer, query: BarQuery, account: Account) -> bool:
    """Whether the answer holds the newest rows and ends where the vendor likes, not where the query begins."""
    if answer.meta.get("output size", "").lower().startswith("compact"):
        return True
    if query.interval is not Interval.D1 and query.asset_class in _PAIRS:
        return True
    return option(account, "outputsize", known=_OPTIONS) == "compact"


def _read(response: HttpResponse, query: BarQuery, account: Account) -> _Answer:
    secrets = secrets_of(account)
    for stamp in ("timestamp", "time"):
        lines = csv_rows(response.body, columns=(stamp, "open", "close"))
        if lines is not None:
            return _Answer([_of_line(line, stamp) for line in lines], name="", meta={})
    document = _object(response.body, secrets)
    if is_notice(document):
        raise meaning_of(document, symbols=query.symbols, account=account)
    name = next((key for key in document if _SERIES.search(key)), None)
    if name is None:
        raise MalformedAnswer(
            f"alpha_vantage answered 200 without a series: {excerpt(response.body, secrets=secrets)!r}", status=200
        )
    series = document[name]
    rows = list(series.items()) if isinstance(series, dict) else series
    if not isinstance(rows, list) or not all(isinstance(row, tuple) for row in rows):
        raise MalformedAnswer(f"alpha_vantage's series must map stamps to rows, got {type(series).__name__}", status=200)
    _check_interval(name, query)
    return _Answer(rows, name=name, meta=_meta(document))


def _of_line(line: dict[str, str], stamp: str) -> tuple[str, Any]:
    """A line of CSV as stamp and columns; one that is longer than the header as a list, which no row is."""
    return line[stamp], list(line.values()) if None in line else line


def _object(body: bytes, secrets: tuple[str, ...]) -> dict[str, Any]:
    """The document; an object in which a key comes twice is the list of its pairs, so that no row is lost. Raises: as `json_object`."""
    try:
        document = json.loads(body.decode("utf-8-sig", errors="replace"), object_pairs_hook=_pairs)
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else json_object(body, secrets=secrets)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any] | list[tuple[str, Any]]:
    unique = dict(pairs)
    return unique if len(unique) == len(pairs) else pairs


def _meta(document: Mapping[str, Any]) -> dict[str, str]:
    meta = document.get("Meta Data")
    named = (
        {found[1].lower(): str(value) for key, value in meta.items() if (found := _META.fullmatch(key))}
        if isinstance(meta, dict)
        else {}
    )
    return named


def _check_interval(name: str, query: BarQuery) -> None:
    expected = _INTERVALS.get(query.interval, "daily")
    said = name.lower()
    is_odd = (
        not re.search(rf"(?<!\d){expected}", said)  # 5min is in 15min too
        if expected == "daily" or "min)" in said
        else re.search("daily|weekly|monthly", said) is not None
    )
    if is_odd:
        raise MalformedAnswer(f"asked alpha_vantage for {expected}, got {name[:60]!r}", status=200)


def _check_owner(answer: _Answer, query: BarQuery) -> None:
    meta, asked = answer.meta, query.symbols[0]
    base = meta.get("symbol") or meta.get("from symbol") or meta.get("digital currency code")
    quoted = meta.get("to symbol") or meta.get("market code")
    named = [part for part in (base, quoted) if part]
    wanted = asked.split("/") if query.asset_class in _PAIRS else [asked]
    if any(one.upper() != other.upper() for one, other in zip(named, wanted, strict=False)):
        raise MalformedAnswer(f"asked alpha_vantage for {asked}, got {'/'.join(named)[:40]!r}", status=200)


def _batch(answer: _Answer, query: BarQuery, account: Account) -> BarBatch:
    names = _names(answer, query)
    rows = [{"stamp": stamp, **row} if isinstance(row, dict) else {"stamp": stamp, "row": row} for stamp, row in answer.rows]
    batch = batch_of_text_rows(symbol=query.symbols[0], rows=rows, names=names, stamp=_stamp(answer, query))
    if query.interval is Interval.D1 or not _is_label_end(batch, query, account, zone=_zone(answer, query)):
        return batch
    return replace(batch, start=batch.start - query.interval.us)


def _names(answer: _Answer, query: BarQuery) -> dict[str, str]:
    """The vendor's key for each column; where prices come in several currencies, those in the one that was asked for.

    Raises: MalformedAnswer when the rows are no bars: the retired intraday series of crypto had one price each.
    """
    keys = dict.fromkeys(key for _, row in answer.rows if isinstance(row, dict) for key in row)  # of all: one row may lack some
    market = query.symbols[0].partition("/")[2].upper()
    names: dict[str, str] = {}
    for key in keys:
        found = _COLUMN.fullmatch(key)
        if found and (_OURS[found[2].lower()] not in names or (found[3] or "").upper() == market):
            names[_OURS[found[2].lower()]] = key
    if keys and not {"o", "h", "l", "c"} <= names.keys():
        raise MalformedAnswer(f"alpha_vantage's rows are no bars but {joined(keys)[:80]}", status=200)
    return {"t": "stamp", "o": "open", "h": "high", "l": "low", "c": "close"} | names


def _stamp(answer: _Answer, query: BarQuery) -> Callable[[object], Micros]:
    if query.interval is Interval.D1:
        return micros_of_session
    return partial(micros_of_wall, zone=_zone(answer, query))


def _is_label_end(batch: BarBatch, query: BarQuery, account: Account, *, zone: tzinfo) -> bool:
    """By the rows where they show it, else by the account's setting."""
    seen = None
    if query.asset_class is AssetClass.EQUITY and str(zone) in _EASTERN:
        is_extended = option(account, "extended_hours", known=_OPTIONS) == "true"
        seen = are_ends(batch, interval=query.interval, is_extended=is_extended)
    return option(account, "bar_label", known=_OPTIONS) == "end" if seen is None else seen


def _zone(answer: _Answer, query: BarQuery) -> tzinfo:
    """The zone that the meta data name; CSV names none."""
    name = answer.meta.get("time zone")
    if name is None:
        return UTC if query.asset_class in _PAIRS else _NEW_YORK
    try:
        return UTC if name.upper() == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of the zone files, or a name too long
        raise MalformedAnswer(f"alpha_vantage names an unknown time zone: {name[:40]!r}", status=200) from None
