"""Kraken spot: OHLC of one pair, best bid and ask of many, through ccxt.

Source: docs.kraken.com (OHLC, ticker), recorded bodies, ccxt's endpoints; read 2026-07.

Quirks that this file knows:
- Only the newest 720 rows of an interval are to be had, whatever is asked, the running candle among them.
- `since` is exclusive: it is asked one interval earlier.
- The last row is the running candle, always there; `last` is the stamp of the newest committed one. What comes after it is
  left out, so that no half of a minute passes for one.
- A minute without a trade is a row with volume 0, count 0 and four times the last price, kept as it is; its vwap `0.0` means that
  there is none.
- Failures come with 200: `{"error": ["EQuery:Unknown asset pair"]}`.
- Pairs are named in three ways: asked as `XBTUSD` (or `XBT/USD`), answered as `XXBTZUSD`, `USDTUSD` as `USDTZUSD`,
  and `EURUSD` as `ZEURZUSD`.
  Bitcoin is XBT and Dogecoin XDG.
- The ticker has no time; its sizes are the third place of `a` and `b`, in units of the base coin (the second is cut to whole ones).
- One unknown pair refuses a whole list without naming it.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np

from providers.adapter import Account, BarPage, Limits, Terms
from providers.ccxt_client import Ask, CcxtClient
from providers.ccxt_errors import Words
from providers.coins import coin_pair
from providers.errors import MalformedAnswer
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import SECOND_US, Adjustment, AssetClass, BarBatch, BarQuery, FeedScope, Interval
from providers.parsing import clamped, joined, number, within
from providers.positional import batch_of_positions
from providers.quote_adapter import QuoteLimits, QuotePage
from providers.registry import register
from providers.venue_quotes import of_known, sides, venue_rows

_MINUTES = {
    Interval.M1: 1,
    Interval.M5: 5,
    Interval.M15: 15,
    Interval.M30: 30,
    Interval.H1: 60,
    Interval.D1: 1_440,
}
_PLACES = {"t": 0, "o": 1, "h": 2, "l": 3, "c": 4, "vw": 5, "v": 6, "n": 7}
_MOST_ROWS = 720
_COMPLETE_ROWS = _MOST_ROWS - 1
_OWN_CURRENCIES = frozenset({"ZUSD", "ZEUR", "ZGBP", "ZCAD", "ZJPY", "ZAUD"})
_OWN_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
_COINS = frozenset({AssetClass.CRYPTO})
_VENUE = frozenset({FeedScope.VENUE})


@register
class Kraken:
    """Kraken spot, without an account of its own."""

    name: ClassVar[str] = "kraken"
    credential_names: ClassVar[tuple[str, ...]] = ()
    default_base_url: ClassVar[str] = "https://api.kraken.com"
    limits: ClassVar[Limits] = Limits(
        intervals=frozenset(_MINUTES),
        asset_classes=_COINS,
        adjustments=frozenset({Adjustment.RAW}),
        max_symbols_per_call=1,
        max_slots_per_call=_COMPLETE_ROWS,
        feed_scopes=_VENUE,
        terms=tuple(
            Terms(intervals=frozenset({interval}), history=timedelta(minutes=_COMPLETE_ROWS * minutes))
            for interval, minutes in _MINUTES.items()
        ),
    )
    quote_limits: ClassVar[QuoteLimits] = QuoteLimits(
        asset_classes=_COINS, max_symbols_per_call=100, feed_scopes={AssetClass.CRYPTO: _VENUE}
    )
    exchange: ClassVar[str] = "kraken"
    words: ClassVar[Words] = Words(
        throttled=re.compile(r"EService: ?Throttled", re.I), banned_until=re.compile(r"Throttled: ?(\d{10}|\d{13})\b", re.I)
    )

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """`BTC-USD` is `XBTUSD`."""
        pair = coin_pair(symbol)
        return "".join(_OWN_NAMES.get(coin, coin) for coin in pair) if pair else symbol

    def open_client(self, account: Account) -> CcxtClient:
        """ccxt's client."""
        return CcxtClient(self, account)

    async def bars(self, query: BarQuery, *, ask: Ask) -> BarPage:
        """All in one call. Raises: ProviderError."""
        symbol, width_s = query.symbols[0], query.interval.us // SECOND_US
        since = -(-clamped(query.start) // query.interval.us) * width_s - width_s
        params = {"pair": symbol, "interval": _MINUTES[query.interval], "since": since}
        result = _result(await ask("public_get_ohlc", params))
        last = result.pop("last", None)
        pairs = _by_asked(result, (symbol,))
        rows = pairs.get(symbol)
        if not isinstance(rows, list):
            raise MalformedAnswer(f"expected a list of rows of {symbol}, got {joined(result) or 'nothing'!r}")
        batch = _committed(batch_of_positions(symbol=symbol, rows=rows, places=_PLACES, stamp_us=SECOND_US), last)
        is_cut = len(rows) >= _MOST_ROWS and len(batch) > 0 and int(batch.start.min()) >= query.start + query.interval.us
        return BarPage(batch=within(batch, query=query), is_delayed=is_cut)  # what was cut off is no proof of silence

    async def quotes(self, query: QuoteQuery, *, ask: Ask) -> QuotePage:
        """All of the list in one call, or what is left of it when some of it is unknown. Raises: ProviderError."""
        return await of_known(query, lambda symbols: self._tickers(symbols, ask))

    async def _tickers(self, symbols: tuple[str, ...], ask: Ask) -> QuoteBatch:
        tickers = _by_asked(_result(await ask("public_get_ticker", {"pair": ",".join(symbols)})), symbols)
        quotes = venue_rows(symbols)
        for symbol, ticker in tickers.items():
            try:
                quotes.add(symbol, _sides(ticker), sent=ticker)
            except ValueError as error:
                quotes.refuse(symbol, ticker, reason=str(error))
        return quotes.batch()


def _result(document: object) -> dict[str, Any]:
    if not isinstance(document, dict) or document.get("error") != [] or not isinstance(document.get("result"), dict):
        raise MalformedAnswer(f"expected an empty error and a result, got {str(document)[:80]!r}")
    return dict(document["result"])


def _by_asked(result: Mapping[str, object], symbols: tuple[str, ...]) -> dict[str, object]:
    """What came, by the pairs that were asked for. Raises: MalformedAnswer for another pair's."""
    asked = {_plain(symbol): symbol for symbol in symbols}
    strange = [name for name in result if _plain(name) not in asked]
    if strange:
        raise MalformedAnswer(f"asked kraken for {joined(symbols)}, got {joined(strange)[:80]!r}")
    return {asked[_plain(name)]: value for name, value in result.items()}


def _plain(name: str) -> str:
    """One name for `XBTUSD`, `XBT/USD`, `BTC/USD` and `XXBTZUSD`; one for `USDTUSD` and `USDTZUSD`, `EURUSD` and `ZEURZUSD`."""
    if len(name) == 8 and ((name[0] == "X" and name[4] in "XZ") or name[4:] in _OWN_CURRENCIES):
        base = name[:4]
        name = (base[1:] if base[0] == "X" or base in _OWN_CURRENCIES else base) + name[5:]
    base, _, quote = name.partition("/")
    return _OWN_NAMES.get(base, base) + _OWN_NAMES.get(quote, quote)


def _committed(batch: BarBatch, last: object) -> BarBatch:
    """Without what comes after the newest committed row, and without the vwap of rows without a trade."""
    batch = replace(batch, vwap=np.where(batch.volume == 0, np.nan, batch.vwap))
    try:
        newest = number(last, name="last") * SECOND_US
    except ValueError:
        return batch
    return batch.where(batch.start <= newest)


def _sides(ticker: object) -> dict[str, object]:
    if not isinstance(ticker, dict):
        raise ValueError("expected an object")  # noqa: TRY004 - one error class for "no row"
    return sides(bid=ticker.get("b"), ask=ticker.get("a"), size_at=2)
