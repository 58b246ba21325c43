"""When a plan is due, and how its series become jobs."""

from hypothesis import given
from hypothesis import strategies as st

from collector.core.live import boundary_of, is_planned, split
from providers.market.types import MINUTE_US, SECOND_US
from tests.builders import us

NOON = us("2025-10-08 12:00")


def test_boundary_comes_with_its_lateness_and_stays_for_a_cadence():
    def at(seconds):
        return boundary_of(NOON + seconds * SECOND_US, cadence=MINUTE_US, lateness=2 * SECOND_US)

    assert (at(1), at(2), at(61), at(62)) == (NOON - MINUTE_US, NOON, NOON, NOON + MINUTE_US)


@given(st.integers(0, 2**50), st.integers(1, 10**10), st.integers(0, 10**8))
def test_boundary_is_the_newest_multiple_that_lies_far_enough_back(now, cadence, lateness):
    boundary = boundary_of(now, cadence=cadence, lateness=lateness)
    assert boundary % cadence == 0
    assert boundary + lateness <= now < boundary + lateness + cadence


members = st.lists(st.tuples(st.text("ABC", min_size=1), st.integers(0, 5)), unique_by=lambda m: m[0])


@given(members, st.integers(1, 4))
def test_split_puts_each_symbol_into_one_job_that_reaches_back_to_its_slot(waiting, most):
    jobs = split(waiting, most=most)
    assert sorted(symbol for symbols, _ in jobs for symbol in symbols) == sorted(symbol for symbol, _ in waiting)
    assert all(1 <= len(symbols) <= most for symbols, _ in jobs)
    first_of = dict(waiting)
    assert all(first == min(first_of[s] for s in symbols) for symbols, first in jobs)
    assert len(jobs) == -(-len(waiting) // most)


def test_split_lets_stragglers_share_a_job():
    assert split([("A", 9), ("B", 1), ("C", 9), ("D", 1)], most=2) == [(["B", "D"], 1), (["A", "C"], 9)]


def test_boundary_is_planned_when_the_mark_is_there_or_a_skewed_clock_ahead_and_not_when_the_clock_was_put_back():
    marks = {-1: False, 0: True, 2: True, 3: False, 60 * 24: False}
    assert {n: is_planned(NOON, NOON + n * MINUTE_US, cadence=MINUTE_US) for n in marks} == marks
