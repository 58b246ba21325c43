"""Scans that run at once make one job a slot, and keep the caps."""

import itertools
import threading

import pytest
from django.db import connection, connections, transaction

from collector.models import Backfill, Tier
from collector.selectors.scopes import Scope
from collector.services.backfill_room import lock_rooms
from collector.services.gap_scan import scan
from providers.policy import Snapshot
from tests.builders import moment, us
from tests.integration.collector.rows import make_series
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("database")


def test_scans_at_once_make_one_job_a_slot_and_keep_the_cap(monkeypatch):
    monkeypatch.setattr("collector.services.gap_scan.ring_drain", lambda: None)
    for symbol in "ABCDEFGH":
        make_series(symbol)
    Tier.objects.filter(pk="T0").update(backfill_cap=12)
    gate, results = threading.Barrier(4), []

    def worker(edge):
        gate.wait()
        results.append(
            scan(scope=Scope(), now=us("2025-10-08 22:00"), snapshot=Snapshot(), start=us("2025-10-07 00:00"), end=edge)
        )
        connections.close_all()

    edges = [us("2025-10-07 15:00"), us("2025-10-07 16:00"), us("2025-10-08 15:00"), us("2025-10-08 16:00")]
    threads = [threading.Thread(target=worker, args=[edge]) for edge in edges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = list(Backfill.objects.order_by("series_id", "start"))
    assert len(results) == 4
    assert len(rows) == sum(result.enqueued for result in results) <= 12
    for one, other in itertools.pairwise(rows):
        assert one.series_id != other.series_id or one.end <= other.start


def test_scan_locks_no_job_that_it_ends_before_it_holds_the_caps():
    at = moment("2025-10-08 22:00")
    series = make_series(collect_until=moment("2025-10-01 00:00"))  # expected no more
    span = {"start": moment("2025-10-08 14:00"), "end": moment("2025-10-08 14:01"), "slots": 1}
    job = Backfill.objects.create(series=series, tier="T0", due_at=at, found_at=at, **span)

    def worker():
        scan(scope=Scope(), now=us("2025-10-08 22:00"), snapshot=Snapshot(), start=us("2025-10-07 00:00"))
        connections.close_all()

    thread = threading.Thread(target=worker)
    with transaction.atomic(), connection.cursor() as cursor:
        lock_rooms(["T0"])
        thread.start()

        def is_waited_for():
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            return cursor.fetchone()[0]

        wait_until(is_waited_for, seconds=60, what="a scan that waits for the caps")
        assert Backfill.objects.select_for_update(nowait=True).get(pk=job.pk).state == "queued"
    thread.join()
    job.refresh_from_db()
    assert job.state == "done"
