"""Jobs end when their slots are covered another way."""

from datetime import date

import pytest

from collector.models import Backfill, DeadLetter
from collector.services.gap_resolving import resolve_covered
from providers.market.types import to_us
from tests.builders import moment, us
from tests.integration.collector.rows import make_series
from tests.integration.collector.scanning import EVENING, become, bury, hold, jobs, run

pytestmark = pytest.mark.django_db


def test_job_that_is_covered_meanwhile_ends_with_its_dead_letter():
    series = make_series()
    hole = ("2025-10-08 14:00", "2025-10-08 14:05")
    hold(series, hole, ("2025-10-08 15:00", "2025-10-08 15:05"))
    run()
    bury(Backfill.objects.get(start=moment(hole[0])))
    hold(series, ("2025-10-08 15:01", "2025-10-08 15:02"))
    assert run().resolved == 1
    assert jobs() == ["14:00 +5 done", "15:00 +5 queued"]
    assert not DeadLetter.objects.exists()
    assert to_us(Backfill.objects.get(state="done").finished_at) == EVENING


@pytest.mark.parametrize("state", ["queued", "retry_wait", "parked"])
def test_open_job_that_is_covered_meanwhile_ends(state):
    series = make_series()
    run()
    become(state)
    hold(series)
    assert resolve_covered(now=EVENING) == 1
    assert jobs() == ["13:30 +390 done"]


def test_jobs_are_counted_on_commit_both_new_ones_and_those_that_are_covered_meanwhile(
    monkeypatch, django_capture_on_commit_callbacks
):
    made, ended = [], []
    monkeypatch.setattr("collector.metrics.backfills_enqueued", lambda tier, count: made.append((tier, count)))
    monkeypatch.setattr("collector.metrics.backfill_completed", lambda tier, status, count: ended.append((tier, status, count)))
    everything = [make_series(), make_series("MSFT", tier="T1"), make_series("TSLA", tier="T1")]
    with django_capture_on_commit_callbacks(execute=True):
        run()
        assert made == []
    assert made == [("T0", 1), ("T1", 2)]
    for series in everything:
        hold(series)
    with django_capture_on_commit_callbacks(execute=True):
        assert run().resolved == 3
        assert ended == []
    assert sorted(ended) == [("T0", "done", 1), ("T1", "done", 2)]


def test_running_job_is_left_to_its_worker_when_its_slots_are_covered():
    series = make_series()
    run()
    become("running")
    hold(series)
    assert resolve_covered(now=EVENING) == 0


def test_daily_job_ends_although_the_weekend_within_it_is_covered_by_nothing():
    series = make_series(interval="1d", collect_from=moment("2025-10-02 00:00"))
    run(start=None, now=us("2025-10-12 22:00"))
    assert jobs() == ["00:00 +7 queued"]
    hold(series, ("2025-10-06 00:00", "2025-10-07 00:00"), first=date(2025, 10, 2), last=date(2025, 10, 10))
    assert resolve_covered(now=EVENING) == 0
    hold(series, first=date(2025, 10, 6), last=date(2025, 10, 6))
    assert resolve_covered(now=EVENING) == 1
