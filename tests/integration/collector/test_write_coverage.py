"""Coverage, evidence, refusals: what is known of slots besides their bars."""

import numpy as np
import pytest

from collector.core.bars import Rejection
from collector.models import Absence, Coverage, RejectedBar
from collector.store import write_bars
from collector.store_batch import AbsentSlots
from providers.market.types import DAY_US, MINUTE_US, to_us
from tests.builders import minutes, row, us
from tests.integration.collector.reading import coverage
from tests.integration.collector.rows import make_provider, make_series, make_write

pytestmark = pytest.mark.usefixtures("database")

OPEN = us("2025-10-08 13:30")
ASKED = us("2025-10-08 13:40")
TODAY = OPEN // DAY_US


def write(series, rows=(), **rest):
    asked_at = rest.pop("asked_at", ASKED)
    return write_bars(make_write([series], list(rows), provider=make_provider(), asked_at=asked_at, **rest), history_before=0)


def absent(series, *spans, believed=True, why="settled", day=TODAY):
    return AbsentSlots(series.pk, day, np.array(spans, dtype=np.int64), believed, why)


def slot(n, count=1):
    return [OPEN + n * MINUTE_US, OPEN + (n + count) * MINUTE_US]


def test_coverage_is_what_is_held_and_what_is_believed_empty():
    series = make_series()
    write(series, [row(start) for start in minutes(OPEN, 2)], absent=[absent(series, slot(2), slot(4))])
    assert coverage(series) == ([slot(0, 2)], [slot(2), slot(4)])


def test_bar_that_arrives_in_a_slot_believed_empty_ends_the_belief():
    series = make_series()
    write(series, absent=[absent(series, slot(0, 3))])
    write(series, [row(OPEN + MINUTE_US)], asked_at=ASKED + 1)
    assert coverage(series) == ([slot(1)], [slot(0), slot(2)])


def test_belief_about_a_slot_that_has_a_bar_changes_nothing():
    series = make_series()
    write(series, [row(OPEN)])
    write(series, absent=[absent(series, slot(0, 2))], asked_at=ASKED + 1)
    assert coverage(series) == ([slot(0)], [slot(1)])


def test_belief_and_bar_of_the_same_slot_in_one_batch_leave_the_bar():
    series = make_series()
    write(series, [row(OPEN)], absent=[absent(series, slot(0, 2))])
    assert coverage(series) == ([slot(0)], [slot(1)])


def test_doubted_absence_is_evidence_but_covers_nothing():
    series = make_series()
    write(series, absent=[absent(series, slot(0, 3), believed=False, why="mute_answer")])
    assert coverage(series) == ([], [])
    kept = Absence.objects.get()
    assert (kept.is_believed, kept.why, kept.feed_scope, to_us(kept.asked_at)) == (False, "mute_answer", "consolidated", ASKED)


def test_absences_of_one_witness_and_rule_grow_in_one_row():
    series = make_series()
    write(series, absent=[absent(series, slot(0))])
    write(series, absent=[absent(series, slot(3))], asked_at=ASKED + 1)
    write(series, absent=[absent(series, slot(3))], asked_at=ASKED + 2)
    kept = Absence.objects.get()
    assert [(to_us(s.lower), to_us(s.upper)) for s in kept.spans] == [tuple(slot(0)), tuple(slot(3))]
    assert to_us(kept.asked_at) == ASKED + 1


def test_coverage_rows_are_kept_by_session():
    series = make_series()
    write(series, [row(OPEN), row(OPEN + DAY_US)])
    assert [str(c.session) for c in Coverage.objects.order_by("session")] == ["2025-10-08", "2025-10-09"]


def test_answered_through_moves_forwards_only():
    series = make_series()
    for through, expected in [(ASKED, ASKED), (ASKED - 1, ASKED), (ASKED + 1, ASKED + 1)]:
        write(series, answered_through={series.pk: through})
        series.refresh_from_db()
        assert to_us(series.answered_through) == expected


def rejection(**values):
    return Rejection(**{"symbol": "AAPL", "start": OPEN, "reason": "high_below_low", "detail": "why", "raw": "{}", **values})


def test_rejected_row_is_kept_with_its_reason_and_leaves_its_slot_open():
    series = make_series()
    result = write(series, [row(OPEN + MINUTE_US)], rejected=[(series.pk, rejection())])
    assert (result.rejected, result.new) == (1, 1)
    kept = RejectedBar.objects.get()
    assert (kept.reason, kept.detail, kept.raw, to_us(kept.start), kept.times_seen) == ("high_below_low", "why", "{}", OPEN, 1)
    assert coverage(series) == ([slot(1)], [])


def test_rejected_row_that_comes_again_is_counted():
    series = make_series()
    for _ in range(3):
        write(series, rejected=[(series.pk, rejection())])
    kept = RejectedBar.objects.get()
    assert kept.times_seen == 3
    assert kept.first_seen_at < kept.last_seen_at


def test_rejected_rows_that_differ_in_what_came_are_told_apart():
    series = make_series()
    rows = [rejection(), rejection(raw="{1}"), rejection(reason="off_grid"), rejection(start=None)]
    write(series, rejected=[(series.pk, r) for r in rows])
    assert RejectedBar.objects.count() == len(rows)


@pytest.mark.parametrize("text", ["\x00", "\ud800", "x" * 10_000, "\u2028 é 🙈"])
def test_rejected_row_of_any_text_never_costs_the_batch(text):
    series = make_series()
    result = write(series, [row(OPEN)], rejected=[(series.pk, rejection(start=None, raw=text, detail=text))])
    assert result.new == 1
    assert RejectedBar.objects.get().raw
