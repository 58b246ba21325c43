"""Tiingo's quotes: where they are asked for and what their bodies say; keys and refusals are in `tiingo`.

Source: tiingo.com documentation (iex, forex, crypto top of book), recorded answers, an account of a call for many currencies in a public
repository, help of business-science/riingo; read 2026-07 and 2026-11.

Quirks that this file knows:
- Three endpoints: `/iex/` (stocks, the best prices of IEX alone), `/tiingo/fx/top`, `/tiingo/crypto/top` (several exchanges together).
- Since 2025-02-01 both prices of a stock are null without an agreement with IEX, and they are null after hours: such a row says nothing
  and is left out, because the two cannot be told apart.
- Sizes of stocks are shares at all times: IEX counts shares in its own feed, whatever the consolidated feeds did.
- Coins may be crossed for days by an exchange that stopped sending: rows go through as they came, with the stamp of the quote.
- Rows of currencies were seen without their `ticker`, so that those of several could not be told apart: one is asked for a call.
- Unknown tickers are left out of the list.
"""

from typing import Any

from providers.errors import MalformedAnswer
from providers.market.quotes import QuoteBatch, QuoteQuery, SizeUnit
from providers.market.types import AssetClass, FeedScope, Micros
from providers.parsing import joined
from providers.quote_adapter import QuoteLimits
from providers.quote_parsing import QuoteNames, QuoteRows, cut_micros_of_rfc3339, in_base_units

_PAIRS = frozenset({AssetClass.FX, AssetClass.CRYPTO})
LIMITS = QuoteLimits(
    asset_classes=_PAIRS | {AssetClass.EQUITY},
    max_symbols_per_call=100,
    one_at_a_time=frozenset({AssetClass.FX}),
    feed_scopes={AssetClass.EQUITY: frozenset({FeedScope.IEX})} | dict.fromkeys(_PAIRS, frozenset({FeedScope.CONSOLIDATED})),
)
PATHS = {AssetClass.EQUITY: "/iex/", AssetClass.FX: "/tiingo/fx/top", AssetClass.CRYPTO: "/tiingo/crypto/top"}
_NAMES = QuoteNames(at="quoteTimestamp", bid="bidPrice", ask="askPrice", bid_size="bidSize", ask_size="askSize")


def batch_of(rows: list[Any], query: QuoteQuery) -> QuoteBatch:
    """Quotes of a list. Raises: MalformedAnswer where all of them are of tickers that were not asked for."""
    quotes = QuoteRows(query.symbols, _NAMES, cut_micros_of_rfc3339, _in_shares if _is_stock(query) else in_base_units)
    asked = {symbol.lower(): symbol for symbol in query.symbols}
    tickers = [_ticker(row, query) for row in rows]
    if tickers and not any(ticker.lower() in asked for ticker in tickers):
        raise MalformedAnswer(
            f"asked tiingo for {joined(query.symbols)}, got {joined(ticker or 'no ticker' for ticker in tickers)[:80]}"
        )
    for ticker, row in zip(tickers, rows, strict=True):
        for top in _tops(row) if query.asset_class is AssetClass.CRYPTO else [row]:
            if not (_is_stock(query) and _says_nothing(top)):
                quotes.add(asked.get(ticker.lower(), ticker), top)
    return quotes.batch()


def _is_stock(query: QuoteQuery) -> bool:
    return query.asset_class is AssetClass.EQUITY


def _ticker(row: object, query: QuoteQuery) -> str:
    """Whose row it is; one without a name belongs to the only one that was asked for."""
    named = row.get("ticker") if isinstance(row, dict) else None
    if named is None and len(query.symbols) != 1:
        return ""
    return query.symbols[0] if named is None else str(named)


def _tops(coin: object) -> list[Any]:
    """The consolidated rows of a coin; `exchangeData` beside them holds those of each exchange and is not read."""
    tops = coin.get("topOfBookData") if isinstance(coin, dict) else None
    return tops if isinstance(tops, list) else [coin]


def _says_nothing(row: object) -> bool:
    sides = (_NAMES.bid, _NAMES.ask)
    return isinstance(row, dict) and all(side in row and row[side] is None for side in sides)


def _in_shares(at: Micros) -> SizeUnit:
    return SizeUnit.SHARES
