"""What is known of series when an answer about them is judged."""

import numpy as np
import pytest

from collector.selectors.evidence import covered, densities, doubted_by_others, doubts
from collector.store import write_bars
from collector.store_batch import AbsentSlots
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, MINUTE_US, Interval
from tests.builders import minutes, row, us
from tests.integration.collector.rows import make_provider, make_series, make_write

pytestmark = pytest.mark.usefixtures("database")

OPEN = us("2025-10-08 13:30")
NOON = us("2025-10-08 16:00")


def know(series, *, held=(), empty=None, doubted=None, provider="polygon"):
    """Write bars and absences of one session as a provider's answer."""
    absent = [
        AbsentSlots(series.pk, span[0] // DAY_US, np.array([span]), believed, "settled")
        for span, believed in ((empty, True), (doubted, False))
        if span
    ]
    rows = [row(start, symbol=series.instrument.symbol) for start in held]
    write_bars(
        make_write([series], rows, provider=make_provider(provider), asked_at=NOON + DAY_US, absent=absent), history_before=0
    )


def density(series, *, before=NOON, interval=Interval.M1):
    found = densities(series_ids=[series.pk], calendar=get_calendar("XNYS"), interval=interval, before=before)
    return found.get(series.pk)


def span(first, count):
    return [OPEN + first * MINUTE_US, OPEN + (first + count) * MINUTE_US]


def test_density_is_the_share_of_known_slots_that_have_a_bar():
    series = make_series()
    know(series, held=minutes(OPEN, 3), empty=span(3, 1))
    assert density(series) == 0.75


def test_density_is_unknown_of_a_series_of_which_no_slot_is_known():
    asked, never = make_series("ASKED"), make_series("NEVER")
    know(asked, doubted=span(0, 60))
    assert (density(asked), density(never)) == (None, None)


def test_density_does_not_fall_while_nobody_answers():
    series = make_series()
    know(series, held=minutes(OPEN, 30))
    assert density(series, before=us("2025-10-08 19:00")) == 1.0
    assert density(series, before=us("2025-10-10 19:00")) == 1.0


def test_density_forgets_sessions_long_past():
    series = make_series()
    know(series, empty=span(0, 30))
    know(series, held=minutes(OPEN + DAY_US, 10))
    assert density(series, before=us("2025-10-09 19:00")) == 0.25
    assert density(series, before=us("2025-10-15 19:00")) == 1.0


def test_density_does_not_count_rows_off_session():
    series = make_series()
    know(series, held=[us("2025-10-08 20:30"), *minutes(OPEN, 1)], empty=span(1, 1))
    assert density(series, before=us("2025-10-08 22:00")) == 0.5


def test_doubts_are_told_by_provider_and_clipped_to_the_window():
    series = make_series()
    know(series, doubted=span(0, 10), provider="polygon")
    know(series, doubted=span(20, 10), provider="alpaca")
    first, second = make_provider("polygon").pk, make_provider("alpaca").pk
    found = doubts(series_ids=[series.pk], start=OPEN + 5 * MINUTE_US, end=OPEN + 25 * MINUTE_US)[series.pk]
    assert {who: spans.tolist() for who, spans in found.items()} == {first: [span(5, 5)], second: [span(20, 5)]}
    assert doubted_by_others(found, first).tolist() == [span(20, 5)]
    assert doubted_by_others({}, first).tolist() == []


def test_covered_is_what_is_held_or_proven_empty_within_the_window():
    series, bare = make_series("AAPL"), make_series("BARE")
    know(series, held=minutes(OPEN, 3), empty=span(3, 2), doubted=span(10, 5))
    know(bare, doubted=span(0, 5))
    found = covered(series_ids=[series.pk, bare.pk], start=OPEN + MINUTE_US, end=OPEN + 60 * MINUTE_US)
    assert {pk: spans.tolist() for pk, spans in found.items()} == {series.pk: [span(1, 4)]}
