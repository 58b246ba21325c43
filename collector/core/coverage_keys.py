"""Rows of many series and sessions by the coverage row that they belong to: (series, session day). Pure, vectorised."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from collector.core.spans import Spans, spans_of
from providers.market.types import Micros, MicrosArray

Ids = npt.NDArray[np.int64]
Days = npt.NDArray[np.int32]
Key = tuple[int, int]

_DAY_BITS = 20
_DAY_OFFSET = 1 << 19
"""Session days of either sign (daily bars reach back before 1970) packed behind the series id into one sortable integer."""


def reach_by_key(series: Ids, days: Days, starts: MicrosArray) -> dict[Key, tuple[Micros, Micros]]:
    """The first and the last start of each key's rows."""
    packed = _packed(series, days)
    order = np.argsort(packed, kind="stable")
    unique, edges = np.unique(packed[order], return_index=True)
    ordered = starts[order]
    lows, highs = np.minimum.reduceat(ordered, edges).tolist(), np.maximum.reduceat(ordered, edges).tolist()
    return {_key(key): (low, high) for key, low, high in zip(unique.tolist(), lows, highs, strict=True)}


def rows_by_key(series: Ids, days: Days) -> Callable[[int, int], npt.NDArray[np.int64]]:
    """A function that gives the places of a key's rows."""
    packed = _packed(series, days)
    order = np.argsort(packed, kind="stable")
    ordered = packed[order]

    def rows(series_id: int, day: int) -> npt.NDArray[np.int64]:
        key = (series_id << _DAY_BITS) + day + _DAY_OFFSET
        return order[np.searchsorted(ordered, key) : np.searchsorted(ordered, key, side="right")]

    return rows


def spans_by_key(series: Ids, days: Days, starts: MicrosArray, *, step: int) -> dict[Key, Spans]:
    """The slots of each key's rows as spans."""
    packed = _packed(series, days)
    order = np.lexsort((starts, packed))
    ordered, sorted_starts = packed[order], starts[order]
    edges = (
        np.flatnonzero(np.concatenate(([True], np.diff(ordered) != 0, [True]))) if len(ordered) else np.empty(0, dtype=np.int64)
    )
    return {
        _key(int(ordered[a])): spans_of(sorted_starts[a:b], step)
        for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    }


def _packed(series: Ids, days: Days) -> Ids:
    return (series << _DAY_BITS) + days.astype(np.int64) + _DAY_OFFSET


def _key(packed: int) -> Key:
    return packed >> _DAY_BITS, (packed & (1 << _DAY_BITS) - 1) - _DAY_OFFSET
