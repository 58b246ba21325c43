"""Time that many series miss at once, and which incident it belongs to."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.core.incidents import Grown, Known, crowded, grown, joined, missing_series

GAPS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=40)
NO_SLOTS = np.arange(0, 100, dtype=np.int64)


def columns(gaps):
    starts = np.array([start for start, _ in gaps], dtype=np.int64)
    return starts, starts + np.array([length for _, length in gaps], dtype=np.int64)


def spans(*pairs):
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@given(gaps=GAPS, least=st.integers(2, 6))
def test_crowded_time_holds_all_where_enough_overlap_and_only_where_half_as_many_do(gaps, least):
    found = crowded(*columns(gaps), least=least).tolist()
    depth = [sum(start <= t < start + length for start, length in gaps) for t in range(80)]
    inside = [any(a <= t < b for a, b in found) for t in range(80)]
    half = max(2, least // 2)
    assert all(is_in for is_in, n in zip(inside, depth, strict=True) if n >= least)
    assert all(n >= half for is_in, n in zip(inside, depth, strict=True) if is_in)
    assert all(max(depth[a:b]) >= least for a, b in found)
    assert all(one[1] < two[0] for one, two in pairwise(found))


def test_moment_at_which_some_end_and_others_begin_is_no_overlap():
    assert crowded(*columns([(0, 5), (0, 5), (5, 5), (5, 5)]), least=3).tolist() == []


def test_spans_are_joined_where_nothing_is_expected_between_them():
    slots = np.array([0, 1, 2, 10, 11, 12, 20], dtype=np.int64)
    assert joined(spans((1, 3), (10, 12), (20, 21)), slots).tolist() == [[1, 12], [20, 21]]


def test_span_goes_on_with_what_it_touches_and_the_oldest_of_several_stays():
    known = [Known(7, 0, 10), Known(3, 20, 30), Known(9, 50, 60)]
    assert grown(spans((10, 20), (40, 45)), known, NO_SLOTS) == [
        Grown(3, 0, 30, absorbed=(7,)),
        Grown(None, 40, 45),
        Grown(9, 50, 60),
    ]


def test_what_was_filled_before_a_night_is_not_the_next_days_outage():
    slots = np.array([0, 1, 2, 10, 11, 12], dtype=np.int64)
    known = [Known(1, 1, 3)]
    assert grown(spans((10, 12)), known, slots) == [Grown(1, 1, 3), Grown(None, 10, 12)]
    assert grown(spans((1, 3), (10, 12)), known, slots) == [Grown(1, 1, 12)]


@given(found=GAPS, before=GAPS)
def test_incidents_never_shrink_never_overlap_and_leave_nobody_out(found, before):
    wanted = crowded(*columns(found), least=2)
    known = [Known(number, a, b) for number, (a, b) in enumerate(crowded(*columns(before), least=2).tolist())]
    result = grown(wanted, known, NO_SLOTS)
    assert all(one.end < two.start for one, two in pairwise(result))
    for span in [*wanted.tolist(), *((one.start, one.end) for one in known)]:
        assert any(one.start <= span[0] and span[1] <= one.end for one in result)
    assert sorted(n for one in result for n in (one.number, *one.absorbed) if n is not None) == [one.number for one in known]


def test_series_that_miss_some_of_a_span_are_counted_once():
    starts, ends = columns([(0, 5), (6, 2), (9, 1), (4, 1)])
    series = np.array([1, 1, 2, 3], dtype=np.int64)
    assert missing_series(starts, ends, series, start=4, end=9).tolist() == [1, 3]
