"""From missing time to gaps: runs of neighbouring slots within a session, or for daily bars within a year."""

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.gaps import UNITS_A_PIECE, Grid, grid_of
from collector.core.spans import NO_SPANS, spans_of
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, Hours, Interval
from tests.builders import us

NAMES = ["XNYS", "XLON", "XTKS", "XHKG", "CME", "FX", "24/7"]
FIRST = date(2023, 12, 1)


def grid(name: str, interval: Interval, first: str, last: str, hours: Hours = Hours.REGULAR) -> Grid:
    return grid_of(get_calendar(name, hours), interval, date.fromisoformat(first), date.fromisoformat(last))


def missing(of: Grid, *without: str):
    """All slots of a grid but these."""
    return spans_of(of.starts[~np.isin(of.starts, [us(text) for text in without])], of.interval.us)


def sizes(of: Grid, *without: str) -> list[int]:
    return [run.slots for run in of.runs(missing(of, *without))]


@settings(max_examples=40)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(Interval),
    st.integers(0, 40),
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
)
def test_runs_hold_exactly_the_missing_slots_and_never_two_units(name, interval, length, lengths):
    last = date.fromordinal(FIRST.toordinal() + (20 * length if interval is Interval.D1 else length))
    of = grid_of(get_calendar(name), interval, FIRST, last)
    mask = np.resize(np.repeat(np.arange(len(lengths)) % 2 == 0, lengths), len(of))
    runs = of.runs(spans_of(of.starts[mask], interval.us))
    held = [of.starts[(of.starts >= run.start) & (of.starts < run.end)] for run in runs]
    assert np.concatenate([*held, of.starts[:0]]).tolist() == of.starts[mask].tolist()
    assert [len(slots) for slots in held] == [run.slots for run in runs]
    for run, slots in zip(runs, held, strict=True):
        of_run = of.days[np.isin(of.starts, slots)]
        assert run.session.toordinal() - date(1970, 1, 1).toordinal() == of_run[0]
        if interval is Interval.D1:
            assert len(np.unique(of_run.astype("datetime64[D]").astype("datetime64[Y]"))) == 1
        else:
            assert len(np.unique(of_run)) == 1
            assert run.end - run.start == run.slots * interval.us


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.sampled_from(Interval), st.integers(0, 900))
def test_pieces_are_the_grid_and_cut_no_unit(name, interval, length):
    of = grid_of(
        get_calendar(name),
        interval,
        FIRST,
        date.fromordinal(FIRST.toordinal() + (length if interval is Interval.D1 else length // 10)),
    )
    pieces = list(of.pieces())
    assert np.concatenate([*(piece.starts for piece in pieces), of.starts[:0]]).tolist() == of.starts.tolist()
    whole = spans_of(of.starts, interval.us)
    assert [run for piece in pieces for run in piece.runs(piece.spans)] == of.runs(whole)
    assert all(0 < len(np.unique(piece.days)) <= (366 if interval is Interval.D1 else UNITS_A_PIECE) for piece in pieces)


def test_lunch_break_parts_two_runs_of_one_session():
    of = grid("XHKG", Interval.M1, "2025-10-08", "2025-10-08")
    assert [(run.session.day, run.slots) for run in of.runs(of.spans)] == [(8, 150), (8, 180)]


def test_sessions_that_touch_are_runs_of_their_own():
    of = grid("24/7", Interval.M1, "2025-10-08", "2025-10-10")
    assert sizes(of) == [1440, 1440, 1440]
    assert sizes(of, "2025-10-09 00:00", "2025-10-10 12:00") == [1440, 1439, 720, 719]


def test_daily_run_goes_on_over_a_weekend_and_a_holiday_and_ends_with_the_year():
    of = grid("XNYS", Interval.D1, "2024-11-25", "2025-01-10")
    assert [(str(run.session), run.slots) for run in of.runs(of.spans)] == [("2024-11-25", 25), ("2025-01-02", 6)]
    assert sizes(of, "2024-12-23 00:00") == [19, 5, 6]


def test_daily_slot_is_over_when_its_session_is_although_midnight_came_before():
    of = grid("XNYS", Interval.D1, "2025-12-01", "2025-12-05", Hours.EXTENDED)  # until 20:00 New York, 01:00 UTC
    assert of.settled_until(now=us("2025-12-04 00:30"), settle_after=0) == us("2025-12-03 00:00")
    assert of.settled_until(now=us("2025-12-04 01:00"), settle_after=0) == us("2025-12-04 00:00")
    regular = grid("XNYS", Interval.D1, "2025-12-01", "2025-12-05")
    assert regular.settled_until(now=us("2025-12-04 00:00"), settle_after=0) == us("2025-12-04 00:00")


def test_slot_is_settled_when_it_has_been_over_for_the_wait_and_not_a_microsecond_before():
    of, wait = grid("XNYS", Interval.M1, "2025-10-08", "2025-10-08"), 90 * SECOND_US
    closed = us("2025-10-08 13:31") + wait
    assert of.settled_until(now=closed - 1, settle_after=wait) == us("2025-10-08 13:30")
    assert of.settled_until(now=closed, settle_after=wait) == us("2025-10-08 13:31")
    assert of.settled_until(now=closed + DAY_US, settle_after=wait) == us("2025-10-08 20:00")


def test_nothing_missing_and_no_slots_make_no_run():
    of = grid("XNYS", Interval.M1, "2025-10-11", "2025-10-12")  # a weekend
    assert (len(of), of.runs(NO_SPANS), list(of.pieces())) == (0, [], [])
    assert grid("XNYS", Interval.M1, "2025-10-10", "2025-10-10").runs(NO_SPANS) == []


def test_slot_is_missing_by_its_start_when_spans_are_off_the_grid():
    of = grid("XNYS", Interval.M5, "2025-10-08", "2025-10-08")
    odd = np.array([[us("2025-10-08 13:41"), us("2025-10-08 13:46")]])
    assert [(run.start, run.end) for run in of.runs(odd)] == [(us("2025-10-08 13:45"), us("2025-10-08 13:45") + 5 * MINUTE_US)]
