"""A schedule that could be searched wrongly is refused."""

import numpy as np
import pytest

from providers.market.schedule import Schedule
from providers.market.types import DAY_US, MINUTE_US


def schedule(*spans: tuple[int, int]) -> Schedule:
    return Schedule.of_whole_sessions(
        days=np.arange(len(spans), dtype=np.int32),
        opens=np.array([a for a, _ in spans], dtype=np.int64),
        closes=np.array([b for _, b in spans], dtype=np.int64),
    )


def test_schedule_accepts_sessions_that_touch() -> None:
    assert len(schedule((0, DAY_US), (DAY_US, 2 * DAY_US)).days) == 2


@pytest.mark.parametrize("spans", [[(0, 2 * MINUTE_US), (MINUTE_US, 3 * MINUTE_US)], [(DAY_US, DAY_US)], [(DAY_US, 0)]])
def test_schedule_refuses_segments_that_overlap_or_are_empty(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="do not overlap"):
        schedule(*spans)


def test_schedule_refuses_segments_that_begin_within_a_minute() -> None:
    with pytest.raises(ValueError, match="whole minutes"):
        schedule((1, DAY_US))


def test_schedule_refuses_sessions_out_of_order() -> None:
    with pytest.raises(ValueError, match="in order of their dates"):
        Schedule.of_whole_sessions(
            days=np.array([1, 1], dtype=np.int32),
            opens=np.array([0, DAY_US]),
            closes=np.array([MINUTE_US, DAY_US + MINUTE_US]),
        )
