"""What is handed to the write path, and what it says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from collector.core.bars import Rejection
from collector.core.messages import SeriesLabel
from collector.core.spans import Spans
from collector.withdrawing import HeldSlots
from providers.market.types import BarBatch, Interval, Micros


@dataclass(frozen=True, slots=True, eq=False)
class AbsentSlots:
    """Slots of one series and session that an answer had no bar for, believed or doubted by one rule."""

    series_id: int
    session_day: int
    spans: Spans
    is_believed: bool
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class WriteBatch:
    """What one provider answered, checked and judged, ready to be written.

    `series_ids[k]` and `labels[k]` are the series of `bars.symbols[k]` (our symbols). `bars` has one row a slot, ascending by (symbol, start).
    `session_days[i]`: coverage key of row i in days since 1970. `ranks`: provider id → place in the policy. `withdrawn`: slots of which the
    provider sent a bar once, and none in this answer; their series are among the labels.
    """

    interval: Interval
    provider_id: int
    provider: str
    feed_scope: str
    settle_after: Micros
    ranks: Mapping[int, int]
    asked_at: Micros
    received_at: Micros
    series_ids: npt.NDArray[np.int64]
    labels: Sequence[SeriesLabel]
    session_days: npt.NDArray[np.int32]
    bars: BarBatch
    rejected: Sequence[tuple[int, Rejection]] = ()
    absent: Sequence[AbsentSlots] = ()
    withdrawn: Sequence[HeldSlots] = ()
    answered_through: Mapping[int, Micros] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Rows by what became of them. `feed_batch_id` is None when nothing changed.

    `disregarded`: series of which a row does not count, because its slot was taken back since it was asked for, or is another provider's.
    `barred`: where, by series, neither its rows nor its silence count for that reason.
    """

    new: int
    replaced: int
    unchanged: int
    alternates: int
    rejected: int
    feed_batch_id: int | None
    withdrawn: int = 0
    disregarded: frozenset[int] = frozenset()
    barred: Mapping[int, Spans] = field(default_factory=dict)
