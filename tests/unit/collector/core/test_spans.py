"""Spans against sets of integers: whatever the arrays do, it must be what a set of instants would say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from collector.core.spans import NO_SPANS, from_multirange, inside, slots_in, spans_of, to_literal, union
from providers.market.types import MINUTE_US, from_us

STEP = 5
cells = st.lists(st.integers(-40, 40).map(lambda n: n * STEP))
raw_spans = st.lists(st.tuples(st.integers(-60, 60), st.integers(1, 30)), max_size=8)


def instants(spans) -> set[int]:
    return {t for a, b in spans.tolist() for t in range(a, b)}


def normal(pairs):
    return union(*(np.array([[a, a + n]]) for a, n in pairs))


def is_normal(spans) -> bool:
    return bool((spans[:, 0] < spans[:, 1]).all() and (spans[1:, 0] > spans[:-1, 1]).all())


@given(cells)
def test_spans_of_starts_hold_exactly_their_slots(starts):
    spans = spans_of(np.sort(np.array(starts, dtype=np.int64)), STEP)
    assert instants(spans) == {t for start in starts for t in range(start, start + STEP)}
    assert is_normal(spans)
    assert slots_in(spans, STEP) == len(set(starts))


@given(raw_spans, raw_spans)
def test_union_holds_what_any_of_its_sets_holds(left, right):
    a, b = normal(left), normal(right)
    joined = union(a, b)
    assert instants(joined) == instants(a) | instants(b)
    assert is_normal(joined)
    assert union(joined, a).tolist() == joined.tolist()


@given(raw_spans)
def test_union_is_in_normal_form_when_its_rows_touch_and_overlap(pairs):
    rows = np.array([(a, a + n) for a, n in pairs], dtype=np.int64).reshape(-1, 2)
    assert instants(union(rows)) == {t for a, n in pairs for t in range(a, a + n)}
    assert is_normal(union(rows))


@given(raw_spans, st.lists(st.integers(-100, 100)))
def test_inside_agrees_with_membership(pairs, times):
    spans = normal(pairs)
    held = instants(spans)
    assert inside(np.array(times, dtype=np.int64), spans).tolist() == [t in held for t in times]


@given(raw_spans)
def test_multirange_of_postgres_reads_back_as_the_same_spans(pairs):
    spans = normal(pairs) * MINUTE_US
    ranges = Multirange([Range(from_us(a), from_us(b)) for a, b in spans.tolist()])
    assert from_multirange(ranges).tolist() == spans.tolist()


def test_spans_of_nothing_are_empty_everywhere():
    nothing = np.empty(0, dtype=np.int64)
    assert spans_of(nothing, STEP).shape == (0, 2)
    assert union().shape == union(NO_SPANS, NO_SPANS).shape == from_multirange([]).shape == (0, 2)
    assert inside(nothing, NO_SPANS).tolist() == []
    assert slots_in(NO_SPANS, STEP) == 0
    assert to_literal(NO_SPANS) == "{}"


def test_to_literal_names_half_open_instants_with_their_zone():
    assert to_literal(np.array([[0, 1_500_000]])) == '{["1970-01-01T00:00:00+00:00","1970-01-01T00:00:01.500000+00:00")}'
