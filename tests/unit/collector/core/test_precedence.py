"""Which of two differing values is held."""

from hypothesis import given
from hypothesis import strategies as st

from collector.core.precedence import Claim, replaces

RANKS = {1: 0, 2: 1}
FIRST, SECOND, RETIRED, ALSO_RETIRED = 1, 2, 3, 4


def decides(new, held, *, new_at=20, held_at=10, settled=True):
    return replaces(Claim(new, new_at), Claim(held, held_at), ranks=RANKS, is_settled=settled)


def test_newer_answer_of_the_same_provider_replaces_settled_or_not():
    assert decides(FIRST, FIRST)
    assert decides(FIRST, FIRST, settled=False)


def test_older_or_same_answer_of_the_same_provider_never_replaces():
    assert not decides(FIRST, FIRST, new_at=10)
    assert not decides(FIRST, FIRST, new_at=9)


def test_higher_ranked_provider_replaces_once_the_slot_is_settled():
    assert decides(FIRST, SECOND)
    assert not decides(FIRST, SECOND, settled=False)


def test_higher_ranked_provider_replaces_although_it_was_asked_earlier():
    assert decides(FIRST, SECOND, new_at=1, held_at=10)


def test_lower_ranked_provider_never_replaces():
    assert not decides(SECOND, FIRST)


def test_provider_outside_the_policy_stands_behind_all_that_are_in_it():
    assert decides(SECOND, RETIRED)
    assert not decides(RETIRED, SECOND)
    assert not decides(RETIRED, ALSO_RETIRED)


claims = st.builds(Claim, st.integers(1, 4), st.integers(0, 5))


@given(claims, claims, st.booleans())
def test_no_two_values_replace_each_other_for_ever(a, b, settled):
    assert not (replaces(a, b, ranks=RANKS, is_settled=settled) and replaces(b, a, ranks=RANKS, is_settled=settled))
