"""The clock-aligned grid."""

import numpy as np

from providers.market.grid import floor_to_grid, is_on_grid
from providers.market.types import Interval
from tests.unit.providers.market.times import us

MOMENTS = np.array([us("2025-07-15 00:00"), us("2025-07-15 13:30"), us("2025-07-15 13:35"), us("2025-07-15 13:31:00.000001")])


def test_is_on_grid_accepts_starts_of_cells_only() -> None:
    assert {i.value: is_on_grid(MOMENTS, i).tolist() for i in Interval} == {
        "1m": [True, True, True, False],
        "5m": [True, True, True, False],
        "15m": [True, True, False, False],
        "30m": [True, True, False, False],
        "1h": [True, False, False, False],
        "1d": [True, False, False, False],
    }


def test_floor_to_grid_goes_to_the_cells_start_also_before_1970() -> None:
    before = np.array([us("1969-12-31 23:59:59")])
    assert floor_to_grid(before, Interval.H1).tolist() == [us("1969-12-31 23:00")]
    assert floor_to_grid(MOMENTS, Interval.M15)[2] == us("2025-07-15 13:30")
