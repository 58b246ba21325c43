"""Quotes (L1) as the whole service speaks of them. Pure; times and arrays as in `providers.market.types`."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

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
        if not batches:
            return cls.empty()
        if len(batches) == 1:
            return batches[0]
        symbols = tuple(dict.fromkeys(s for b in batches for s in b.symbols))
        position = {s: i for i, s in enumerate(symbols)}
        index = [np.array([position[s] for s in b.symbols], dtype=np.int32)[b.symbol_index] for b in batches if len(b)]
        return cls(
            symbols=symbols,
            symbol_index=np.concatenate(index) if index else np.empty(0, dtype=np.int32),
            at=np.concatenate([b.at for b in batches]),
            bid=np.concatenate([b.bid for b in batches]),
            ask=np.concatenate([b.ask for b in batches]),
            bid_size=np.concatenate([b.bid_size for b in batches]),
            ask_size=np.concatenate([b.ask_size for b in batches]),
            size_unit=np.concatenate([b.size_unit for b in batches]),
            malformed=tuple(row for b in batches for row in b.malformed),
        )

    def where(self, mask: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "QuoteBatch":
        """The rows for which `mask` is true (or at those positions, in that order); malformed rows are kept."""
        return QuoteBatch(
            symbols=self.symbols,
            symbol_index=self.symbol_index[mask],
            at=self.at[mask],
            bid=self.bid[mask],
            ask=self.ask[mask],
            bid_size=self.bid_size[mask],
            ask_size=self.ask_size[mask],
            size_unit=self.size_unit[mask],
            malformed=self.malformed,
        )
