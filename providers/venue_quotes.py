"""Quotes of crypto venues: how their rows are read, and lists of which some symbols are unknown. Pure."""

from collections.abc import Awaitable, Callable

from providers.errors import UnknownSymbol
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.quote_adapter import QuotePage
from providers.quote_parsing import QuoteNames, QuoteRows, cut_micros_of_rfc3339, in_base_units

PLACED = QuoteNames(at="time", bid="bid", ask="ask", bid_size="bid size", ask_size="ask size")
"""Our names for values that a venue knows by their place; `sides` makes such a row."""


def venue_rows(symbols: tuple[str, ...], names: QuoteNames = PLACED) -> QuoteRows:
    """Collects a venue's quotes: a time is RFC 3339, sizes count coins."""
    return QuoteRows(symbols, names, cut_micros_of_rfc3339, in_base_units)


def sides(*, bid: object, ask: object, size_at: int) -> dict[str, object]:
    """A row of two lists that begin with the price; without one a side is not there. Raises: ValueError for anything else."""
    row: dict[str, object] = {}
    for name, sent in (("bid", bid), ("ask", ask)):
        side = [None] * (size_at + 1) if sent in (None, []) else sent
        if not isinstance(side, list) or len(side) <= size_at:
            raise ValueError(f"expected {name} to be a list of price and size, got {str(side)[:40]!r}")
        row |= {name: side[0], f"{name} size": side[size_at]}
    return row


async def of_known(query: QuoteQuery, ask: Callable[[tuple[str, ...]], Awaitable[QuoteBatch]]) -> QuotePage:
    """The quotes of those symbols that the venue knows.

    A venue refuses a whole list for one unknown symbol without naming it; so a refused list is asked again in halves, which finds
    one among n in about 2 log2 n calls. Raises: ProviderError; UnknownSymbol when none is known.
    """
    batches: list[QuoteBatch] = []
    unknown: list[str] = []
    lists = [query.symbols]
    while lists:
        symbols = lists.pop()
        try:
            batches.append(await ask(symbols))
        except UnknownSymbol as refusal:
            if len(query.symbols) == 1:
                raise
            half = len(symbols) // 2
            unknown += symbols if half == 0 else []
            lists += [part for part in (symbols[half:], symbols[:half]) if half]
            last = refusal
    if not batches:
        raise UnknownSymbol(str(last), symbols=tuple(unknown), status=last.status)
    return QuotePage(batch=QuoteBatch.concat(batches), unknown_symbols=tuple(unknown))
