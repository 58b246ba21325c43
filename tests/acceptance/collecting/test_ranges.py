"""Ranges that operators ask for, from the cost to the filled rows, through a simulated vendor."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from collector.models import Backfill, Bar, BarRevision, HistoryWait, Series
from collector.services.backfill import running
from collector.services.backfill.draining import drain, next_batch
from collector.services.gap_scan import refill_history, scan_recent
from marketdata_site.observability.clock import now_us
from ops.management.commands import backfill
from ops.models import AuditEntry
from providers.market.calendar import get_calendar
from providers.market.types import MINUTE_US, Interval, to_us
from providers.services import policies
from providers.simulator.synthetic import SyntheticSource
from tests.acceptance.collecting.world import World, names
from tests.builders import moment, us
from tests.integration.collector.rows import make_series
from tests.waiting import wait_until

RANGE = ("--from", "2025-09-15", "--to", "2025-09-19")
SLOTS = 5 * 390


@pytest.fixture
def series(world: World) -> list[Series]:
    """Two series that are collected since today, a Thursday, at a vendor of one symbol a call."""
    world.policy("polygon")
    world.set_clock("2025-10-09 12:00:00")
    return [make_series(name, collect_from=moment("2025-10-09 13:30")) for name in ("AAA", "BBB")]


def ask(*words: str) -> list[str]:
    out = StringIO()
    call_command("backfill", *words, stdout=out, stderr=out)
    return out.getvalue().splitlines()


def run_one_batch(world: World) -> bool:
    """Whether there was one."""
    batch = next_batch("me")
    if batch is not None:
        running.run(batch, loop=world.loop)
    return batch is not None


@contextmanager
def worker(world: World, *, batches: int | None = None) -> Iterator[None]:
    """Somebody who works off what is due meanwhile; as many batches as said."""
    stop = threading.Event()

    def work() -> None:
        left = batches
        while not stop.wait(0.05) and left != 0:
            if left is None:
                drain(worker="me", loop=world.loop, seconds=5.0)
            elif run_one_batch(world):
                left -= 1
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def as_the_vendor_has_them(symbol: str, first: date, last: date) -> list[tuple[float, ...]]:
    slots, _ = get_calendar("XNYS").session_slots(Interval.M1, first, last)
    rows = SyntheticSource(seed=7, calendars=get_calendar).bars(
        symbol=symbol, interval=Interval.M1, start=int(slots[0]), end=int(slots[-1]) + MINUTE_US, now=now_us()
    )
    kept = np.isin(rows.start, slots)
    columns = (rows.start, rows.open, rows.high, rows.low, rows.close, rows.volume)
    return list(zip(*(np.asarray(column)[kept].tolist() for column in columns), strict=True))


def held(series: Series) -> list[tuple[float, ...]]:
    bars = Bar.objects.filter(series=series).order_by("start")
    return [(to_us(b.start), b.open, b.high, b.low, b.close, b.volume) for b in bars]


def test_range_before_collection_is_asked_for_filled_and_equals_the_source(world, series):
    cost = ask("AAA", "BBB", *RANGE, "--dry-run")
    assert cost == [
        f"{2 * SLOTS:,} slots of 2 series are missing",
        "provider  slots  calls  at least",
        f"polygon   {2 * SLOTS:,}     10       5 s",
        "at least 5 s in 10 jobs",
    ]
    assert not Backfill.objects.exists()
    assert all(not one.history for one in Series.objects.all())
    with worker(world):
        lines = ask("AAA", "BBB", *RANGE, "--why", "a study")
    assert lines[: len(cost) + 1] == [*cost, "10 new jobs, 0 gaps added to jobs that wait"]
    assert lines[-1] == f"100.0%, {2 * SLOTS:,} held, 0 empty, 0 missing"
    assert len(world.control.calls()) == 10
    for one in series:
        assert held(one) == as_the_vendor_has_them(one.instrument.symbol, date(2025, 9, 15), date(2025, 9, 19))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason, entry.counts["widened"], entry.counts["calls"]) == (
        "backfill_request", "a study", 2, {"polygon": 10},
    )  # fmt: skip
    assert ask("AAA", *RANGE) == [
        "0 slots of 1 series are missing", "0 new jobs, 0 gaps added to jobs that wait", f"100.0%, {SLOTS:,} held, 0 empty, 0 missing",
    ]  # fmt: skip


def test_command_that_is_interrupted_is_given_again_and_makes_only_what_is_missing(world, series, monkeypatch):
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backfill, "time", SimpleNamespace(monotonic=time.monotonic, sleep=interrupt))
    with pytest.raises(SystemExit) as stopped:
        ask("AAA", *RANGE)
    assert stopped.value.code == backfill.INTERRUPTED
    drain(worker="me", loop=world.loop, seconds=0.01)  # one batch
    assert Backfill.objects.filter(state="done").count() == 1
    Backfill.objects.exclude(state="done").order_by("-pk").first().delete()  # whatever becomes of a job
    monkeypatch.setattr(backfill, "time", time)
    with worker(world):
        lines = ask("AAA", *RANGE)
    assert lines[0] == f"{SLOTS - 390:,} slots of 1 series are missing"
    assert lines[1] == "1,170 of them somebody sees to already"
    assert "1 new jobs, 0 gaps added to jobs that wait" in lines
    assert held(series[0]) == as_the_vendor_has_them("AAA", date(2025, 9, 15), date(2025, 9, 19))
    assert not BarRevision.objects.exists()


def test_command_that_is_killed_leaves_the_work_to_the_workers_and_nothing_is_written_twice(world, series):
    at = connection.settings_dict
    environment = {**os.environ, "DATABASE_URL": f"postgresql://{at['USER']}@/{at['NAME']}?host={at['HOST']}"}
    command = [sys.executable, "manage.py", "backfill", "AAA", *RANGE]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=settings.BASE_DIR) as killed:
        try:
            wait_until(Backfill.objects.exists, seconds=30, what="the first job")
        finally:
            killed.kill()
    with worker(world):
        lines = ask("AAA", *RANGE)
    assert lines[-1] == f"100.0%, {SLOTS:,} held, 0 empty, 0 missing"
    assert held(series[0]) == as_the_vendor_has_them("AAA", date(2025, 9, 15), date(2025, 9, 19))
    assert set(Backfill.objects.values_list("state", "lease", "attempts")) == {("done", 1, 0)}
    assert not BarRevision.objects.exists()


def test_more_than_the_lane_holds_trickles_in_until_all_is_filled(world, series, settings):
    settings.HISTORY_BACKFILL_CAP = 4
    lines = ask("AAA", "BBB", *RANGE, "--no-wait")
    assert lines[-1] == "4 new jobs, 0 gaps added to jobs that wait; 6 gaps wait for room in the lane"
    assert HistoryWait.objects.count() == 2

    def refill():
        return refill_history(now=now_us(), snapshot=policies.current())

    assert refill() is None, "the lane is full"
    drained = 0
    while drained < 10:
        drained += drain(worker="me", loop=world.loop)
        refill()
    assert not HistoryWait.objects.exists()
    assert refill() is None
    assert {(len(held(one)), one.pk) for one in series} == {(SLOTS, one.pk) for one in series}
    assert Backfill.objects.filter(state="done").count() == 10


def test_history_goes_to_the_vendor_in_short_batches_and_a_recent_gap_before_what_is_left_of_it(world, series):
    for name in names("HIS", 20):
        make_series(name, collect_from=moment("2025-10-09 13:30"))
    every = [one.instrument.symbol for one in Series.objects.select_related("instrument")]
    ask(*every, "--from", "2025-09-15", "--to", "2025-09-15", "--no-wait")
    run_one_batch(world)
    assert len(world.control.calls()) == 8, "one round of calls"
    make_series("NEW", collect_from=moment("2025-10-08 13:30"))
    scan_recent(now=now_us(), snapshot=policies.current())
    drain(worker="me", loop=world.loop)
    calls = [call["symbols"] for call in world.control.calls()]
    assert (calls.index(["NEW"]), len(calls)) == (8, 23)


def test_batch_of_history_ends_with_its_time_and_nobody_loses_an_attempt(world, series, monkeypatch):
    monkeypatch.setitem(running.MOST_SECONDS, "history", 0.0)
    ask("AAA", *RANGE, "--no-wait")
    run_one_batch(world)
    job = Backfill.objects.exclude(tries=[]).get()
    assert (job.state, job.attempts, job.tries[-1]["code"]) == ("parked", 0, "out_of_time")
    assert 4 <= (job.due_at - datetime.fromisoformat(job.tries[-1]["at"])).total_seconds() <= 7
    assert not world.control.calls()


def test_dead_jobs_end_the_command_with_the_way_to_see_them(world, series):
    world.control.set_fault("forbidden_entitlement", vendor="polygon")
    with worker(world), pytest.raises(CommandError, match=r"^5 jobs are dead: see manage.py dlq list --symbol AAA$"):
        ask("AAA", *RANGE)


def test_watching_says_when_nobody_is_at_work(world, series, monkeypatch):
    clock = iter(range(0, 1_000, 20))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(backfill, "time", SimpleNamespace(monotonic=lambda: float(next(clock)), sleep=pause))
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("backfill", "AAA", *RANGE, stdout=out)
    assert out.getvalue().count("Is there a worker of the queue backfill?") == 1
    assert out.getvalue().splitlines()[-1].startswith("The workers go on without this command.")


def test_instants_are_asked_for_slot_by_slot(world, series):
    ask("AAA", "--from", "2025-09-15T14:00:00Z", "--to", "2025-09-15T14:30:00Z", "--no-wait")
    (job,) = Backfill.objects.all()
    assert (to_us(job.start), to_us(job.end), job.lane) == (us("2025-09-15 14:00"), us("2025-09-15 14:30"), "history")
