"""The clock-aligned UTC grid of an interval, as vendors stamp their bars. Pure; which cells count is the calendar's matter."""

import numpy as np
import numpy.typing as npt

from providers.market.types import Interval, MicrosArray


def floor_to_grid(ts: MicrosArray, interval: Interval) -> MicrosArray:
    """The start of the grid cell that holds each instant."""
    step = interval.us
    cells: MicrosArray = ts // step * step
    return cells


def is_on_grid(starts: MicrosArray, interval: Interval) -> npt.NDArray[np.bool_]:
    """Whether each instant is the start of a grid cell (`1d`: 00:00 UTC)."""
    is_start: npt.NDArray[np.bool_] = starts % interval.us == 0
    return is_start
