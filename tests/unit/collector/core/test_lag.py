"""Lag in trading time, and the median of many series' lags."""

from statistics import median_low

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.core.lag import behind, median_of

STARTS = np.array([0, 10, 20, 50, 60])
CLOSES = np.array([10, 20, 25, 60, 70])
TRADED = np.array([[0, 25], [50, 90]])  # the third slot is cut by the break


def lags(*since: int, now: int) -> list[int]:
    return behind(np.array(since), starts=STARTS, closes=CLOSES, traded=TRADED, now=now).tolist()


def test_lag_runs_from_the_end_of_the_first_missing_slot_and_stands_still_while_the_venue_is_shut() -> None:
    assert lags(0, 5, 10, 20, now=24) == [14, 4, 4, 0]
    assert lags(10, 20, now=40) == [5, 0]
    assert lags(10, 20, 50, now=55) == [10, 5, 0]
    assert lags(20, 50, 60, 70, now=75) == [25, 15, 5, 0]


def test_lag_is_zero_before_any_slot_is_over_and_without_slots() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert lags(0, now=9) == [0]
    assert behind(np.array([0]), starts=nothing, closes=nothing, traded=TRADED, now=80).tolist() == [0]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1))
def test_median_of_groups_is_the_lower_median_of_all_their_series(groups: list[tuple[int, int]]) -> None:
    columns = np.array(groups, dtype=np.int64)
    assert median_of(columns[:, 0], columns[:, 1]) == median_low([lag for lag, series in groups for _ in range(series)])
