"""Polygon's quotes: where they are asked for and what their bodies say; requests, keys and refusals are in `polygon`.

Source: official OpenAPI of massive-com/client-python (commit 481e5c2), recorded answers, polygon-io/issues #227; read 2026-07.

Quirks that this file knows:
- A stock's last NBBO is one object with one-letter keys, small for the bid and capital for the ask; `t` is the SIP's time in
  nanoseconds. `/v3/quotes` has the same as a list of rows with long names, which do not say whose they are.
- A side that is not there is sent as price 0 and size 0, or left out.
- Sizes count round lots up to 2025-11-02 and shares from the day after, by the quote's own time.
- Currencies are asked by both their names, answer with `status: success` and milliseconds, and have no sizes.
- Coins have a last trade but no last quote, indices have neither, options have no last NBBO: they are refused before a call.
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from providers.errors import MalformedAnswer, UnsupportedRequest
from providers.market.quotes import QuoteBatch, QuoteQuery, SizeUnit
from providers.market.types import AssetClass, FeedScope, Micros
from providers.parsing import joined, micros_of_ms
from providers.quote_adapter import QuoteLimits
from providers.quote_parsing import QuoteNames, QuoteRows, micros_of_ns, us_size_unit

LIMITS = QuoteLimits(
    asset_classes=frozenset({AssetClass.EQUITY, AssetClass.FX}),
    max_symbols_per_call=1,
    feed_scopes=dict.fromkeys((AssetClass.EQUITY, AssetClass.FX), frozenset({FeedScope.CONSOLIDATED})),
)
SUCCESS = frozenset({"OK", "DELAYED", "SUCCESS"})
"""Words of `status`, as capitals."""
_NBBO = QuoteNames(at="t", bid="p", ask="P", bid_size="s", ask_size="S")
_ROWS = QuoteNames(at="sip_timestamp", bid="bid_price", ask="ask_price", bid_size="bid_size", ask_size="ask_size")
_ASK_KEYS = frozenset({"P", "S", "X"})
"""What tells an NBBO from a last trade: that one's keys are those of a bid alone."""
_PAIR = QuoteNames(at="timestamp", bid="bid", ask="ask")
_PAIR_LETTERS = 6


def path_of(query: QuoteQuery) -> str:
    """The encoded path of one symbol's last quote. Raises: UnsupportedRequest."""
    if len(query.symbols) != 1:
        raise UnsupportedRequest(f"polygon takes one symbol a call, got {len(query.symbols)}")
    symbol = query.symbols[0]
    if query.asset_class is AssetClass.FX:
        letters = _pair(symbol)
        if len(letters) != _PAIR_LETTERS or not letters.isalpha() or not letters.isascii():
            raise UnsupportedRequest(f"polygon's quotes of currencies are of two with three letters each, asked for {symbol!r}")
        return f"/v1/last_quote/currencies/{letters[:3]}/{letters[3:]}"
    if ":" in symbol:
        raise UnsupportedRequest(f"polygon has the last quote of stocks and currencies only, asked for {symbol!r}")
    return f"/v2/last/nbbo/{quote(symbol, safe='')}"


def is_answer(document: Mapping[str, Any]) -> bool:
    """Whether a body without a `status` holds what an answer holds."""
    return bool(document.get("results") or document.get("last"))


def batch_of(document: Mapping[str, Any], query: QuoteQuery) -> QuoteBatch:
    """The quotes of a success. Raises: MalformedAnswer where they are somebody else's, or no quotes."""
    is_pair = query.asset_class is AssetClass.FX
    _check_kind(document, expected="last" if is_pair else "results")
    if is_pair:
        return _of_pair(document, query)
    found, unit = document.get("results"), _no_unit if ":" in query.symbols[0] else us_size_unit
    if isinstance(found, list):
        return _read(found, QuoteRows(query.symbols, _ROWS, micros_of_ns, unit), keys={_ROWS.bid, _ROWS.ask})
    rows = [] if found in (None, {}) else [found]
    _check_owners({str(row["T"]) for row in rows if isinstance(row, dict) and row.get("T") is not None}, query)
    return _read(rows, QuoteRows(query.symbols, _NBBO, micros_of_ns, unit), keys=_ASK_KEYS)


def _check_kind(document: Mapping[str, Any], *, expected: str) -> None:
    """A body that holds something else instead is the answer to another question, and says nothing about quotes."""
    others = [key for key, value in document.items() if key != expected and value and isinstance(value, dict | list)]
    if others and not document.get(expected):
        raise MalformedAnswer(f"expected {expected!r} in polygon's last quote, got {joined(others)[:80]}")


def _of_pair(document: Mapping[str, Any], query: QuoteQuery) -> QuoteBatch:
    named, last = document.get("symbol"), document.get("last")
    if named is not None and _pair(str(named)) != _pair(query.symbols[0]):
        raise MalformedAnswer(f"asked polygon for {joined(query.symbols)}, got {str(named)[:40]!r}")
    rows = [] if last in (None, {}) else [last]
    return _read(rows, QuoteRows(query.symbols, _PAIR, micros_of_ms, _no_unit), keys={_PAIR.bid, _PAIR.ask})


def _read(rows: list[Any], quotes: QuoteRows, *, keys: Collection[str]) -> QuoteBatch:
    """Rows of the one symbol; when none has one of `keys` they are no quotes but another answer."""
    if rows and not any(isinstance(row, dict) and not row.keys().isdisjoint(keys) for row in rows):
        raise MalformedAnswer(
            f"expected polygon's last quote, got {type(rows[0]).__name__} without {' or '.join(sorted(keys))}"
        )
    for row in rows:
        quotes.add(quotes.symbols[0], row)
    return quotes.batch()


def _check_owners(owners: set[str], query: QuoteQuery) -> None:
    if owners - set(query.symbols):
        raise MalformedAnswer(f"asked polygon for {joined(query.symbols)}, got {joined(sorted(owners))[:80]}")


def _pair(symbol: str) -> str:
    return symbol.removeprefix("C:").replace("/", "").replace("-", "").upper()


def _no_unit(at: Micros) -> SizeUnit:
    return SizeUnit.UNKNOWN
