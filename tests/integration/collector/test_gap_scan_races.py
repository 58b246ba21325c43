"""Scans that run at once make one job a slot, and keep the caps."""

import itertools
import threading

import pytest
from django.db import connections

from collector.models import Backfill, Tier
from collector.selectors.gaps import Scope
from collector.services.gap_scan import scan
from providers.policy import Snapshot
from tests.builders import us
from tests.integration.collector.rows import make_series

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
