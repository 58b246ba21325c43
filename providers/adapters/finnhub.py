"""Finnhub: candles of one stock, currency pair or coin.

Source: official OpenAPI of finnhub-go (commit 8071bcd), its issue threads on candles, recorded bodies; read 2026-07.

Quirks that this file knows:
- Rows come as parallel arrays; `s` is `ok` or `no_data`. An unknown symbol is `no_data` too: nothing here can tell it from a quiet
  one. A success may still be `{"error": …}`.
- Daily bars are split-adjusted (their volume is not) and intraday bars are raw: no account can have both on one series.
- A daily stamp is 00:00 UTC of the session's date, in older data the session's open (13:30 UTC).
- One call spans at most a month of intraday bars.
- Stock candles are part of paid plans: 403 (or 401) with `You don't have access to this resource.`; a wrong key says so in words.
- Pairs and coins are those of one venue (`OANDA:EUR_USD`, `BINANCE:BTCUSDT`), not of the market.
"""

from datetime import UTC, timedelta
from typing import ClassVar

from providers.accounts import credential, endpoint, secrets_of
from providers.adapter import Account, BarPage, HttpRequest, HttpResponse, Limits, Terms, check_span
from providers.columns import batch_of_columns, columns_of_arrays
from providers.errors import MalformedAnswer, NotEntitled, UnsupportedRequest
from providers.market.types import SECOND_US, Adjustment, AssetClass, BarBatch, BarQuery, FeedScope, Interval, to_us
from providers.parsing import (
    LenientBars,
    clamped,
    csv_rows,
    excerpt,
    json_object,
    micros_of_seconds,
    midnight,
    session_span,
    to_session_dates,
    within,
)
from providers.refusals import refusal
from providers.registry import register

_RESOLUTIONS = {
    Interval.M1: "1",
    Interval.M5: "5",
    Interval.M15: "15",
    Interval.M30: "30",
    Interval.H1: "60",
    Interval.D1: "D",
}
_INTRADAY = frozenset(_RESOLUTIONS) - {Interval.D1}
_PATHS = {AssetClass.EQUITY: "stock", AssetClass.FX: "forex", AssetClass.CRYPTO: "crypto"}
_STOCKS = frozenset({AssetClass.EQUITY})
_VENUE_CLASSES = frozenset({AssetClass.FX, AssetClass.CRYPTO})
_DEFAULT_VENUES = {AssetClass.FX: ("OANDA", "_"), AssetClass.CRYPTO: ("COINBASE", "-")}
_NAMES = {key: key for key in ("t", "o", "h", "l", "c", "v")}
_DAY_S = 86_400


@register
class Finnhub:
    """Finnhub, one account."""

    name: ClassVar[str] = "finnhub"
    credential_names: ClassVar[tuple[str, ...]] = ("api_key",)
    default_base_url: ClassVar[str] = "https://finnhub.io"
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset(_RESOLUTIONS),
        asset_classes=frozenset(_PATHS),
        adjustments=frozenset({Adjustment.RAW, Adjustment.SPLIT}),
        max_symbols_per_call=1,
        max_slots_per_call=28 * 1_440,
        feed_scopes=frozenset({FeedScope.CONSOLIDATED, FeedScope.VENUE}),
        terms=(
            Terms(intervals=_INTRADAY, span_per_call=timedelta(days=28)),  # the shortest month
            Terms(intervals=_INTRADAY, asset_classes=_STOCKS, adjustments=frozenset({Adjustment.RAW})),
            Terms(intervals=frozenset({Interval.D1}), asset_classes=_STOCKS, adjustments=frozenset({Adjustment.SPLIT})),
            Terms(asset_classes=_STOCKS, feed_scopes=frozenset({FeedScope.CONSOLIDATED})),
            Terms(asset_classes=_VENUE_CLASSES, feed_scopes=frozenset({FeedScope.VENUE})),
        ),
    )

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`EUR/USD` is `OANDA:EUR_USD`, `BTC-USD` is `COINBASE:BTC-USD`; a symbol that names its venue stays as it is."""
        if asset_class not in _DEFAULT_VENUES or ":" in symbol:
            return symbol
        venue, joint = _DEFAULT_VENUES[asset_class]
        if asset_class is AssetClass.FX and symbol.isalpha():
            symbol = f"{symbol[:3]}/{symbol[3:]}"
        return f"{venue}:{symbol.replace('/', joint).replace('-', joint)}"

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """All of a window; `from` and `to` are inclusive. Raises: UnsupportedRequest, AuthFailed."""
        if len(query.symbols) != 1:
            raise UnsupportedRequest(f"finnhub takes one symbol a call, got {len(query.symbols)}")
        check_span(self, query)
        first, last = _span(query)
        return HttpRequest(
            url=endpoint(account, default=self.default_base_url, path=f"/api/v1/{_PATHS[query.asset_class]}/candle"),
            params={
                "symbol": query.symbols[0],
                "resolution": _RESOLUTIONS[query.interval],
                "from": str(first),
                "to": str(last),
            },
            headers={"X-Finnhub-Token": credential(account, "api_key"), "Accept": "application/json"},
        )

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """The whole answer, JSON or CSV. Raises: ProviderError."""
        if response.status != 200:
            raise refusal(response=response, account=account, symbols=query.symbols, forbidden=NotEntitled)
        batch = _read(response, query, account)
        if query.interval is Interval.D1:
            batch = to_session_dates(batch, zone=UTC)
        return BarPage(batch=within(batch, query=query))


def _span(query: BarQuery) -> tuple[int, int]:
    """First and last second, both inclusive; of whole days for daily bars, whose stamp lies somewhere in theirs."""
    if query.interval is Interval.D1:
        first, last = session_span(query)
        return to_us(midnight(first)) // SECOND_US, to_us(midnight(last)) // SECOND_US + _DAY_S - 1
    return -(-clamped(query.start) // SECOND_US), (clamped(query.end) - 1) // SECOND_US


def _read(response: HttpResponse, query: BarQuery, account: Account) -> BarBatch:
    symbol = query.symbols[0]
    table = csv_rows(response.body, columns=("t", "o", "h", "l", "c"))
    if table is not None:
        bars = LenientBars(stamp=micros_of_seconds, symbols=(symbol,))
        for row in table:
            bars.add(symbol, row)
        return bars.batch()
    document = json_object(response.body, secrets=secrets_of(account))
    if document.get("s") == "ok":
        columns = columns_of_arrays(document, names=_NAMES)
        return batch_of_columns(columns, symbol=symbol, names=_NAMES)
    if document.get("s") == "no_data":
        if any(document.get(name) for name in _NAMES):
            raise MalformedAnswer("finnhub says no_data and sends rows", status=200)
        return BarBatch.empty()
    if document.get("error"):
        raise refusal(response=response, account=account, symbols=query.symbols, forbidden=NotEntitled)
    said = excerpt(response.body, secrets=secrets_of(account))
    raise MalformedAnswer(f"finnhub answered 200 without candles: {said!r}", status=200)
