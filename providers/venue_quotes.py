"""Best bid and ask of crypto venues: from their rows to columns, and lists of which some symbols are unknown. Pure."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from providers.errors import UnknownSymbol
from providers.market.quotes import SIZE_UNITS, QuoteBatch, QuoteQuery, SizeUnit
from providers.market.types import MalformedRow, Micros
from providers.parsing import number
from providers.quote_adapter import QuotePage

_BASE = SIZE_UNITS.index(SizeUnit.BASE)
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class VenueQuote:
    """One quote as it came. `at` is 0 where the venue names no time; sizes are in units of the base coin."""

    symbol: str
    raw: object
    bid: object = None
    bid_size: object = None
    ask: object = None
    ask_size: object = None
    at: Micros = 0


def quote_batch(rows: Sequence[VenueQuote]) -> QuoteBatch:
    """Columns. A price that is null, 0 or missing is no side, and such a side has no size; other odd values are malformed."""
    symbols = tuple(dict.fromkeys(row.symbol for row in rows))
    index, at, sides, malformed = [], [], [], []
    for row in rows:
        try:
            sides.append((*_side(row.bid, row.bid_size, "bid"), *_side(row.ask, row.ask_size, "ask")))
        except ValueError as error:
            malformed.append(MalformedRow(symbol=row.symbol, raw=json.dumps(row.raw, default=str), reason=str(error)))
            continue
        index.append(symbols.index(row.symbol))
        at.append(row.at)
    table = np.array(sides, dtype=np.float64).reshape(len(sides), 4)
    return QuoteBatch(
        symbols=symbols,
        symbol_index=np.array(index, dtype=np.int32),
        at=np.array(at, dtype=np.int64),
        bid=table[:, 0],
        bid_size=table[:, 1],
        ask=table[:, 2],
        ask_size=table[:, 3],
        size_unit=np.full(len(sides), _BASE, dtype=np.int8),
        malformed=tuple(malformed),
    )


def _side(price: object, size: object, name: str) -> tuple[float, float]:
    worth = 0.0 if price is None else number(price, name=name)
    if worth == 0:
        return _NAN, _NAN
    return worth, _NAN if size is None else number(size, name=f"{name} size")


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
