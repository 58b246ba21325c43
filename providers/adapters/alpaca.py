"""Alpaca Market Data: bars and latest quotes of many US stocks or crypto pairs a call.

Source: official OpenAPI of alpacahq/alpaca-mcp-server (commit 88722ce), docs.alpaca.markets, tests of the official clients,
recorded answers; read 2026-07.

Quirks that this file knows:
- Pages hold at most 10,000 rows over all symbols, symbol first and then time, and may be shorter: only an absent
  `next_page_token` ends.
- Nothing to tell has four forms: a symbol missing from the map, `{"bars": {}}`, `{"bars": null}` and 204 without a body.
- `start` and `end` are both inclusive.
- 403 is a wrong key or a plan without recent SIP data (422 was seen for it too); only the text tells them apart.
- Stocks are asked with `asof=-`: rows are what traded under that symbol then, as at vendors without symbol mapping. With the
  default a renamed symbol silently brings the history of its former name; here a rename is the operator's act.
- Filler: a crypto bar that had no trades is built from quotes and sent with `v`, `n` and `vw` all 0. Such rows are left out:
  they are no trades. Stock bars with volume 0 are kept.
- Daily stocks are stamped at midnight in New York, daily crypto at midnight in Chicago, which is 05:00 or 06:00 UTC of the
  same date.
- Coins are traded on the vendor's own venue alone. Whether its silence is to count as the market's, the account's `feed_scope` says.
- A symbol that was not asked for is never stored: its rows are kept as malformed; an answer of nothing else is no answer.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from providers.accounts import credential, endpoint, secrets_of
from providers.adapter import Account, BarPage, HttpRequest, HttpResponse, Limits, Terms
from providers.adapters import alpaca_quotes
from providers.errors import AuthFailed, MalformedAnswer, ProviderError, UnsupportedRequest
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import Adjustment, AssetClass, BarBatch, BarQuery, FeedScope, Interval, from_us
from providers.parsing import (
    AwareTime,
    BarRow,
    LenientBars,
    batch_of_rows,
    clamped,
    decode_or_none,
    excerpt,
    joined,
    json_object,
    micros_of_rfc3339,
    micros_of_times,
    session_span,
    to_session_dates,
    within,
)
from providers.quote_adapter import QuoteLimits, QuotePage
from providers.refusals import refusal
from providers.registry import register

_TIMEFRAMES = {
    Interval.M1: "1Min",
    Interval.M5: "5Min",
    Interval.M15: "15Min",
    Interval.M30: "30Min",
    Interval.H1: "1Hour",
    Interval.D1: "1Day",
}
_FEEDS = {FeedScope.CONSOLIDATED: "sip", FeedScope.IEX: "iex"}
_QUOTE_CURRENCIES = ("USDT", "USDC", "USD", "EUR", "BTC", "ETH")
_ROWS_A_PAGE = 10_000
_NEW_YORK = ZoneInfo("America/New_York")


class _Row(BarRow, kw_only=True, gc=False):
    t: AwareTime


_Rows = list[_Row] | _Row | None


class _TypedAnswer(msgspec.Struct, kw_only=True):
    """Every shape of bars: a map (of lists, or of one latest bar each), the list of one `symbol`, one latest `bar`."""

    bars: dict[str, _Rows] | list[_Row] | msgspec.UnsetType | None = msgspec.UNSET
    bar: _Row | msgspec.UnsetType | None = msgspec.UNSET
    symbol: str | None = None
    next_page_token: str | None = None


_TYPED = msgspec.json.Decoder(_TypedAnswer)


@register
class Alpaca:
    """Alpaca, one account and one feed of it."""

    name: ClassVar[str] = "alpaca"
    credential_names: ClassVar[tuple[str, ...]] = ("key_id", "secret_key")
    default_base_url: ClassVar[str] = "https://data.alpaca.markets"
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset(_TIMEFRAMES),
        asset_classes=frozenset({AssetClass.EQUITY, AssetClass.CRYPTO}),
        adjustments=frozenset(Adjustment),
        max_symbols_per_call=200,
        can_say_null_volume=False,
        max_slots_per_call=5_000,  # of 200 busy symbols: a million rows, a hundred pages
        rows_per_page=_ROWS_A_PAGE,
        terms=(
            Terms(asset_classes=frozenset({AssetClass.EQUITY}), feed_scopes=frozenset(_FEEDS)),
            Terms(
                asset_classes=frozenset({AssetClass.CRYPTO}), feed_scopes=frozenset({FeedScope.CONSOLIDATED, FeedScope.VENUE})
            ),
        ),
    )

    quote_limits: ClassVar[QuoteLimits] = alpaca_quotes.LIMITS

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`BTC-USD` and `BTCUSD` as crypto are `BTC/USD`; stocks are spelled as everywhere, classes with a dot."""
        if asset_class is not AssetClass.CRYPTO or "/" in symbol:
            return symbol
        if "-" in symbol:
            return symbol.replace("-", "/", 1)
        quoted = next((q for q in _QUOTE_CURRENCIES if symbol.endswith(q) and symbol != q), None)
        return f"{symbol.removesuffix(quoted)}/{quoted}" if quoted else symbol

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """The first page. Raises: UnsupportedRequest, AuthFailed."""
        start, end = _span(query)
        params = {
            "symbols": ",".join(query.symbols),
            "timeframe": _TIMEFRAMES[query.interval],
            "start": start,
            "end": end,
            "limit": str(_ROWS_A_PAGE),
            "sort": "asc",
        }
        path = "/v1beta3/crypto/us/bars"
        if query.asset_class is not AssetClass.CRYPTO:
            path = "/v2/stocks/bars"
            params |= {"adjustment": query.adjustment.value, "feed": _feed(account), "asof": "-"}
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path=path), params=params, headers=_headers(account)
        )

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """One page of a map, list or latest answer. Raises: ProviderError."""
        if response.status == 204:
            return BarPage(batch=BarBatch.empty())
        if response.status != 200:
            raise _refused(response, query, account)
        batch, token = _read(response, query, account)
        has_strangers = any(row.symbol not in query.symbols for row in batch.malformed)
        if query.asset_class is AssetClass.CRYPTO:
            batch = _without_filler(batch)
        if query.interval is Interval.D1:
            batch = to_session_dates(batch, zone=UTC if query.asset_class is AssetClass.CRYPTO else _NEW_YORK)
        return BarPage(
            batch=within(batch, query=query),
            next=self._next_page(token, query, account),
            is_delayed=has_strangers,  # rows under a wrong name may be the ones that seem absent: no proof of absence
        )

    def quotes_request(self, query: QuoteQuery, account: Account) -> HttpRequest:
        """The latest quotes. Raises: UnsupportedRequest, AuthFailed."""
        is_coin = query.asset_class is AssetClass.CRYPTO
        path = alpaca_quotes.COINS_PATH if is_coin else alpaca_quotes.STOCKS_PATH
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path=path),
            params={"symbols": ",".join(query.symbols)} | ({} if is_coin else {"feed": _feed(account)}),
            headers=_headers(account),
        )

    def parse_quotes(self, response: HttpResponse, query: QuoteQuery, account: Account) -> QuotePage:
        """Latest quotes, of the symbols that have one. Raises: ProviderError."""
        if response.status == 204:
            return QuotePage(batch=QuoteBatch.empty())
        document = json_object(response.body, secrets=secrets_of(account)) if response.status == 200 else {}
        if not alpaca_quotes.is_answer(document):
            raise _refused(response, query, account)
        return QuotePage(batch=alpaca_quotes.batch_of(document, query))

    def _next_page(self, token: str | None, query: BarQuery, account: Account) -> HttpRequest | None:
        if not token:
            return None
        first = self.bars_request(query, account)
        return replace(first, params=first.params | {"page_token": token})


def _headers(account: Account) -> dict[str, str]:
    return {
        "APCA-API-KEY-ID": credential(account, "key_id"),
        "APCA-API-SECRET-KEY": credential(account, "secret_key"),
        "Accept": "application/json",
    }


def _feed(account: Account) -> str:
    try:
        return _FEEDS[account.feed_scope]
    except KeyError:
        raise UnsupportedRequest(f"alpaca sells stocks as sip or iex, not as {account.feed_scope}") from None


def _span(query: BarQuery) -> tuple[str, str]:
    """`start` and `end` of the wire, both inclusive; the end of `[start, end)` is a microsecond short of its instant."""
    if query.interval is not Interval.D1:
        return _rfc3339(from_us(clamped(query.start))), _rfc3339(from_us(clamped(query.end) - 1))
    first, last = session_span(query)
    if query.asset_class is AssetClass.CRYPTO:
        return _rfc3339(datetime.combine(first, time.min, UTC)), _rfc3339(datetime.combine(last, time(23, 59, 59), UTC))
    return _rfc3339(_midnight_in_new_york(first)), _rfc3339(_midnight_in_new_york(last))


def _midnight_in_new_york(day: date) -> datetime:
    return datetime.combine(day, time.min, _NEW_YORK)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _without_filler(batch: BarBatch) -> BarBatch:
    is_filler = (batch.volume == 0) & (batch.trade_count == 0) & (batch.vwap == 0)
    return batch.where(~is_filler) if is_filler.any() else batch


def _read(response: HttpResponse, query: BarQuery, account: Account) -> tuple[BarBatch, str | None]:
    typed = decode_or_none(_TYPED, response.body)
    if typed is not None and (typed.bars is not msgspec.UNSET or typed.bar is not msgspec.UNSET):
        groups = _by_symbol(bars=typed.bars, bar=typed.bar, symbol=typed.symbol, query=query)
        batch = _typed_batch(groups)
        if set(groups) <= set(query.symbols) and batch is not None:
            return batch, typed.next_page_token
    document = json_object(response.body, secrets=secrets_of(account))
    if "bars" not in document and "bar" not in document:
        raise _refused(response, query, account)
    token = document.get("next_page_token")
    if token is not None and not isinstance(token, str):
        raise MalformedAnswer(f"alpaca's next_page_token must be a string, got {str(token)[:40]!r}")
    groups = _by_symbol(bars=document.get("bars"), bar=document.get("bar"), symbol=document.get("symbol"), query=query)
    return _lenient_batch(groups, query), token


def _by_symbol(*, bars: Any, bar: Any, symbol: object, query: BarQuery) -> dict[str, list[Any]]:
    """Rows by symbol in any shape; symbols without rows are left out.

    A list or a single bar belongs to the answer's `symbol`; without one, to the only symbol that was asked for.
    """
    if isinstance(bars, dict):
        return {
            name: rows if isinstance(rows, list) else [rows] for name, rows in bars.items() if rows is not None and rows != []
        }
    if symbol is not None and symbol not in query.symbols:
        raise MalformedAnswer(f"asked alpaca for {joined(query.symbols)}, got {str(symbol)[:40]!r}")
    rows = [bar] if bars in (None, msgspec.UNSET) and bar not in (None, msgspec.UNSET) else bars
    if rows in (None, msgspec.UNSET) or rows == []:
        return {}
    if not isinstance(rows, list) or (symbol is None and len(query.symbols) != 1):
        raise MalformedAnswer(f"alpaca's bars are neither a map nor the list of one symbol, but {type(rows).__name__}")
    return {query.symbols[0] if symbol is None else str(symbol): rows}


def _typed_batch(groups: dict[str, list[_Row]]) -> BarBatch | None:
    rows = [row for group in groups.values() for row in group]
    start = micros_of_times([row.t for row in rows])
    if start is None:
        return None
    return batch_of_rows(
        symbols=tuple(groups),
        symbol_index=np.repeat(np.arange(len(groups), dtype=np.int32), [len(group) for group in groups.values()]),
        start=start,
        rows=rows,
    )


def _lenient_batch(groups: dict[str, list[Any]], query: BarQuery) -> BarBatch:
    if groups and not set(groups) & set(query.symbols):
        raise MalformedAnswer(f"asked alpaca for {joined(query.symbols)}, got {joined(groups)}")
    bars = LenientBars(stamp=micros_of_rfc3339, symbols=query.symbols)
    for symbol, rows in groups.items():
        for raw in rows:
            if symbol in query.symbols:
                bars.add(symbol, raw)
            else:
                bars.refuse(symbol, raw, reason=f"{symbol[:40]!r} was not asked for")
    return bars.batch()


def _refused(response: HttpResponse, query: BarQuery | QuoteQuery, account: Account) -> ProviderError:
    """A 403 that does not speak of a subscription is a wrong key; a 200 that holds neither rows nor a message is no answer."""
    if response.status == 200 and not json_object(response.body, secrets=secrets_of(account)).get("message"):
        return MalformedAnswer(
            f"alpaca answered 200 without bars or quotes: {excerpt(response.body, secrets=secrets_of(account))!r}", status=200
        )
    return refusal(response=response, account=account, symbols=query.symbols, forbidden=AuthFailed)
