"""When is an absent bar "no trade"? (design 3a), through real HTTP into real rows."""

from collector.models import Absence
from tests.acceptance.collecting.world import names
from tests.builders import minutes, us
from tests.integration.collector.reading import coverage, held
from tests.integration.collector.rows import make_series

OPEN = us("2025-10-08 13:30")


def whys():
    return set(Absence.objects.values_list("why", "is_believed"))


def test_quiet_minute_is_proven_empty_once_it_is_settled(world):
    world.policy("polygon")
    series = make_series("QUIET1")
    world.set_clock("2025-10-08 13:41:00")
    world.collect("QUIET1", start="2025-10-08 13:30", end="2025-10-08 13:41")
    bars, (_, empty) = set(held(series)), coverage(series)
    proven = {start for a, b in empty for start in range(a, b, 60_000_000)}
    quiet = set(minutes(OPEN, 11)) - bars
    assert bars
    assert proven == {start for start in quiet if start + 60_000_000 + 90_000_000 <= us("2025-10-08 13:41")}
    world.set_clock("2025-10-08 13:43:00")
    world.collect("QUIET1", start="2025-10-08 13:30", end="2025-10-08 13:41")
    assert {start for a, b in coverage(series)[1] for start in range(a, b, 60_000_000)} == quiet
    series.refresh_from_db()
    assert series.answered_through is not None


def believed_nothing(many):
    return all(coverage(one)[1] == [] for one in many)


def test_mute_vendor_is_not_believed_about_new_series_and_all_is_filled_when_it_recovers(world):
    world.policy("alpaca")
    symbols = names("DN", 100)
    many = [make_series(symbol) for symbol in symbols]
    number = world.control.set_fault("mute", vendor="alpaca")
    for minute in range(5, 60, 6):
        world.set_clock(f"2025-10-08 14:{minute:02d}:00")
        start = f"2025-10-08 {13 if minute < 10 else 14}:{(minute - 10) % 60:02d}"
        world.collect(*symbols, start=start, end=f"2025-10-08 14:{minute:02d}")
    assert believed_nothing(many)
    assert whys() == {("unknown_series", False)}
    world.control.clear_faults(number)
    world.set_clock("2025-10-08 14:31:00")
    world.collect(*symbols, start="2025-10-08 13:30", end="2025-10-08 14:30")
    assert all(coverage(one) == ([[OPEN, us("2025-10-08 14:30")]], []) for one in many)


def test_mute_vendor_is_not_believed_about_dense_series_for_hours_on_end(world):
    world.policy("alpaca")
    symbols = names("DN", 10)  # too few to be a crowd: each must be doubted by its own density
    many = [make_series(symbol) for symbol in symbols]
    world.set_clock("2025-10-08 15:00:00")
    world.collect(*symbols, start="2025-10-08 13:30", end="2025-10-08 14:00")
    world.control.set_fault("mute", vendor="alpaca")
    for hour in (15, 16, 17, 18, 19):
        world.set_clock(f"2025-10-08 {hour}:59:00")
        world.collect(*symbols, start=f"2025-10-08 {hour}:00", end=f"2025-10-08 {hour}:50")
    assert believed_nothing(many)
    assert whys() == {("mute_answer", False)}


def test_series_that_fall_silent_together_are_doubted_together(world):
    world.policy("alpaca")
    symbols = names("DN", 20)
    many = [make_series(symbol) for symbol in symbols]
    world.set_clock("2025-10-08 14:30:00")
    world.collect(*symbols, start="2025-10-08 13:30", end="2025-10-08 14:00")
    world.control.set_fault("mute", vendor="alpaca")
    world.collect(*symbols, start="2025-10-08 14:00", end="2025-10-08 14:10")
    assert believed_nothing(many)
    assert whys() == {("many_empty_together", False)}


def test_second_witness_that_has_no_bar_either_makes_the_absence_believed(world):
    world.policy("polygon", "alpaca")
    series = make_series("AAPL")
    world.set_clock("2025-10-08 14:30:00")
    world.collect("AAPL", start="2025-10-08 13:30", end="2025-10-08 14:00")
    world.control.set_fault("mute", vendor="*")  # as a halt looks
    outcome = world.collect("AAPL", start="2025-10-08 14:00", end="2025-10-08 14:10")
    assert outcome.unanswered == {}
    assert coverage(series)[1] == [[us("2025-10-08 14:00"), us("2025-10-08 14:10")]]
    assert whys() == {("mute_answer", False), ("second_witness", True)}


def test_second_witness_that_has_bars_fills_what_a_mute_vendor_kept_back(world):
    world.policy("polygon", "alpaca")
    series = make_series("AAPL")
    world.set_clock("2025-10-08 14:30:00")
    world.collect("AAPL", start="2025-10-08 13:30", end="2025-10-08 14:00")
    world.control.set_fault("mute", vendor="polygon")
    world.collect("AAPL", start="2025-10-08 14:00", end="2025-10-08 14:10")
    assert coverage(series) == ([[OPEN, us("2025-10-08 14:10")]], [])


def test_stuck_vendor_is_doubted_at_its_open_edge_and_the_next_one_fills(world):
    world.policy("polygon", "alpaca")
    series = make_series("AAPL")
    world.set_clock("2025-10-08 14:30:00")
    world.collect("AAPL", start="2025-10-08 13:30", end="2025-10-08 14:00")
    world.control.set_fault("delayed", vendor="polygon", seconds=1_500)  # and does not say so
    world.collect("AAPL", start="2025-10-08 13:55", end="2025-10-08 14:20")
    assert whys() == {("open_edge", False)}
    assert coverage(series) == ([[OPEN, us("2025-10-08 14:20")]], [])


def test_stuck_vendor_alone_covers_nothing_and_moves_no_answered_through(world):
    world.policy("polygon")
    series = make_series("AAPL")
    world.set_clock("2025-10-08 14:30:00")
    world.collect("AAPL", start="2025-10-08 13:30", end="2025-10-08 14:00")
    world.control.set_fault("delayed", vendor="polygon", seconds=1_500)
    outcome = world.collect("AAPL", start="2025-10-08 13:55", end="2025-10-08 14:20")
    assert "not all that is wanted" in str(outcome.unanswered["AAPL"])
    assert coverage(series) == ([[OPEN, us("2025-10-08 14:05")]], [])
    series.refresh_from_db()
    assert series.answered_through.isoformat() == "2025-10-08T14:05:00+00:00"


def test_narrow_feed_proves_absence_only_for_series_that_accept_nothing_else(world):
    world.provider("alpaca", feed_scope="iex")
    world.policy("alpaca")
    narrow, broad = make_series("QUIET1", feed_scope="iex"), make_series("QUIET2")
    world.set_clock("2025-10-08 14:30:00")
    world.collect("QUIET1", "QUIET2", start="2025-10-08 13:30", end="2025-10-08 14:00")
    assert coverage(narrow)[1]
    assert coverage(broad)[1] == []


def test_slot_that_the_first_vendor_filled_is_not_called_empty_by_the_second(world):
    world.policy("polygon", "alpaca")
    series = make_series("AAPL")
    world.set_clock("2025-10-08 14:30:00")
    world.control.set_fault("bad_row", vendor="polygon")
    world.control.set_fault("withdrawn", vendor="alpaca", start=OPEN, end=OPEN + 60_000_000)
    world.collect("AAPL", start="2025-10-08 13:30", end="2025-10-08 13:35")
    assert coverage(series) == ([[OPEN, us("2025-10-08 13:35")]], [])
    assert not Absence.objects.exists()
