"""Coarser bars out of minute bars: which minutes make a bucket, and what the bucket's bar is. Pure.

Unknown values are NaN in float columns. Rows are sorted by `start` and unique.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from collector.core.spans import Spans, inside
from providers.market.types import Floats, Interval, MicrosArray

DERIVED = (Interval.M5, Interval.M15, Interval.H1)
"""Intervals that are made from 1m on read."""
SEVERAL_PROVIDERS = 0
"""Provider id of a bucket whose minutes came from different providers."""


class Anchor(StrEnum):
    """From where buckets are counted."""

    SESSION = "session"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Bars as columns of equal length, sorted by `start`."""

    start: MicrosArray
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    trade_count: Floats
    provider: npt.NDArray[np.int64]
    received_at: MicrosArray
    recorded_at: MicrosArray

    def __len__(self) -> int:
        return len(self.start)


def bucket_starts(*, slots: MicrosArray, sessions: npt.NDArray[np.int32], interval: Interval, anchor: Anchor) -> MicrosArray:
    """For each expected minute the start of its bucket.

    `session`: buckets count from the first slot of the slot's session, so none reaches over a session's edge. `clock`: from
    00:00 UTC. `slots` ascend; `sessions` is each slot's session date as a day number.
    """
    if anchor is Anchor.CLOCK:
        return slots - slots % interval.us
    _, first, which = np.unique(sessions, return_index=True, return_inverse=True)
    opened = slots[first][which]
    return opened + (slots - opened) // interval.us * interval.us


def aggregate(*, minutes: Columns, buckets: MicrosArray) -> Columns:
    """One bar for each distinct bucket; `buckets[i]` is the bucket of minute i.

    `volume` and `trade_count` are unknown when one minute's is. `vwap` is weighted by volume, and known only when every
    minute has one and something was traded. `received_at` and `recorded_at` are the newest of the minutes'.
    """
    if not len(minutes):
        return minutes
    first = np.concatenate(([0], np.flatnonzero(np.diff(buckets)) + 1))
    last = np.concatenate((first[1:], [len(buckets)])) - 1
    volume = np.add.reduceat(minutes.volume, first)
    lowest, highest = np.minimum.reduceat(minutes.provider, first), np.maximum.reduceat(minutes.provider, first)
    return Columns(
        start=buckets[first],
        open=minutes.open[first],
        high=np.maximum.reduceat(minutes.high, first),
        low=np.minimum.reduceat(minutes.low, first),
        close=minutes.close[last],
        volume=volume,
        vwap=_ratio(np.add.reduceat(minutes.vwap * minutes.volume, first), volume),
        trade_count=np.add.reduceat(minutes.trade_count, first),
        provider=np.where(lowest == highest, lowest, SEVERAL_PROVIDERS),
        received_at=np.maximum.reduceat(minutes.received_at, first),
        recorded_at=np.maximum.reduceat(minutes.recorded_at, first),
    )


def are_complete(
    *, bars: MicrosArray, slots: MicrosArray, slot_buckets: MicrosArray, held: MicrosArray, empty: Spans
) -> npt.NDArray[np.bool_]:
    """For each bucket whether every expected minute of it is held or proven empty.

    `bars` are bucket starts, `slots` the expected minutes with their `slot_buckets`, `held` the starts of minutes that we have.
    """
    known = np.isin(slots, held) | inside(slots, empty)
    return ~np.isin(bars, slot_buckets[~known])


def select(columns: Columns, mask: npt.NDArray[np.bool_]) -> Columns:
    """The rows for which `mask` is true."""
    return Columns(*(getattr(columns, name)[mask] for name in Columns.__slots__))


def _ratio(total: Floats, weight: Floats) -> Floats:
    safe = np.where(weight > 0, weight, np.nan)
    return np.asarray(total / safe)
