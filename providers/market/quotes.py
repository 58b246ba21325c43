"""Quotes (L1) as the whole service speaks of them. Pure; times and arrays as in `providers.market.types`."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from providers.market.columns import Rows, joined, rows_at
from providers.market.types import AssetClass, Floats, MalformedRow, MicrosArray


class SizeUnit(StrEnum):
    """What bid and ask sizes count."""

    UNKNOWN = ""
    ROUND_LOTS = "round_lots"
    SHARES = "shares"
    BASE = "base"
    """Units of the base currency or coin."""


SIZE_UNITS = tuple(SizeUnit)
"""Code of a unit in `QuoteBatch.size_unit` is its place here."""


@dataclass(frozen=True, slots=True)
class QuoteQuery:
    """The newest quote of some vendor symbols of one asset class."""

    symbols: tuple[str, ...]
    asset_class: AssetClass = AssetClass.EQUITY


@dataclass(frozen=True, slots=True, eq=False)
class QuoteBatch:
    """Quotes as columns of equal length; row i belongs to `symbols[symbol_index[i]]`.

    `at` is the vendor's time of the quote (nanoseconds are cut to microseconds), 0 where the vendor names none. NaN is "no side" or
    "no size": a side without a price has no size either. `size_unit` holds places in `SIZE_UNITS`. Rows are as the vendor sent
    them: crossed, locked and repeated ones included.
    """

    symbols: tuple[str, ...]
    symbol_index: npt.NDArray[np.int32]
    at: MicrosArray
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    size_unit: npt.NDArray[np.int8]
    malformed: tuple[MalformedRow, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def empty(cls, symbols: tuple[str, ...] = ()) -> "QuoteBatch":
        """A batch without rows."""
        nothing = np.empty(0, dtype=np.float64)
        return cls(
            symbols=symbols,
            symbol_index=np.empty(0, dtype=np.int32),
            at=np.empty(0, dtype=np.int64),
            bid=nothing,
            ask=nothing,
            bid_size=nothing,
            ask_size=nothing,
            size_unit=np.empty(0, dtype=np.int8),
        )

    @classmethod
    def concat(cls, batches: "list[QuoteBatch]") -> "QuoteBatch":
        """One batch of all rows in order; symbols are merged."""
        return joined(batches) if batches else cls.empty()

    def where(self, mask: Rows) -> "QuoteBatch":
        """The rows for which `mask` is true (or at those positions, in that order); malformed rows are kept."""
        return rows_at(self, mask)
