"""Which held bars count as taken back by an answer that lacks them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.withdrawal import reread
from providers.market.types import DAY_US, MINUTE_US
from tests.builders import minutes, us

OPEN = us("2025-10-08 13:30")
HELD = minutes(OPEN, 60)
LATER = HELD[-1] + 30 * MINUTE_US


def judged(lacking, *, held=HELD, sent=None, judged_at=LATER, is_whole=True):
    rows = [start for start in held if start not in set(lacking)] if sent is None else sent
    return reread(
        held=np.array(held, dtype=np.int64),
        sent=np.array(rows, dtype=np.int64),
        step=MINUTE_US,
        settled_before=judged_at - 90_000_000,
        judged_at=judged_at,
        is_whole=is_whole,
    )


def test_bar_between_others_of_the_answer_was_taken_back():
    found = judged(HELD[20:23])
    assert (found.withdrawn.tolist(), found.is_doubted) == (HELD[20:23], False)


@pytest.mark.parametrize("edge", [HELD[:2], HELD[-2:]])
def test_end_of_an_answer_is_doubted_until_it_had_a_day(edge):
    assert (judged(edge).withdrawn.tolist(), judged(edge).is_doubted) == ([], True)
    late = judged(edge, judged_at=HELD[-1] + MINUTE_US + DAY_US)
    assert (late.withdrawn.tolist(), late.is_doubted) == (edge, False)


@pytest.mark.parametrize("bad", [{"lacking": HELD[10:23]}, {"lacking": HELD}, {"lacking": HELD[20:21], "is_whole": False}])
def test_answer_that_lacks_too_much_or_is_not_whole_is_no_evidence(bad):
    found = judged(**bad)
    assert (found.withdrawn.tolist(), found.is_doubted) == ([], True)


def test_refused_row_is_no_absence_and_a_slot_that_is_not_settled_says_nothing():
    assert judged([], sent=[*HELD[:30], *HELD[30:]]).is_doubted is False
    young = judged(HELD[-1:], judged_at=HELD[-1] + 2 * MINUTE_US)
    assert (young.withdrawn.tolist(), young.is_doubted) == ([], False)


@given(lacking=st.sets(st.integers(0, 59)), hours=st.integers(0, 48), is_whole=st.booleans())
def test_what_is_taken_back_is_held_not_sent_and_at_most_a_fifth(lacking, hours, is_whole):
    gone = [HELD[place] for place in sorted(lacking)]
    found = judged(gone, judged_at=LATER + hours * 60 * MINUTE_US, is_whole=is_whole)
    assert set(found.withdrawn.tolist()) <= set(gone)
    assert len(found.withdrawn) <= max(1, len(HELD) / 5)
    assert is_whole or not len(found.withdrawn)
    assert found.is_doubted == (len(found.withdrawn) < len(gone))
