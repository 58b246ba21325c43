"""Runs of the monitor: one at a time in the fleet, once a boundary, each slot counted once, whatever is killed or late."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from django.db import connection, transaction

from collector.core.live import boundary_of
from marketdata_site.celery import app
from ops import tasks
from ops.models import SloCount, SloRun, SloSample
from ops.slo.running import LOCK, PERIOD_SECONDS, run
from providers.market.types import SECOND_US, from_us
from providers.policy import Snapshot
from tests.builders import moment, us
from tests.integration.collector.rows import make_series
from tests.integration.slo.holding import hold, make_many
from tests.waiting import wait_until

NOW = us("2025-10-08 15:00:30")
one_transaction = pytest.mark.django_db
real_commits = pytest.mark.django_db(transaction=True)
RUN = """
import os, sys
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from ops.slo.running import run
from providers.policy import Snapshot
run(snapshot=Snapshot(), now=int(sys.argv[2]))
"""


def at(text: str) -> int | None:
    return run(snapshot=Snapshot(), now=us(f"2025-10-08 {text}"))


def counts(tier: str = "T0") -> tuple[int, int]:
    """Good and expected slots so far."""
    row = SloCount.objects.get(tier=tier)
    return row.good, row.expected


def newest() -> SloSample:
    return SloSample.objects.latest("at")


@one_transaction
def test_run_keeps_what_it_found_of_each_tier_and_interval() -> None:
    make_many(3, "2025-10-08 15:00")
    make_many(2, "2025-10-08 14:50", prefix="D")
    make_many(1, "2025-10-08 15:00", prefix="T", tier="T1")
    assert at("15:00:31") == 2
    found = {(one.tier, one.violating, one.sampled) for one in SloSample.objects.all()}
    assert found == {("T0", 2, 5), ("T1", 0, 1)}
    sample = SloSample.objects.get(tier="T0")
    assert sample.at == moment("2025-10-08 15:00:30")
    assert sample.interior_missing == 2 * 9
    assert sample.worst == [{"symbol": f"D0{n}", "mic": "XNAS", "last": "2025-10-08T14:50:00Z"} for n in range(2)]
    assert SloRun.objects.get().at == sample.at


@one_transaction
def test_run_of_an_empty_installation_is_a_run() -> None:
    assert at("15:00:30") == 0
    assert SloRun.objects.get().at == moment("2025-10-08 15:00:30")
    assert not SloSample.objects.exists()


@one_transaction
def test_late_or_repeated_doorbell_does_nothing() -> None:
    make_many(1, "2025-10-08 15:00")
    assert [at(text) for text in ("15:00:30", "15:00:30", "15:00:59", "15:00:28", "15:01:00")] == [1, None, None, None, 1]
    assert SloSample.objects.count() == 2


@one_transaction
def test_monitor_goes_on_after_a_clock_that_ran_far_ahead_was_put_right() -> None:
    make_many(1, "2025-10-08 15:00")
    run(snapshot=Snapshot(), now=us("2026-10-08 15:00:30"))
    assert at("15:00:30") == 1
    assert at("15:01:00") == 1
    assert counts() == (1, 1)


@one_transaction
def test_sample_is_no_larger_than_the_setting_and_is_drawn_anew(settings) -> None:
    make_many(12, "2025-10-08 15:00")
    hold(make_series("OTHER", interval="5m"), "2025-10-08 15:00")
    settings.SLO_SAMPLE = 3
    drawn = set()
    for second in range(40):
        run(snapshot=Snapshot(), now=us("2025-10-09 15:00") + second * PERIOD_SECONDS * SECOND_US)
        sample = SloSample.objects.filter(interval="1m").latest("at")
        drawn |= {one["symbol"] for one in sample.worst}
        assert (sample.sampled, sample.violating) == (3, 3)
    assert len(drawn) == 12
    assert SloSample.objects.filter(interval="5m", sampled=1).count() == 40
    settings.SLO_SAMPLE = 0
    run(snapshot=Snapshot(), now=us("2025-10-09 16:00"))
    assert SloSample.objects.filter(interval="1m").latest("at").sampled == 12


@one_transaction
def test_each_slot_that_falls_due_is_counted_once_and_good_if_it_is_there_by_then() -> None:
    good, dead = make_series("GOOD"), make_series("DEAD")
    hold(dead, "2025-10-08 15:00")
    hold(good, "2025-10-08 15:59")
    at("15:01:00")
    assert counts() == (0, 0), "what fell due before the first run is nobody's"
    at("15:01:30")
    assert counts() == (0, 0)
    at("15:02:00")
    assert counts() == (1, 2), "the slot of 15:00"
    at("15:05:30")
    assert counts() == (4, 8), "three runs were missed"
    hold(dead, "2025-10-08 15:59")
    at("15:06:00")
    assert counts() == (6, 10)
    assert (newest().good, newest().expected) == (2, 2)


@one_transaction
def test_nothing_falls_due_while_the_market_is_shut() -> None:
    make_many(2, "2025-10-08 20:00")
    at("20:00:00")
    at("20:01:00")
    assert counts() == (2, 2), "the last minute of the session"
    for text in ("20:10:00", "22:00:00", "23:59:30"):
        at(text)
    assert counts() == (2, 2)


@one_transaction
def test_slots_that_nobody_looked_at_in_time_are_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    make_many(1, "2025-10-08 19:00")
    at("15:00:00")
    at("18:00:00")
    assert counts() == (60, 60)
    assert [record.action for record in caplog.records if hasattr(record, "action")] == ["slo_slots_uncounted"]


@real_commits
def test_run_that_is_on_the_way_lets_no_second_one_begin() -> None:
    make_many(2, "2025-10-08 15:00")
    results: list[int | None] = []

    def elsewhere() -> None:
        try:
            results.append(run(snapshot=Snapshot(), now=NOW))
        finally:
            connection.close()

    with samples_locked():
        thread = Thread(target=elsewhere)
        thread.start()
        wait_until(somebody_waits, seconds=60, what="a run that waits for the table")
        assert run(snapshot=Snapshot(), now=NOW) is None
        assert run(snapshot=Snapshot(), now=NOW + PERIOD_SECONDS * SECOND_US) is None
    thread.join()
    assert results == [1]
    assert SloSample.objects.count() == 1


@real_commits
def test_run_that_is_killed_leaves_nothing_behind_and_the_next_one_counts_what_it_would_have_counted() -> None:
    make_many(2, "2025-10-08 15:20")
    assert run(snapshot=Snapshot(), now=NOW) == 1
    later = NOW + 10 * 60 * SECOND_US
    with samples_locked():
        process = subprocess.Popen([sys.executable, "-c", RUN, connection.settings_dict["NAME"], str(later)])
        wait_until(somebody_waits, seconds=60, what="a run that waits for the table")
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lock_is_free, seconds=60, what="the end of the dead process' session")
    assert (SloSample.objects.count(), counts()) == (1, (0, 0))
    assert SloRun.objects.get().at == from_us(boundary_of(NOW, cadence=PERIOD_SECONDS * SECOND_US, lateness=0))
    assert run(snapshot=Snapshot(), now=later + 1) == 1
    assert counts() == (20, 20)


@contextmanager
def samples_locked() -> Iterator[None]:
    """Whoever writes a sample has to wait."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE ops_slosample IN SHARE MODE")
        yield


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ops_slosample'::regclass")
        return cursor.fetchone()[0] > 0


def lock_is_free() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = %s", [LOCK]
        )
        return cursor.fetchone()[0] == 0


@one_transaction
def test_doorbells_of_beat_ring_for_a_run_and_for_the_thinning_of_samples() -> None:
    rung = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert {tasks.watch_objectives.name, tasks.thin_slo_samples.name} <= rung
    make_series("ANY", calendar="24/7", mic="XXXX")
    tasks.watch_objectives()
    tasks.thin_slo_samples()
    assert SloSample.objects.get().sampled == 1
