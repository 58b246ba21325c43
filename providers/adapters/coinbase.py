"""Coinbase Exchange: candles and the top of the book of one product, through ccxt.

Source: docs.cdp.coinbase.com (Exchange API: product candles, product book), recorded bodies, ccxt's endpoints; read 2026-07. The
Exchange API is asked, not the Advanced one: it needs no key and caches less.

Quirks that this file knows:
- A row is stamp, low, high, open, close, volume, newest first. There is neither vwap nor trade count.
- At most 300 rows a request, otherwise it is refused; `start` and `end` are inclusive, rows before `start` may come.
- Nothing comes for an interval without a trade. The running candle may come.
- There are no half hours.
- An unknown product is 404 `NotFound`.
- The book has a time; its sizes are in units of the base coin.
"""

import re
from typing import Any, ClassVar
from urllib.parse import quote

from providers.adapter import Account, BarPage, Limits
from providers.ccxt_client import Ask, CcxtClient
from providers.ccxt_errors import Words
from providers.coins import coin_pair
from providers.errors import MalformedAnswer, UnsupportedRequest
from providers.market.quotes import QuoteQuery
from providers.market.types import SECOND_US, Adjustment, AssetClass, BarBatch, BarQuery, FeedScope, Interval, Micros, from_us
from providers.parsing import clamped, within
from providers.positional import batch_of_positions
from providers.quote_adapter import QuoteLimits, QuotePage
from providers.registry import register
from providers.venue_quotes import sides, venue_rows

_INTERVALS = frozenset({Interval.M1, Interval.M5, Interval.M15, Interval.H1, Interval.D1})
_PLACES = {"t": 0, "l": 1, "h": 2, "o": 3, "c": 4, "v": 5}
_MOST_ROWS = 300
_COINS = frozenset({AssetClass.CRYPTO})
_VENUE = frozenset({FeedScope.VENUE})


@register
class Coinbase:
    """Coinbase Exchange, without an account of its own."""

    name: ClassVar[str] = "coinbase"
    credential_names: ClassVar[tuple[str, ...]] = ()
    default_base_url: ClassVar[str] = "https://api.exchange.coinbase.com"
    limits: ClassVar[Limits] = Limits(
        intervals=_INTERVALS,
        asset_classes=_COINS,
        adjustments=frozenset({Adjustment.RAW}),
        max_symbols_per_call=1,
        max_slots_per_call=10 * _MOST_ROWS,
        rows_per_page=_MOST_ROWS,
        feed_scopes=_VENUE,
    )
    quote_limits: ClassVar[QuoteLimits] = QuoteLimits(
        asset_classes=_COINS, max_symbols_per_call=1, feed_scopes={AssetClass.CRYPTO: _VENUE}
    )
    exchange: ClassVar[str] = "coinbaseexchange"
    words: ClassVar[Words] = Words(unknown_symbol=re.compile(r"^(?:not ?found|product not found)$", re.I))

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`BTCUSD` and `BTC/USD` are `BTC-USD`."""
        pair = coin_pair(symbol)
        return "-".join(pair) if pair else symbol

    def open_client(self, account: Account) -> CcxtClient:
        """ccxt's client."""
        return CcxtClient(self, account)

    async def bars(self, query: BarQuery, *, ask: Ask) -> BarPage:
        """One call for each 300 slots. Raises: ProviderError; UnsupportedRequest when no bar opens in the window."""
        width = query.interval.us
        first, last = -(-clamped(query.start) // width) * width, (clamped(query.end) - 1) // width * width
        if first > last:
            raise UnsupportedRequest(f"no {query.interval} bar opens in [{query.start}, {query.end})")
        pages = []
        for start in range(first, last + 1, _MOST_ROWS * width):
            rows = await self._candles(query, start, min(start + (_MOST_ROWS - 1) * width, last), ask)
            pages.append(batch_of_positions(symbol=query.symbols[0], rows=rows, places=_PLACES, stamp_us=SECOND_US))
        return BarPage(batch=within(BarBatch.concat(pages), query=query))

    async def _candles(self, query: BarQuery, first: Micros, last: Micros, ask: Ask) -> list[object]:
        params = {
            "id": quote(query.symbols[0], safe=""),
            "granularity": query.interval.us // SECOND_US,
            "start": _iso(first),
            "end": _iso(last),
        }
        rows = await ask("public_get_products_id_candles", params)
        if not isinstance(rows, list):
            raise MalformedAnswer(f"expected a list of candles, got {str(rows)[:80]!r}")
        return rows

    async def quotes(self, query: QuoteQuery, *, ask: Ask) -> QuotePage:
        """The top of one book. Raises: ProviderError."""
        (symbol,) = query.symbols
        book = await ask("public_get_products_id_book", {"id": quote(symbol, safe=""), "level": 1})
        if not isinstance(book, dict) or not isinstance(book.get("bids"), list) or not isinstance(book.get("asks"), list):
            raise MalformedAnswer(f"expected a book, got {str(book)[:80]!r}")
        quotes = venue_rows(query.symbols)
        try:
            row = sides(bid=_best(book["bids"]), ask=_best(book["asks"]), size_at=1) | {"time": book.get("time")}
            quotes.add(symbol, row, sent=book)
        except ValueError as error:
            quotes.refuse(symbol, book, reason=str(error))
        return QuotePage(batch=quotes.batch())


def _iso(moment: Micros) -> str:
    return from_us(moment).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _best(side: list[Any]) -> object:
    return side[0] if side else None
