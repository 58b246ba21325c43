"""Binance spot: klines of one pair, best bid and ask of many, through ccxt.

Source: developers.binance.com (market data, rate limits), recorded bodies, ccxt's endpoints; read 2026-07.

Quirks that this file knows:
- A row has twelve places, prices and volumes as strings; place 8 counts trades. There is no vwap: the quote volume is not
  divided by the base volume here, because the vendor's rounding would put some of them outside of the bar.
- `startTime` and `endTime` are both inclusive, at most 1,000 rows come, the oldest of the window. The adapter goes on behind the
  last one until the window is full or nothing more comes.
- A minute without a trade is a row with volume 0 and four times the last price: the venue's own statement, kept as it is.
- The running candle is the newest row.
- 418 is a ban for having ignored 429s; its body says until when. 403 is the firewall's limit, a kind of 429.
- Symbols are those of Binance (`BTCUSDT`): a pair in USD is not taken for one in USDT.
- `bookTicker` has no time. Sizes are in units of the base coin.
- One unknown symbol refuses a whole list without naming it.
"""

import json
import re
from typing import ClassVar

from providers.adapter import Account, BarPage, Limits
from providers.ccxt_client import Ask, CcxtClient
from providers.ccxt_errors import Words
from providers.coins import coin_pair
from providers.errors import MalformedAnswer
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import Adjustment, AssetClass, BarBatch, BarQuery, FeedScope, Interval
from providers.parsing import clamped, joined, within
from providers.positional import batch_of_positions
from providers.quote_adapter import QuoteLimits, QuotePage
from providers.quote_parsing import QuoteNames
from providers.registry import register
from providers.venue_quotes import of_known, venue_rows

_INTERVALS = {
    Interval.M1: "1m",
    Interval.M5: "5m",
    Interval.M15: "15m",
    Interval.M30: "30m",
    Interval.H1: "1h",
    Interval.D1: "1d",
}
_PLACES = {"t": 0, "o": 1, "h": 2, "l": 3, "c": 4, "v": 5, "n": 8}
_QUOTE_NAMES = QuoteNames(at="", bid="bidPrice", ask="askPrice", bid_size="bidQty", ask_size="askQty")
_MS_US = 1_000
_MOST_ROWS = 1_000
_COINS = frozenset({AssetClass.CRYPTO})
_VENUE = frozenset({FeedScope.VENUE})


@register
class Binance:
    """Binance spot, without an account of its own."""

    name: ClassVar[str] = "binance"
    credential_names: ClassVar[tuple[str, ...]] = ()
    default_base_url: ClassVar[str] = "https://api.binance.com"
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset(_INTERVALS),
        asset_classes=_COINS,
        adjustments=frozenset({Adjustment.RAW}),
        max_symbols_per_call=1,
        max_slots_per_call=10 * _MOST_ROWS,
        rows_per_page=_MOST_ROWS,
        feed_scopes=_VENUE,
    )
    quote_limits: ClassVar[QuoteLimits] = QuoteLimits(
        asset_classes=_COINS, max_symbols_per_call=100, feed_scopes={AssetClass.CRYPTO: _VENUE}
    )
    exchange: ClassVar[str] = "binance"
    words: ClassVar[Words] = Words(
        unknown_symbol=re.compile(r"invalid symbol|parameter '?symbols?\b", re.I),
        throttled_statuses=frozenset({403}),
        banned_until=re.compile(r"banned until (\d{13})\b"),
    )

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`BTC-USDT` and `BTC/USDT` are `BTCUSDT`."""
        pair = coin_pair(symbol)
        return "".join(pair) if pair else symbol

    def open_client(self, account: Account) -> CcxtClient:
        """ccxt's client."""
        return CcxtClient(self, account)

    async def bars(self, query: BarQuery, *, ask: Ask) -> BarPage:
        """Page after page. Raises: ProviderError."""
        pages: list[BarBatch] = []
        start, end = clamped(query.start), clamped(query.end)
        while True:
            rows = await self._klines(query, start, end, ask)
            page = batch_of_positions(symbol=query.symbols[0], rows=rows, places=_PLACES, stamp_us=_MS_US)
            pages.append(within(page, query=query))
            following = int(page.start.max()) + query.interval.us if len(page) else start
            if following >= end or following <= start:
                break
            start = following
        is_stuck = following <= start < end and len(rows) > 0  # rows that lead nowhere: what is behind them is not known
        return BarPage(batch=BarBatch.concat(pages), is_delayed=is_stuck)

    async def _klines(self, query: BarQuery, start: int, end: int, ask: Ask) -> list[object]:
        params = {
            "symbol": query.symbols[0],
            "interval": _INTERVALS[query.interval],
            "startTime": -(-start // _MS_US),
            "endTime": (end - 1) // _MS_US,
            "limit": _MOST_ROWS,
        }
        rows = await ask("public_get_klines", params)
        if not isinstance(rows, list):
            raise MalformedAnswer(f"expected a list of klines, got {type(rows).__name__}")
        return rows

    async def quotes(self, query: QuoteQuery, *, ask: Ask) -> QuotePage:
        """All of the list in one call, or what is left of it when some of it is unknown. Raises: ProviderError."""
        return await of_known(query, lambda symbols: self._tickers(symbols, ask))

    async def _tickers(self, symbols: tuple[str, ...], ask: Ask) -> QuoteBatch:
        tickers = await ask("public_get_ticker_bookticker", {"symbols": json.dumps(symbols, separators=(",", ":"))})
        if not isinstance(tickers, list):
            raise MalformedAnswer(f"expected a list of tickers, got {str(tickers)[:80]!r}")
        named = [str(ticker.get("symbol")) if isinstance(ticker, dict) else "nobody" for ticker in tickers]
        if named and not set(named) & set(symbols):
            raise MalformedAnswer(f"asked binance for {joined(symbols)}, got {joined(named)[:80]!r}")
        quotes = venue_rows(symbols, _QUOTE_NAMES)
        for symbol, ticker in zip(named, tickers, strict=True):
            quotes.add(symbol, ticker)
        return quotes.batch()
