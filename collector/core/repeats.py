"""Rows of one answer that have the same key: identical ones are one, of differing ones the later wins. Pure."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from providers.market.types import MicrosArray

Rows = npt.NDArray[np.int64]


def one_per_key(
    symbols: npt.NDArray[np.int32], times: MicrosArray, *, values: Sequence[npt.NDArray[np.generic]]
) -> tuple[Rows, list[int]]:
    """(rows to keep, ascending by symbol and time; earlier rows that a later one of the same key contradicts)."""
    order = np.lexsort((times, symbols))
    earlier = np.flatnonzero((np.diff(symbols[order]) == 0) & (np.diff(times[order]) == 0))
    keep = np.ones(len(order), dtype=bool)
    keep[earlier] = False
    return order[keep], [int(order[i]) for i in earlier if not _same(values, int(order[i]), int(order[i + 1]))]


def is_everything(rows: Rows, count: int) -> bool:
    """Whether these are all of `count` rows, in order: nothing need be copied then."""
    return len(rows) == count and bool((np.diff(rows) == 1).all())


def _same(columns: Sequence[npt.NDArray[np.generic]], i: int, j: int) -> bool:
    return all(a == b or (a != a and b != b) for a, b in ((column[i], column[j]) for column in columns))  # noqa: PLR0124  # NaN
