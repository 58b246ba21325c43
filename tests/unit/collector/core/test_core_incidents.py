"""Time that many series miss at once, and which incident it belongs to."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.core.incidents import APART_US, Known, crowded, grown, joined, missing_series
from providers.market.types import MINUTE_US

GAPS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=40)
EVERYWHERE = np.arange(0, 100, dtype=np.int64) * MINUTE_US  # everywhere, so that no night joins anything


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


def m(*pairs):
    """Spans in minutes."""
    return spans(*pairs) * MINUTE_US


def known_of(number, start, end):
    return Known(number, start * MINUTE_US, end * MINUTE_US)


def told(result):
    """(number, start, end, *absorbed) in minutes."""
    return [(one.number, one.start // MINUTE_US, one.end // MINUTE_US, *one.absorbed) for one in result]


def test_span_goes_on_with_what_it_is_near_to_and_the_oldest_of_several_stays():
    known = [known_of(7, 0, 10), known_of(3, 20, 30), known_of(9, 60, 70)]
    assert told(grown(m((14, 16), (40, 45)), known, EVERYWHERE)) == [(3, 0, 30, 7), (None, 40, 45), (9, 60, 70)]
    assert told(grown(m((15, 16)), known, EVERYWHERE)) == [(7, 0, 10), (3, 15, 30), (9, 60, 70)]


def test_every_other_minute_is_one_outage():
    assert told(grown(m(*((n, n + 1) for n in range(0, 50, 2))), [], EVERYWHERE)) == [(None, 0, 49)]


def test_what_was_filled_before_a_night_is_not_the_next_days_outage():
    slots = np.array([0, 1, 2, 10, 11, 12], dtype=np.int64) * MINUTE_US
    known = [known_of(1, 1, 3)]
    assert told(grown(m((10, 12)), known, slots)) == [(1, 1, 3), (None, 10, 12)]
    assert told(grown(m((1, 3), (10, 12)), known, slots)) == [(1, 1, 12)]


@given(found=GAPS, before=GAPS)
def test_incidents_never_shrink_lie_apart_and_leave_nobody_out(found, before):
    wanted = crowded(*columns(found), least=2) * MINUTE_US
    spans_before = (crowded(*columns(before), least=2) * MINUTE_US).tolist()
    known = [Known(number, a, b) for number, (a, b) in enumerate(spans_before)]
    result = grown(wanted, known, EVERYWHERE)
    assert all(two.start - one.end >= APART_US for one, two in pairwise(result))
    for span in [*wanted.tolist(), *spans_before]:
        assert any(one.start <= span[0] and span[1] <= one.end for one in result)
    assert sorted(n for one in result for n in (one.number, *one.absorbed) if n is not None) == [one.number for one in known]


def test_series_that_miss_some_of_a_span_are_counted_once():
    starts, ends = columns([(0, 5), (6, 2), (9, 1), (4, 1)])
    series = np.array([1, 1, 2, 3], dtype=np.int64)
    assert missing_series(starts, ends, series, start=4, end=9).tolist() == [1, 3]
