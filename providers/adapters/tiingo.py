"""Tiingo: bars of one US stock (exchange IEX intraday, all venues daily), currency pair or coin, and their top of book.

Source: tiingo.com documentation (iex, end-of-day, forex, crypto), recorded answers and threads of hydrosquall/tiingo-python,
README of business-science/riingo; read 2026-07.

Quirks that this file knows:
- Four endpoints: `/iex` (intraday stocks, trades of IEX only), `/tiingo/daily` (stocks by day, raw and `adj…` side by side),
  `/tiingo/fx` (no volume), `/tiingo/crypto` (a list of coins, each with its `priceData`; all exchanges together).
- Intraday stocks have a volume only when `columns` names it, and it is that of IEX.
- At most 10,000 rows come, the newest ones, and nothing says that older ones were cut off: an answer of that many rows goes on
  with the dates up to its oldest row.
- Spans are dates, both inclusive. Whose midnight they mean for stocks is not said: the earlier of New York's and UTC's date of
  the start is asked for, and rows outside the window are dropped.
- A quota that is used up may come as 200 with plain text. All of it counts per account, not per symbol.
- `adj…` prices reflect splits and dividends.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from providers.accounts import credential, endpoint, secrets_of
from providers.adapter import Account, BarPage, HttpRequest, HttpResponse, Limits, Terms
from providers.adapters import tiingo_quotes
from providers.errors import MalformedAnswer, NotEntitled, ProviderError, Throttled, UnknownSymbol, UnsupportedRequest
from providers.market.quotes import QuoteQuery
from providers.market.types import (
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
    LenientBars,
    clamped,
    csv_rows,
    excerpt,
    joined,
    json_document,
    micros_of_rfc3339,
    midnight,
    session_span,
    to_session_dates,
    within,
)
from providers.quote_adapter import QuoteLimits, QuotePage
from providers.refusals import refusal, retry_after_s, vendor_text
from providers.registry import register

_FREQUENCIES = {
    Interval.M1: "1min",
    Interval.M5: "5min",
    Interval.M15: "15min",
    Interval.M30: "30min",
    Interval.H1: "1hour",
    Interval.D1: "1day",
}
_INTRADAY = frozenset(_FREQUENCIES) - {Interval.D1}
_DAILY = frozenset({Interval.D1})
_STOCKS = frozenset({AssetClass.EQUITY})
_PAIRS = frozenset({AssetClass.FX, AssetClass.CRYPTO})
_ROW_CAP = 10_000
_NEW_YORK = ZoneInfo("America/New_York")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_QUOTA = re.compile(r"(?:request|bandwidth|data) allocation|symbol look[ -]?up", re.I)
_PLAN = re.compile(r"plans? (?:are|is) limited|permission", re.I)
_UNKNOWN = re.compile(r"not found", re.I)
_NAMES = MappingProxyType({"t": "date", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"})
_COIN_NAMES = MappingProxyType({**_NAMES, "n": "tradesDone"})
_ADJUSTED_NAMES = MappingProxyType(
    {"t": "date", "o": "adjOpen", "h": "adjHigh", "l": "adjLow", "c": "adjClose", "v": "adjVolume"}
)


@dataclass(slots=True)
class _Answer:
    """What a body held: `sent` counts its rows, readable or not; `strangers` are those that were not asked for."""

    batch: BarBatch
    sent: int
    strangers: tuple[str, ...] = ()


@register
class Tiingo:
    """Tiingo, one account and one kind of feed: IEX for intraday stocks, consolidated for all else."""

    name: ClassVar[str] = "tiingo"
    credential_names: ClassVar[tuple[str, ...]] = ("api_key",)
    default_base_url: ClassVar[str] = "https://api.tiingo.com"
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset(_FREQUENCIES),
        asset_classes=_STOCKS | _PAIRS,
        adjustments=frozenset({Adjustment.RAW, Adjustment.ALL}),
        max_symbols_per_call=1,
        max_slots_per_call=_ROW_CAP,
        feed_scopes=frozenset({FeedScope.IEX, FeedScope.CONSOLIDATED}),
        terms=(
            Terms(asset_classes=_PAIRS, feed_scopes=frozenset({FeedScope.CONSOLIDATED})),
            Terms(asset_classes=_PAIRS, adjustments=frozenset({Adjustment.RAW})),
            Terms(asset_classes=frozenset({AssetClass.FX}), has_volume=False),
            Terms(
                intervals=_INTRADAY,
                asset_classes=_STOCKS,
                adjustments=frozenset({Adjustment.RAW}),
                feed_scopes=frozenset({FeedScope.IEX}),
                since=date(2017, 5, 1),  # begins within April 2017
            ),
            Terms(intervals=_DAILY, asset_classes=_STOCKS, feed_scopes=frozenset({FeedScope.CONSOLIDATED})),
        ),
    )

    quote_limits: ClassVar[QuoteLimits] = tiingo_quotes.LIMITS

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`EUR/USD` is `eurusd` and `BTC-USD` is `btcusd`; share classes have a dash."""
        if asset_class in _PAIRS:
            return symbol.replace("/", "").replace("-", "").lower()
        return symbol.replace(".", "-")

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """The newest page of a window. Raises: UnsupportedRequest, AuthFailed."""
        if len(query.symbols) != 1:
            raise UnsupportedRequest(f"tiingo takes one symbol a call, got {len(query.symbols)}")
        path, params = _place(query)
        first, last = _span(query)
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path=path),
            params={"startDate": first.isoformat(), "endDate": last.isoformat(), **params},
            headers=_headers(account),
        )

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """A page of any endpoint, JSON or CSV. Raises: ProviderError."""
        if response.status != 200:
            raise _refused(response, query, account)
        answer = _read(response, query, account)
        batch = to_session_dates(answer.batch, zone=UTC) if query.interval is Interval.D1 else answer.batch
        return BarPage(
            batch=within(batch, query=query),
            next=self._next_page(answer, query, account),
            is_delayed=bool(answer.strangers),  # rows under a wrong name may be the ones that seem absent
        )

    def quotes_request(self, query: QuoteQuery, account: Account) -> HttpRequest:
        """Top of book. Raises: UnsupportedRequest, AuthFailed."""
        path = tiingo_quotes.PATHS[query.asset_class]
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path=path),
            params={"tickers": ",".join(query.symbols)},
            headers=_headers(account),
        )

    def parse_quotes(self, response: HttpResponse, query: QuoteQuery, account: Account) -> QuotePage:
        """Top of book of the symbols that have one. Raises: ProviderError."""
        if response.status != 200:
            raise _refused(response, query, account)
        return QuotePage(batch=tiingo_quotes.batch_of(_list_of(response, query, account), query))

    def _next_page(self, answer: _Answer, query: BarQuery, account: Account) -> HttpRequest | None:
        """The dates up to the oldest row of an answer that was cut off; that row's own date may be cut as well."""
        if answer.sent < _ROW_CAP or not len(answer.batch):
            return None
        oldest = int(answer.batch.start.min())
        if oldest <= query.start:
            return None
        first = self.bars_request(query, account)
        return replace(first, params=first.params | {"endDate": from_us(oldest).date().isoformat()})


def _headers(account: Account) -> dict[str, str]:
    return {
        "Authorization": f"Token {credential(account, 'api_key')}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


def _place(query: BarQuery) -> tuple[str, dict[str, str]]:
    """Path and parameters of the endpoint that has such bars."""
    symbol = quote(query.symbols[0], safe="")
    frequency = {"resampleFreq": _FREQUENCIES[query.interval]}
    if query.asset_class is AssetClass.CRYPTO:
        return "/tiingo/crypto/prices", {"tickers": query.symbols[0], **frequency}
    if query.asset_class is AssetClass.FX:
        return f"/tiingo/fx/{symbol}/prices", frequency
    if query.interval is Interval.D1:
        return f"/tiingo/daily/{symbol}/prices", {"resampleFreq": "daily"}
    columns = "open,high,low,close,volume"
    return f"/iex/{symbol}/prices", {**frequency, "afterHours": "true", "forceFill": "false", "columns": columns}


def _span(query: BarQuery) -> tuple[date, date]:
    if query.interval is Interval.D1:
        return session_span(query)
    first, last = from_us(clamped(query.start)), from_us(clamped(query.end) - 1)
    zone = _NEW_YORK if query.asset_class is AssetClass.EQUITY else UTC
    return first.astimezone(zone).date(), last.date()


def _read(response: HttpResponse, query: BarQuery, account: Account) -> _Answer:
    table = csv_rows(response.body, columns=("date", "open", "high", "low", "close"))
    if table is not None:
        return _of_rows(table, query)
    document = _list_of(response, query, account)
    if any(isinstance(item, dict) and "priceData" in item for item in document):
        return _of_coins(document, query)
    return _of_rows(document, query)


def _list_of(response: HttpResponse, query: BarQuery | QuoteQuery, account: Account) -> list[Any]:
    """The rows of a success in JSON. Raises: ProviderError where a 200 is a refusal, or no list."""
    if _is_refusal_in_prose(response.body):
        raise _refused(response, query, account)
    document = json_document(response.body, secrets=secrets_of(account))
    if isinstance(document, dict) and any(document.get(key) for key in ("detail", "error", "message")):
        raise _refused(response, query, account)
    if not isinstance(document, list):
        said = excerpt(response.body, secrets=secrets_of(account))
        raise MalformedAnswer(f"tiingo answered 200 without a list of prices: {said!r}", status=200)
    return document


def _is_refusal_in_prose(body: bytes) -> bool:
    said = vendor_text(body)
    is_prose = not body.lstrip().startswith((b"[", b"{", b"<"))
    return is_prose and (said.startswith("Error") or _QUOTA.search(said) is not None)


def _of_rows(rows: list[Any], query: BarQuery) -> _Answer:
    """Rows of one stock or pair; pairs name themselves in each row."""
    symbol = query.symbols[0]
    is_adjusted = query.adjustment is Adjustment.ALL and query.asset_class is AssetClass.EQUITY
    bars = LenientBars(stamp=_stamp, symbols=(symbol,), names=_ADJUSTED_NAMES if is_adjusted else _NAMES)
    owners = [str((isinstance(row, dict) and row.get("ticker")) or symbol) for row in rows]
    strangers = tuple(owner for owner in owners if owner.lower() != symbol.lower())
    if strangers and len(strangers) == len(rows):
        raise MalformedAnswer(f"asked tiingo for {symbol}, got {joined(dict.fromkeys(strangers))[:80]!r}")
    for owner, row in zip(owners, rows, strict=True):
        if owner in strangers:
            bars.refuse(owner, row, reason=f"{owner[:40]!r} was not asked for")
        else:
            bars.add(symbol, row)
    return _Answer(bars.batch(), sent=len(rows), strangers=strangers)


def _of_coins(coins: list[Any], query: BarQuery) -> _Answer:
    """`exchangeData` beside `priceData` holds the same bars by exchange and is not read."""
    asked = {symbol.lower(): symbol for symbol in query.symbols}
    bars = LenientBars(stamp=_stamp, symbols=query.symbols, names=_COIN_NAMES)
    strangers: list[str] = []
    sent = 0
    for coin in coins:
        rows = coin.get("priceData") if isinstance(coin, dict) else None
        if not isinstance(rows, list):
            raise MalformedAnswer(f"expected tiingo's priceData to be a list, got {type(rows).__name__}")
        ticker = str(coin.get("ticker", ""))
        sent += len(rows)
        if ticker.lower() not in asked:
            strangers.append(ticker)
            continue
        for row in rows:
            bars.add(asked[ticker.lower()], row)
    if strangers and len(strangers) == len(coins):
        raise MalformedAnswer(f"asked tiingo for {joined(query.symbols)}, got {joined(strangers)[:80]}")
    return _Answer(bars.batch(), sent=sent, strangers=tuple(strangers))


def _stamp(value: object) -> Micros:
    """A date alone (as in CSV) is its 00:00 UTC. Raises: ValueError."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        return to_us(midnight(date.fromisoformat(value)))
    return micros_of_rfc3339(value)


def _refused(response: HttpResponse, query: BarQuery | QuoteQuery, account: Account) -> ProviderError:
    """Quotas and plans name themselves in the text, with any status; a 404 that says `Not found` means the ticker."""
    error = refusal(response=response, account=account, symbols=query.symbols, forbidden=NotEntitled)
    said = vendor_text(response.body)
    if response.status >= 500 or response.status == 429:
        return error
    if _QUOTA.search(said):
        return Throttled(str(error), status=response.status, retry_after=retry_after_s(response.headers))
    if _PLAN.search(said):
        return NotEntitled(str(error), status=response.status)
    if response.status in (200, 404) and _UNKNOWN.search(said) and not said.startswith("<"):
        return UnknownSymbol(str(error), symbols=query.symbols, status=response.status)
    return error
