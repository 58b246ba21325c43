"""How far slots are complete: counts over groups of series, and over kinds of series."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.core.marks import Group, SlotCount, count_slots, merged
from collector.core.spans import NO_SPANS, spans_of
from providers.market.types import MINUTE_US

STARTS = np.arange(6, dtype=np.int64) * MINUTE_US
states = st.sampled_from(["unexpected", "held", "empty", "missing"])


def spans_where(series, *wanted):
    return spans_of(STARTS[np.isin(series, wanted)], MINUTE_US)


@given(st.lists(st.tuples(st.integers(1, 9), st.lists(states, min_size=6, max_size=6)), max_size=8))
def test_every_expected_slot_counts_once_as_held_empty_or_missing(groups):
    made = [
        Group(n, spans_where(of, "held", "empty", "missing"), spans_where(of, "missing"), spans_where(of, "empty"))
        for n, of in groups
    ]
    told = {one.start: one for one in count_slots(STARTS, made, overdue_before=0)}
    for position, start in enumerate(STARTS.tolist()):
        number = {state: sum(n for n, of in groups if of[position] == state) for state in ("held", "empty", "missing")}
        if not sum(number.values()):
            assert start not in told, "nobody must have it"
            continue
        assert (told[start].held, told[start].empty) == (number["held"], number["empty"])
        assert told[start].expected == sum(number.values())
        assert told[start].is_complete == (number["missing"] == 0)


def test_slots_before_the_edge_are_overdue():
    everything = spans_of(STARTS, MINUTE_US)
    counts = count_slots(STARTS, [Group(2, everything, everything, NO_SPANS)], overdue_before=2 * MINUTE_US)
    assert [one.is_overdue for one in counts] == [True, True, False, False, False, False]


def test_kinds_of_series_add_up_and_are_overdue_together():
    first = SlotCount(60, 3, 2, 1, is_overdue=True)
    second = SlotCount(60, 4, 3, 0, is_overdue=False)
    alone = SlotCount(0, 1, 0, 0, is_overdue=True)
    assert merged([first, alone, second]) == [alone, SlotCount(60, 7, 5, 1, is_overdue=False)]
    assert (first.is_complete, second.is_complete) == (True, False)
