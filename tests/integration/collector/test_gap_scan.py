"""From gaps to jobs: one job a missing slot, within the caps, and none for what somebody sees to."""

import pytest
import time_machine
from celery import current_app
from django.db import connections

from collector import tasks
from collector.models import Abandonment, Backfill, Tier
from collector.models.backfills import Lane
from collector.services.gap_scan import LOCK_RECENT, scan_older, scan_recent
from providers.market.types import MINUTE_US, from_us, to_us
from providers.policy import Snapshot
from tests.builders import moment, us
from tests.integration.collector.rows import make_series, make_tier
from tests.integration.collector.scanning import CLOSE, EVENING, OPEN, TAKEN, become, hold, jobs, run

pytestmark = pytest.mark.django_db


def test_scan_makes_a_job_of_each_gap_once():
    series = make_series()
    hold(series, ("2025-10-08 14:00", "2025-10-08 14:05"), ("2025-10-08 15:00", "2025-10-08 15:01"))
    first = run()
    assert (first.found, first.enqueued, first.merged, first.dropped, first.resolved) == (2, 2, 0, 0, 0)
    assert jobs(lane="recent", tier="T0") == ["14:00 +5 queued", "15:00 +1 queued"]
    row = Backfill.objects.order_by("start")[0]
    assert (to_us(row.end), to_us(row.due_at), to_us(row.found_at)) == (us("2025-10-08 14:05"), EVENING, EVENING)
    assert run().found == 0


@pytest.mark.parametrize("state", sorted(TAKEN))
def test_scan_leaves_out_the_spans_of_jobs_that_are_open_or_dead(state):
    make_series()
    run(end=us("2025-10-08 15:00"))
    become(state, attempts=1)
    run()
    assert jobs() == [f"13:30 +90 {state}", "15:00 +300 queued"]


@pytest.mark.parametrize("state", ["done", "discarded"])
def test_scan_finds_again_what_a_finished_or_discarded_job_left(state):
    make_series()
    run()
    become(state)
    assert run().enqueued == 1


def test_scan_leaves_out_abandoned_spans_until_they_expire():
    series = make_series()
    span = {"start": moment("2025-10-08 14:00"), "end": moment("2025-10-08 19:00"), "created_at": moment(OPEN)}
    Abandonment.objects.create(series=series, expires_at=from_us(EVENING + 1), **span)
    run()
    assert jobs() == ["13:30 +30 queued", "19:00 +60 queued"]
    Abandonment.objects.update(expires_at=from_us(EVENING))
    become("running")
    run()
    assert jobs(state="queued") == ["14:00 +300 queued"]


def test_scan_leaves_the_live_window_to_live_collection():
    make_series()
    make_series("DAY", interval="1h")
    run(now=us("2025-10-08 15:00"))
    assert jobs(series__interval="1m") == ["13:30 +80 queued"]
    assert jobs(series__interval="1h") == []  # live looks two hours back for these
    run(now=us("2025-10-08 15:35"))
    assert jobs(series__interval="1h") == ["13:00 +1 queued"]


def test_scan_keeps_the_oldest_under_the_cap_and_says_which_found_no_room(caplog):
    Tier.objects.filter(pk=make_tier("T0").pk).update(backfill_cap=3)
    holes = [(f"2025-10-08 {hour}:00", f"2025-10-08 {hour}:02") for hour in range(14, 19)]
    for symbol in ("A", "B"):
        hold(make_series(symbol), *holes)
    hold(make_series("OTHER", tier="T1"), holes[-1])
    first = run()
    assert (first.found, first.enqueued, first.dropped) == (11, 4, 7)
    assert jobs(tier="T0") == ["14:00 +2 queued", "14:00 +2 queued", "15:00 +2 queued"]
    assert jobs(tier="T1") == ["18:00 +2 queued"]
    lines = [record.getMessage() for record in caplog.records if record.action == "gap_dropped"]
    assert len(lines) == 7
    assert "no room in the recent lane of T0 for a gap of B 1m from 2025-10-08T15:00:00+00:00" in caplog.text
    become("running")
    assert run().enqueued == 0  # running jobs are open
    become("done", tier="T0")
    hold(Backfill.objects.order_by("id")[0].series)
    again = run()
    assert (again.found, again.enqueued, again.dropped) == (5, 3, 2)
    assert jobs(tier="T0", state="queued") == ["14:00 +2 queued", "15:00 +2 queued", "16:00 +2 queued"]


def test_scan_names_some_of_many_dropped_gaps_and_sums_up_the_rest(caplog):
    Tier.objects.filter(pk=make_tier("T0").pk).update(backfill_cap=1)
    hold(make_series(), *[(f"2025-10-08 14:{minute}", f"2025-10-08 14:{minute + 1}") for minute in range(10, 58, 2)])
    assert run().dropped == 23
    assert len([record for record in caplog.records if record.action == "gap_dropped"]) == 20
    assert "and for 3 more gaps of T0" in caplog.text


def test_history_lane_has_a_cap_of_its_own_over_all_tiers(settings):
    settings.HISTORY_BACKFILL_CAP = 2
    make_series("A", tier="T1")
    run()
    for symbol in ("B", "C", "D"):
        make_series(symbol, tier="T2" if symbol == "D" else "T0")
    result = run(lane=Lane.HISTORY)
    assert (result.enqueued, result.dropped) == (2, 1)
    assert [row.series.instrument.symbol for row in Backfill.objects.filter(lane="history").order_by("id")] == ["B", "C"]
    assert run().enqueued == 1


def test_scan_widens_a_job_that_waits_on_either_side():
    make_series()
    run(start=us("2025-10-08 15:00"), end=us("2025-10-08 16:00"))
    result = run()
    assert (result.found, result.enqueued, result.merged) == (2, 0, 2)
    assert jobs() == ["13:30 +390 queued"]
    assert to_us(Backfill.objects.get().end) == us(CLOSE)


def test_scan_widens_a_job_that_is_parked_so_that_an_outage_does_not_add_a_row_a_minute():
    make_series()
    for minute in range(5):
        run(now=us("2025-10-08 15:00") + minute * MINUTE_US)
        become("parked")
    assert jobs() == ["13:30 +84 parked"]


@pytest.mark.parametrize(
    "values",
    [{"attempts": 1}, {"is_solo": True}, {"pinned_provider": "polygon"}, {"excluded_providers": ["polygon"]}, {"tier": "T1"},
     {"lane": "history"}],
)  # fmt: skip
def test_scan_adds_nothing_to_a_job_that_is_not_like_a_new_one(values):
    make_series()
    run(end=us("2025-10-08 16:00"))
    Backfill.objects.update(**values)
    run()
    assert jobs() == ["13:30 +150 queued", "16:00 +240 queued"]


def test_scan_leaves_a_job_alone_that_is_being_claimed():
    make_series()
    run(end=us("2025-10-08 16:00"))
    become("running")
    run(end=us("2025-10-08 17:00"))
    assert jobs() == ["13:30 +150 running", "16:00 +60 queued"]


def test_jobs_around_the_clock_end_at_midnight_and_daily_ones_with_the_year():
    make_series("COIN", mic="XXXX", calendar="24/7", collect_from=moment("2025-10-07 22:00"))
    run(start=None, end=us("2025-10-08 00:00"))
    run(start=None, end=us("2025-10-08 01:00"))
    assert jobs() == ["22:00 +120 queued", "00:00 +60 queued"]
    make_series("DAILY", mic="XXXX", calendar="24/7", interval="1d", collect_from=moment("2025-12-30 00:00"))
    run(start=None, end=us("2026-01-01 00:00"), now=us("2026-01-10 00:00"))
    run(start=us("2025-12-30 00:00"), now=us("2026-01-05 00:00"))
    assert jobs(series__interval="1d") == ["00:00 +2 queued", "00:00 +2 queued"]


def test_recent_scan_looks_back_some_hours_and_the_older_one_from_there_into_the_history_lane(settings):
    settings.RECENT_SCAN_HOURS = 24
    make_series(collect_from=moment("2025-10-06 00:00"))
    recent, older = (which(now=EVENING, snapshot=Snapshot()) for which in (scan_recent, scan_older))
    assert (recent.enqueued, older.enqueued) == (1, 2)
    assert jobs(lane="recent") == ["13:30 +390 queued"]
    assert jobs(lane="history") == ["13:30 +390 queued"] * 2


def test_scan_is_left_out_while_another_process_is_at_it():
    make_series()
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_RECENT])
    assert scan_recent(now=EVENING, snapshot=Snapshot()) is None
    other.close()
    assert not Backfill.objects.exists()


def test_scan_rings_for_new_jobs_on_commit_and_only_then(monkeypatch, django_capture_on_commit_callbacks):
    rung = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **_: rung.append(name))
    make_series()
    with django_capture_on_commit_callbacks(execute=True):
        run()
        assert rung == []
    assert rung == ["collector.tasks.drain_backfills"]
    with django_capture_on_commit_callbacks(execute=True):
        run()
    assert len(rung) == 1


def test_doorbells_scan_by_the_clock_and_say_what_was_found(caplog):
    caplog.set_level("INFO")
    make_series(collect_from=moment("2025-10-03 00:00"))
    with time_machine.travel(from_us(EVENING), tick=False):
        tasks.scan_recent()
        assert jobs() == ["13:30 +390 queued"] * 3
        tasks.scan_all()
    assert jobs(lane="history") == ["13:30 +390 queued"]
    assert [r.getMessage()[:6] for r in caplog.records if getattr(r, "action", "") == "gaps_scanned"] == ["3 gaps", "1 gaps"]
