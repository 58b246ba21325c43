"""Yahoo's chart endpoint, unofficial: bars of one symbol, without a key.

Source: recorded answers of gadicc/node-yahoo-finance2 (commit c9dbcb6), of pricehist and Portfolio Performance; yfinance's source
on repairs (commit 93eb4c2); read 2026-07.

Quirks that this file knows:
- Nobody is let in without a browser-like User-Agent: the answer is 429. An account may bring its own as `user_agent`.
- Prices are adjusted for splits, always; the column `adjclose` has dividends as well and is not read.
- A row of nulls is no bar. Nothing at all is 200 without `timestamp` and with `quote: [{}]`, or 400 with `Data doesn't exist`.
- The running interval is an extra last row, stamped with the time of its last trade and thus off the grid; after the close it may
  repeat the last price without volume. It is no bar yet and is left out. Closing trades come seconds after the session's end
  (minutes in Seoul), their row is stamped at that end: seen in minutes of AMZN (2023-05-02) and 005930.KS (2023-09-01).
- Another granularity than asked may come (30m answered by 60m): `meta.dataGranularity` says so.
- A daily stamp is the session's open, for pairs and coins midnight of `meta.exchangeTimezoneName`; `meta.gmtoffset` is today's.
- Hours of stocks begin at 09:30 on the wall, not on the clock's hours: they are not offered, finer bars build them.
- Bars of 1m are kept for 30 days and 7 days of them a request, up to 30m for 60 days, 1h for 730 days.
- A volume of 0 is also sent where none is known, as in each row of currencies, whose volume is therefore not read.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from providers.accounts import endpoint, optional_credential, secrets_of
from providers.adapter import Account, BarPage, HttpRequest, HttpResponse, Limits, Terms, check_span
from providers.columns import batch_of_columns, columns_of_arrays
from providers.errors import (
    MalformedAnswer,
    NotEntitled,
    ProviderError,
    UnknownSymbol,
    UnsupportedRequest,
)
from providers.market.types import (
    DAY_US,
    SECOND_US,
    Adjustment,
    AssetClass,
    BarBatch,
    BarQuery,
    FeedScope,
    Interval,
    Micros,
    from_us,
    to_us,
)
from providers.parsing import (
    clamped,
    json_object,
    micros_of_seconds,
    midnight,
    session_span,
    to_session_dates,
    within,
)
from providers.refusals import refusal, vendor_text
from providers.registry import register

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
_CODES = {
    Interval.M1: "1m",
    Interval.M5: "5m",
    Interval.M15: "15m",
    Interval.M30: "30m",
    Interval.H1: "1h",
    Interval.D1: "1d",
}
_SAME_CODES = {"60m": "1h"}
_BY_SESSION = frozenset({AssetClass.EQUITY, AssetClass.INDEX, AssetClass.FUTURE})
_NAMES = {"t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_SHARE_CLASS = re.compile(r"^([A-Z]+)\.([ABC])$")
_NO_DATA = re.compile(r"Data doesn['\u2019]t exist for startDate = (-?\d+), endDate = (-?\d+)")
_DELISTED = re.compile(r"symbol may be delisted|no data found", re.I)
_TOO_OLD = re.compile(r"must be within the last \d+ days", re.I)
_EDGE = re.compile(rb"\s*(?:Edge: )?Too Many Requests", re.I)
_STATUSES = {
    "Bad Request": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "Not Found": 404,
    "Unprocessable Entity": 422,
    "Too Many Requests": 429,
    "Internal Server Error": 500,
    "internal-error": 500,
}


@register
class Yahoo:
    """Yahoo, as a browser sees it."""

    name: ClassVar[str] = "yahoo"
    credential_names: ClassVar[tuple[str, ...]] = ()
    optional_credential_names: ClassVar[tuple[str, ...]] = ("user_agent",)
    default_base_url: ClassVar[str] = "https://query2.finance.yahoo.com"
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset(_CODES),
        asset_classes=frozenset(AssetClass),
        adjustments=frozenset({Adjustment.SPLIT}),
        max_symbols_per_call=1,
        max_slots_per_call=7 * 1_440,
        can_say_null_volume=False,
        feed_scopes=frozenset({FeedScope.CONSOLIDATED}),
        terms=(
            Terms(asset_classes=frozenset({AssetClass.FX}), has_volume=False),
            Terms(
                intervals=frozenset({Interval.M5, Interval.M15, Interval.M30}),
                history=timedelta(days=60),
                span_per_call=timedelta(days=35),
            ),
            Terms(intervals=frozenset({Interval.M1}), history=timedelta(days=30), span_per_call=timedelta(days=7)),
            Terms(intervals=frozenset({Interval.H1}), history=timedelta(days=730), span_per_call=timedelta(days=420)),
            Terms(
                intervals=frozenset({Interval.H1}),
                asset_classes=_BY_SESSION,
                refusal="yahoo has no 1h bars on the clock's hours for what trades in sessions: its own begin at the open",
            ),
        ),
    )

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`EUR/USD` is `EURUSD=X`, `BTC/USD` is `BTC-USD`, `SPX` is `^SPX`, `GC` is `GC=F`, `BRK.B` is `BRK-B`.

        After a dot Yahoo names the exchange (`VOD.L`), whose codes are none of the usual letters of share classes.
        """
        if asset_class is AssetClass.FX:
            return symbol if symbol.endswith("=X") else symbol.replace("/", "").replace("-", "") + "=X"
        if asset_class is AssetClass.CRYPTO:
            return symbol.replace("/", "-")
        if asset_class is AssetClass.INDEX:
            return symbol if symbol.startswith("^") else f"^{symbol}"
        if asset_class is AssetClass.FUTURE:
            return symbol if symbol.endswith("=F") else f"{symbol}=F"
        return _SHARE_CLASS.sub(r"\1-\2", symbol)

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """All of a window; `period2` is asked for as inclusive. Raises: UnsupportedRequest, AuthFailed."""
        if len(query.symbols) != 1:
            raise UnsupportedRequest(f"yahoo takes one symbol a call, got {len(query.symbols)}")
        check_span(self, query)
        first, last = _span(query)
        path = f"/v8/finance/chart/{quote(query.symbols[0], safe='=^')}"
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path=path),
            params={
                "period1": str(first),
                "period2": str(last),
                "interval": _CODES[query.interval],
                "includePrePost": "true",
            },
            headers={"User-Agent": optional_credential(account, "user_agent") or USER_AGENT, "Accept": "application/json"},
        )

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """The whole answer. Raises: ProviderError.

        Without a day that is still running; such an answer counts as behind, because that day's absence is no news.
        """
        if response.status != 200 or _EDGE.match(response.body):
            return _nothing_or_refused(response, query, account)
        document = json_object(response.body, secrets=secrets_of(account))
        if _error(document) is not None:
            return _nothing_or_refused(response, query, account)
        result = _result(document)
        meta = _object(result, "meta")
        _check_meta(meta, query)
        columns = _columns(result)
        finished = _without_running(columns, meta, query)
        is_day_running = query.interval is Interval.D1 and finished is not columns
        if query.asset_class is AssetClass.FX:
            finished = {key: column for key, column in finished.items() if key != "v"}
        batch = batch_of_columns(finished, symbol=query.symbols[0], names=_NAMES)
        if query.interval is Interval.D1:
            batch = to_session_dates(batch, zone=_zone(meta))
        return BarPage(batch=within(batch, query=query), is_delayed=is_day_running)


def _span(query: BarQuery) -> tuple[int, int]:
    """First and last second. A session's stamp may lie on the day before or after its date in UTC, so days are asked wide."""
    if query.interval is Interval.D1:
        first, last = session_span(query)
        return (to_us(midnight(first)) - DAY_US) // SECOND_US, (to_us(midnight(last)) + 2 * DAY_US) // SECOND_US - 1
    return -(-clamped(query.start) // SECOND_US), (clamped(query.end) - 1) // SECOND_US


def _result(document: Mapping[str, Any]) -> Mapping[str, Any]:
    results = _object(document, "chart").get("result")
    if not isinstance(results, list) or len(results) != 1 or not isinstance(results[0], dict):
        raise MalformedAnswer("expected yahoo's chart to hold one result", status=200)
    return results[0]


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise MalformedAnswer(f"expected yahoo's {name} to be an object, got {type(value).__name__}", status=200)
    return value


def _check_meta(meta: Mapping[str, Any], query: BarQuery) -> None:
    """The answer must be about what was asked. `USDINR=X` answers as `INR=X`: the dollar goes without saying."""
    symbol, asked = str(meta.get("symbol", "")).upper(), query.symbols[0].upper()
    if symbol not in (asked, asked.removeprefix("USD") if asked.endswith("=X") else asked):
        raise MalformedAnswer(f"asked yahoo for {asked[:40]}, got {symbol[:40]!r}", status=200)
    granularity = str(meta.get("dataGranularity"))
    if _SAME_CODES.get(granularity, granularity) != _CODES[query.interval]:
        raise MalformedAnswer(f"asked yahoo for {_CODES[query.interval]} bars, got {granularity[:20]!r}", status=200)


def _columns(result: Mapping[str, Any]) -> dict[str, list[object]]:
    """The quote's arrays by our keys, empty ones when there is nothing."""
    quotes = _object(result, "indicators").get("quote")
    if not isinstance(quotes, list) or not quotes or not isinstance(quotes[0], dict):
        raise MalformedAnswer("expected yahoo's indicators to hold a quote", status=200)
    arrays = {**quotes[0], "timestamp": result.get("timestamp")}
    if not any(arrays.get(name) for name in _NAMES.values()):
        return {key: [] for key in _NAMES}
    return columns_of_arrays(arrays, names=_NAMES)


def _zone(meta: Mapping[str, Any]) -> ZoneInfo:
    name = str(meta.get("exchangeTimezoneName"))
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise MalformedAnswer(f"yahoo's exchange is in no known time zone: {name[:40]!r}", status=200) from None


def _without_running(columns: dict[str, list[object]], meta: Mapping[str, Any], query: BarQuery) -> dict[str, list[object]]:
    """All but the newest row where that stands for the running interval, whatever it holds; else the very same columns."""
    try:
        stamps = [micros_of_seconds(stamp) for stamp in columns["t"]]
    except ValueError:
        return columns  # the reader of rows will say which one
    if not stamps:
        return columns
    newest = max(range(len(stamps)), key=lambda i: (stamps[i], i))
    if query.interval is Interval.D1:
        is_running = _is_live_day(stamps, newest, meta)
    else:
        is_running = _is_live({key: column[newest] for key, column in columns.items()}, stamps[newest], meta, query)
    if not is_running:
        return columns
    return {key: [value for i, value in enumerate(column) if i != newest] for key, column in columns.items()}


def _is_live(row: Mapping[str, object], start: Micros, meta: Mapping[str, Any], query: BarQuery) -> bool:
    """Off the grid (that of hours begins at half of them), or the last price once more at the time of the last trade.

    A trade after the session's end counts for that end.
    """
    if start % min(query.interval.us, Interval.M30.us):
        return True
    is_repetition = row.get("v") in (0, "0", None) and row["h"] == row["l"]
    traded_at = _micros_or_none(meta.get("regularMarketTime"))
    if not is_repetition or traded_at is None:
        return False
    return start in (traded_at, min(traded_at, _regular(meta, "end") or traded_at))


def _is_live_day(stamps: list[Micros], newest: int, meta: Mapping[str, Any]) -> bool:
    """Stamped at the time of the last trade instead of the session's open, or a second one on its date."""
    start, zone = stamps[newest], _zone(meta)
    if start == _micros_or_none(meta.get("regularMarketTime")) and start != _regular(meta, "start"):
        return True
    dates = [from_us(stamp).astimezone(zone).date() for stamp in stamps if stamp != start]
    return from_us(start).astimezone(zone).date() in dates


def _regular(meta: Mapping[str, Any], edge: str) -> Micros | None:
    """`start` or `end` of the newest regular session, None where the answer does not say."""
    periods = meta.get("currentTradingPeriod")
    regular = periods.get("regular") if isinstance(periods, dict) else None
    return _micros_or_none(regular.get(edge)) if isinstance(regular, dict) else None


def _micros_or_none(value: object) -> Micros | None:
    try:
        return micros_of_seconds(value)
    except ValueError:
        return None


def _error(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """Code and description of an error in any of the vendor's envelopes (`chart`, `finance`, …), None where there is none."""
    for envelope in (document, *document.values()):
        error = envelope.get("error") if isinstance(envelope, dict) else None
        if isinstance(error, dict):
            return str(error.get("code", "")), str(error.get("description", ""))
        if error:
            return "", str(error)
    return None


def _nothing_or_refused(response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
    """An empty page where the vendor says that the window holds no data. Raises: ProviderError for all else."""
    try:
        found = _error(json_object(response.body, secrets=()))
    except ProviderError:
        found = None
    code, said = found or ("", vendor_text(response.body))
    if response.status in (200, 400, 404, 422) and (window := _NO_DATA.search(said)) and int(window[1]) <= int(window[2]):
        return BarPage(batch=BarBatch.empty())
    raise _refused(response, code, said, query, account)


def _refused(response: HttpResponse, code: str, said: str, query: BarQuery, account: Account) -> ProviderError:
    """Codes stand for statuses where the status itself says nothing."""
    status = _STATUSES.get(code, response.status) if response.status == 200 else response.status
    plain = replace(
        response, status=status, body=f"{code}: {said}".encode(errors="backslashreplace") if code else response.body
    )
    error = refusal(response=plain, account=account, symbols=query.symbols, forbidden=NotEntitled)
    is_prose = not said.startswith("<")
    if code == "Forbidden" or (status in (400, 422) and _TOO_OLD.search(said)):
        return NotEntitled(str(error), status=status)
    if status in (200, 400, 404, 422) and is_prose and (code == "Not Found" or _DELISTED.search(said)):
        return UnknownSymbol(str(error), symbols=query.symbols, status=status)
    return error
