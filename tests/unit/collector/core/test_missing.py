"""Missing slots and those who have them: each slot in one part, parts as long as they can be."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.core.missing import EVER, Claim, Edges, Wait, parts_of, shared_parts
from collector.core.spans import spans_of

STEP = 60
ONE_UNIT = np.zeros(1_000, dtype=np.int64)
SLOTS = st.sets(st.integers(0, 80), max_size=60).map(lambda found: np.array(sorted(found), dtype=np.int64) * STEP)
RUNS = st.sets(st.integers(0, 80), max_size=12).map(
    lambda holes: np.array(sorted(set(range(81)) - holes), dtype=np.int64) * STEP
)
"""Mostly adjoining ones."""
SPANS = st.lists(st.tuples(st.integers(-3, 80), st.integers(1, 30)), max_size=8)


@given(starts=SLOTS | RUNS, spans=SPANS, edge=st.integers(0, 80))
def test_every_slot_is_the_last_claims_and_parts_are_whole(starts, spans, edge):
    claims = [Claim(*EVER, "nobody"), *(Claim(a * STEP, (a + n) * STEP, f"claim {i}") for i, (a, n) in enumerate(spans))]
    units = (starts >= edge * STEP).astype(np.int64)
    parts = parts_of(starts, units, STEP, claims)
    owners = {int(start): next(c.about for c in reversed(claims) if c.start <= start < c.end) for start in starts}
    assert {start: part.about for part in parts for start in range(part.start, part.end, STEP)} == owners
    assert sum(part.slots for part in parts) == len(starts)
    for one, two in pairwise(parts):
        assert one.end < two.start or one.about != two.about or one.start < edge * STEP <= two.start
    assert not any(part.start < edge * STEP < part.end for part in parts)


@given(starts=SLOTS, sets=st.lists(SLOTS, max_size=4))
def test_shared_parts_name_exactly_those_sets_that_hold_each_slot(starts, sets):
    parts = shared_parts(starts, STEP, [spans_of(one, STEP) for one in sets])
    found = {start: part.about for part in parts for start in range(part.start, part.end, STEP)}
    assert found == {int(start): tuple(n for n, one in enumerate(sets) if start in one) for start in starts}
    assert all(one.end < two.start or one.about != two.about for one, two in pairwise(parts))


def test_slot_that_nobody_has_waits_for_what_comes_first():
    starts = np.arange(5, dtype=np.int64) * STEP
    edges = Edges(settled=4 * STEP, live=2 * STEP)
    parts = parts_of(starts, ONE_UNIT[:5], STEP, edges.claims())
    assert [(part.about, part.slots) for part in parts] == [
        (Wait.NEXT_SCAN, 2),
        (Wait.LIVE, 2),
        (Wait.SETTLING, 1),
    ]
