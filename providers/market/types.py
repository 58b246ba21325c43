"""Types that the whole service speaks in. Pure.

Time: an instant is an `int` of epoch microseconds, UTC (`Micros`), the resolution of Postgres; arrays of instants are `int64`.
Spans are half-open `[start, end)`. A bar is stamped at its open. Python `datetime`s (aware, UTC) appear only at the edges.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from providers.market.columns import Rows, joined, rows_at

Micros = int
MicrosArray = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
DAY_US = 86_400 * SECOND_US
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(moment: datetime) -> int:
    """Epoch microseconds of an aware datetime. Raises: ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"expected an aware datetime, got the naive {moment!r}")
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(micros: int) -> datetime:
    """Aware UTC datetime of epoch microseconds."""
    return EPOCH + timedelta(microseconds=int(micros))


class Interval(StrEnum):
    """Length of a bar. The codes are case-sensitive: at several vendors `1M` is a month."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    D1 = "1d"

    @property
    def us(self) -> int:
        """Length in microseconds (`1d`: 24 hours, the length of its slot)."""
        return _INTERVAL_US[self]


_INTERVAL_US = {
    Interval.M1: MINUTE_US,
    Interval.M5: 5 * MINUTE_US,
    Interval.M15: 15 * MINUTE_US,
    Interval.M30: 30 * MINUTE_US,
    Interval.H1: 60 * MINUTE_US,
    Interval.D1: DAY_US,
}


class Capability(StrEnum):
    """What a provider can be asked for; the key of a routing policy."""

    BARS_1M = "bars_1m"
    BARS_5M = "bars_5m"
    BARS_15M = "bars_15m"
    BARS_30M = "bars_30m"
    BARS_1H = "bars_1h"
    BARS_1D = "bars_1d"
    QUOTES_L1 = "quotes_l1"

    @classmethod
    def of_bars(cls, interval: Interval) -> "Capability":
        """The capability of fetching bars of `interval`."""
        return cls(f"bars_{interval.value}")


class Adjustment(StrEnum):
    """What corporate actions the prices already reflect."""

    RAW = "raw"
    SPLIT = "split"
    DIVIDEND = "dividend"
    ALL = "all"


class FeedScope(StrEnum):
    """Which trades a vendor's feed has seen. Decides whether an absent bar can mean "no trade" (design 3a)."""

    CONSOLIDATED = "consolidated"
    IEX = "iex"
    VENUE = "venue"


class Hours(StrEnum):
    """Which part of the day a series covers."""

    REGULAR = "regular"
    EXTENDED = "extended"


class AssetClass(StrEnum):
    """What is traded; vendors route requests by it."""

    EQUITY = "equity"
    INDEX = "index"
    FUTURE = "future"
    FX = "fx"
    CRYPTO = "crypto"


@dataclass(frozen=True, slots=True)
class BarQuery:
    """Bars of `[start, end)` of some vendor symbols of one asset class.

    `symbols` are the vendor's own symbols; at most as many as the adapter's `max_symbols_per_call`.
    """

    symbols: tuple[str, ...]
    interval: Interval
    start: Micros
    end: Micros
    asset_class: AssetClass = AssetClass.EQUITY
    adjustment: Adjustment = Adjustment.RAW


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that could not be read into columns; kept whole, so that nothing is dropped silently."""

    symbol: str
    raw: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class BarBatch:
    """Bars as columns of equal length; row i belongs to `symbols[symbol_index[i]]`.

    Prices and volumes are IEEE doubles exactly as the vendor's decimals parse. NaN means "the vendor sent none" (a volume may be
    unknown, an index has no vwap); `trade_count` is a float column for the same reason. `start` is the bar's open, not yet checked
    against the grid. Rows are in the vendor's order and may hold duplicates: checking is `collector.core.bars`' work.
    """

    symbols: tuple[str, ...]
    symbol_index: npt.NDArray[np.int32]
    start: MicrosArray
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    trade_count: Floats
    malformed: tuple[MalformedRow, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def empty(cls, symbols: tuple[str, ...] = ()) -> "BarBatch":
        """A batch without rows."""
        nothing = np.empty(0, dtype=np.float64)
        return cls(
            symbols=symbols,
            symbol_index=np.empty(0, dtype=np.int32),
            start=np.empty(0, dtype=np.int64),
            open=nothing,
            high=nothing,
            low=nothing,
            close=nothing,
            volume=nothing,
            vwap=nothing,
            trade_count=nothing,
        )

    @classmethod
    def concat(cls, batches: "list[BarBatch]") -> "BarBatch":
        """One batch of all rows in order; symbols are merged."""
        return joined(batches) if batches else cls.empty()

    def where(self, mask: Rows) -> "BarBatch":
        """The rows for which `mask` is true (or at those positions, in that order); malformed rows are kept."""
        return rows_at(self, mask)
