"""How far series are behind, in trading time, and what that says of all of them. Pure."""

import numpy as np
import numpy.typing as npt

from collector.core.spans import Spans
from providers.market.types import Micros, MicrosArray


def behind(since: MicrosArray, *, starts: MicrosArray, closes: MicrosArray, traded: Spans, now: Micros) -> MicrosArray:
    """For how much trading time the first slot that starts at or after each instant of `since` has been over; 0 where none is.

    `starts` and `closes`: slots that are expected, ascending, and the instants from which they are over; `traded`: disjoint trading time.
    """
    over = int(closes.searchsorted(now, "right"))
    first = starts[:over].searchsorted(since)
    lags = np.zeros(len(since), dtype=np.int64)
    is_behind = first < over
    missed_at = closes[first[is_behind]][:, None]
    lags[is_behind] = np.maximum(np.minimum(traded[:, 1], now) - np.maximum(traded[:, 0], missed_at), 0).sum(axis=1)
    return lags


def median_of(lags: MicrosArray, series: npt.NDArray[np.int64]) -> Micros:
    """The lower median of lags that so many series each have: above 0 only where more than half of them are behind."""
    order = lags.argsort()
    at_most = series[order].cumsum()
    return int(lags[order][at_most.searchsorted((at_most[-1] + 1) // 2)])
