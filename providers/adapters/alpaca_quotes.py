"""Alpaca's quotes: where they are asked for and what their bodies say; keys and refusals are in `alpaca`.

Source: official OpenAPI of alpacahq/alpaca-mcp-server (commit 88722ce), recorded answers, forum.alpaca.markets 12712 and 16000, the
vendor's notice on quote sizes of 2025-11-03; read 2026-07.

Quirks that this file knows:
- Latest quotes come as a map of one object by symbol, a single one as `quote` beside its `symbol`, history as lists.
- A side that is not there is sent as price 0, size 0 and venue `" "`.
- Sizes of stocks count round lots up to 2025-11-02 and shares from the day after, by the quote's own time. That goes for `iex` as for
  `sip`: the vendor has one schema for both, and what IEX itself published as 300 shares came as 3.
- Coins are the best prices of the vendor's own venue; their sizes count coins. They have no feed to choose.
- Stamps have nanoseconds, which are cut.
"""

from collections.abc import Mapping
from typing import Any

from providers.errors import MalformedAnswer
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import AssetClass, FeedScope
from providers.parsing import joined
from providers.quote_adapter import QuoteLimits
from providers.quote_parsing import QuoteNames, QuoteRows, cut_micros_of_rfc3339, in_base_units, us_size_unit

LIMITS = QuoteLimits(
    asset_classes=frozenset({AssetClass.EQUITY, AssetClass.CRYPTO}),
    max_symbols_per_call=200,
    feed_scopes={AssetClass.EQUITY: frozenset({FeedScope.CONSOLIDATED, FeedScope.IEX})},
)
STOCKS_PATH, COINS_PATH = "/v2/stocks/quotes/latest", "/v1beta3/crypto/us/latest/quotes"
_NAMES = QuoteNames(at="t", bid="bp", ask="ap", bid_size="bs", ask_size="as")


def is_answer(document: Mapping[str, Any]) -> bool:
    """Whether a body holds what an answer holds."""
    return "quotes" in document or "quote" in document


def batch_of(document: Mapping[str, Any], query: QuoteQuery) -> QuoteBatch:
    """Quotes in any shape. Raises: MalformedAnswer where all of them are of symbols that were not asked for."""
    is_coin = query.asset_class is AssetClass.CRYPTO
    quotes = QuoteRows(query.symbols, _NAMES, cut_micros_of_rfc3339, in_base_units if is_coin else us_size_unit)
    groups = _by_symbol(document, query)
    if groups and not set(groups) & set(query.symbols):
        raise MalformedAnswer(f"asked alpaca for {joined(query.symbols)}, got {joined(groups)[:80]}")
    for symbol, rows in groups.items():
        for raw in rows:
            quotes.add(symbol, raw)
    return quotes.batch()


def _by_symbol(document: Mapping[str, Any], query: QuoteQuery) -> dict[str, list[Any]]:
    """Rows by symbol; symbols without a quote are left out."""
    found = document.get("quotes") if document.get("quote") is None else document["quote"]
    if found in (None, {}, []):
        return {}
    if isinstance(found, dict) and document.get("quote") is None:
        return {name: rows if isinstance(rows, list) else [rows] for name, rows in found.items() if rows not in (None, [])}
    symbol = document.get("symbol")
    if symbol is None and len(query.symbols) != 1:
        raise MalformedAnswer(f"alpaca's quotes are neither a map nor those of one symbol, but {type(found).__name__}")
    return {query.symbols[0] if symbol is None else str(symbol): found if isinstance(found, list) else [found]}
