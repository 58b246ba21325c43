"""Bars of one symbol as columns, and the few operations that the simulator needs on them. Pure."""

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from providers.market.days import Days
from providers.market.types import DAY_US, BarBatch, Floats, Micros, MicrosArray

VWAP_DECIMALS = 6
VOLUME_DECIMALS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Columns of equal length, ascending by `start`; NaN is "unknown".

    `base` counts the base aggregates (minutes, or days for `1d`) that each bar was built from: Polygon's `limit` counts these.
    """

    start: MicrosArray
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    trade_count: Floats
    base: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def empty(cls) -> "Rows":
        """No rows."""
        return cls.of_batch(BarBatch.empty())

    @classmethod
    def of_batch(cls, batch: BarBatch) -> "Rows":
        """The columns of a batch of one symbol, each row its own base aggregate."""
        return cls(
            start=batch.start,
            open=batch.open,
            high=batch.high,
            low=batch.low,
            close=batch.close,
            volume=batch.volume,
            vwap=batch.vwap,
            trade_count=batch.trade_count,
            base=np.ones(len(batch), dtype=np.int64),
        )

    @classmethod
    def concat(cls, parts: "list[Rows]") -> "Rows":
        """All rows in the order of the parts."""
        if not parts:
            return cls.empty()
        if len(parts) == 1:
            return parts[0]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS})

    def take(self, index: "npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice") -> "Rows":
        """The rows of an index array, mask or slice, in its order."""
        return Rows(**{name: getattr(self, name)[index] for name in COLUMNS})

    def span(self, start: Micros, end: Micros) -> "Rows":
        """The rows with `start <= row.start < end`."""
        low, high = np.searchsorted(self.start, [start, end])
        return self.take(slice(int(low), int(high)))

    def with_columns(self, **columns: Floats) -> "Rows":
        """The same rows with some columns replaced."""
        return Rows(**{name: columns.get(name, getattr(self, name)) for name in COLUMNS})


COLUMNS = tuple(column.name for column in fields(Rows))


def aggregate(rows: Rows, start: MicrosArray) -> Rows:
    """Bars of the groups that share a `start`; `start` (ascending) is the open of the bar that each row belongs to.

    A group's volume and trade count are unknown when one of its rows' is.
    """
    if not len(rows):
        return rows
    first = np.flatnonzero(np.r_[True, start[1:] != start[:-1]])
    last = np.r_[first[1:], len(start)] - 1
    volume = np.add.reduceat(rows.volume, first)
    turnover = np.add.reduceat(rows.vwap * rows.volume, first)
    vwap = np.divide(turnover, volume, out=np.full(len(first), np.nan), where=volume > 0)
    high, low = np.maximum.reduceat(rows.high, first), np.minimum.reduceat(rows.low, first)
    return Rows(
        start=start[first],
        open=rows.open[first],
        high=high,
        low=low,
        close=rows.close[last],
        volume=np.where(volume == np.rint(volume), volume, np.round(volume, VOLUME_DECIMALS)),
        vwap=np.clip(np.round(vwap, VWAP_DECIMALS), low, high),
        trade_count=np.add.reduceat(rows.trade_count, first),
        base=np.add.reduceat(rows.base, first),
    )


def by_width(rows: Rows, width: Micros) -> Rows:
    """Bars of `width`, aligned to the clock in UTC as vendors align them."""
    return aggregate(rows, rows.start // width * width)


def by_day(rows: Rows, days: Days) -> Rows:
    """Bars of sessions, stamped at 00:00 UTC of the session's date; `days` are the rows' day numbers.

    Days are base aggregates of their own.
    """
    bars = aggregate(rows, days * np.int64(DAY_US))
    return replace(bars, base=np.ones(len(bars), dtype=np.int64))
