"""Messages that come three times, and a worker that sleeps through its lease: a job is run by whoever holds it, once."""

import os
import signal
from collections import Counter

import pytest

from collector.models import Backfill, BarRevision
from collector.models.backfills import Lane
from collector.queues import BACKFILL_QUEUE, ring_drain
from collector.replay.processes import Worker
from collector.services.backfill.claiming import claim
from collector.services.backfill.reaping import reap
from collector.services.backfill.running import run
from marketdata_site.observability.clock import now
from providers.loop import EventLoopThread
from tests.faults.sizes import sized
from tests.faults.test_backfill_kill import LEASE_S, vendor  # noqa: F401  # the same fixture
from tests.faults.test_replay_kill import descendants
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.conftest import database  # noqa: F401  # the same fixture
from tests.integration.collector.reading import coverage
from tests.integration.collector.rows import make_series
from tests.waiting import wait_until
from tests.web_server import database_url

TIMES = 3
SERIES = sized(short=8, long=100)
SPANS = [f"2025-10-08 {14 + number // 6:02d}:{number % 6}0" for number in range(6)]


@pytest.fixture
def worker(vendor, tmp_path):  # noqa: F811
    """One worker of as many children as a message has copies."""
    environment = {"DATABASE_URL": database_url(), "MARKETDATA_BACKFILL_LEASE_SECONDS": str(LEASE_S)}
    started = Worker(
        log=tmp_path / "worker.log", environment=environment, processes=TIMES, queues=BACKFILL_QUEUE, name="doorbells"
    )
    started.ensure_running()
    try:
        wait_until(started.is_up, seconds=60, what="the worker's answer")
        yield started
    finally:
        for child in descendants(started.child.pid):
            os.kill(child, signal.SIGCONT)  # one that is stopped could not be ended
        started.stop()


def test_no_job_runs_twice_when_each_doorbell_comes_three_times(vendor, worker):  # noqa: F811
    for number in range(SERIES):
        one = make_series(f"BELL{number:03d}")
        for start in SPANS:
            make_job(one, start=start, end=f"{start[:-1]}5")
    for _ in range(TIMES):
        ring_drain()
    wait_until(lambda: not Backfill.objects.exclude(state="done").exists(), seconds=120, what="the jobs", every_s=0.2)
    assert set(Backfill.objects.values_list("lease", "attempts", "leased_until")) == {(1, 0, None)}
    wait_until(worker.is_idle, seconds=60, what="the other two drains to find nothing")
    wait_until(lambda: len(vendor.calls()) >= SERIES * len(SPANS), seconds=60, what="the vendor's books")
    asked = Counter((*call["symbols"], call["path"].partition("?")[0]) for call in vendor.calls())
    assert (len(asked), set(asked.values())) == (SERIES * len(SPANS), {1})


def test_worker_that_was_stopped_past_its_lease_and_goes_on_can_not_finish_its_job(vendor, worker):  # noqa: F811
    series = make_series("SLEEPS")
    job = make_job(series)
    ring_drain()
    wait_until(lambda: any("strikes" in line for line in vendor.log()), seconds=60, what="a call that is on its way")
    job.refresh_from_db()
    sleeper = int(job.worker.rpartition(":")[2])
    os.kill(sleeper, signal.SIGSTOP)
    wait_until(lambda: reap(now=now()), seconds=60, what="the end of its lease")
    taken = claim(lane=Lane.RECENT, tiers=["T0"], now=now(), worker="another")
    held = Backfill.objects.filter(pk=job.pk).values().get()

    os.kill(sleeper, signal.SIGCONT)
    wait_until(lambda: "1 of 1 jobs were no longer ours" in worker.log.read_text(), seconds=60, what="the late answer")
    assert Backfill.objects.filter(pk=job.pk).values().get() == held
    assert (held["state"], held["lease"], held["worker"]) == ("running", 2, "another")

    with EventLoopThread() as loop:
        assert run(taken, loop=loop) == 1
    job.refresh_from_db()
    assert (job.state, job.lease, job.attempts) == ("done", 2, 0)
    assert len(coverage(series)[0]) == 1
    assert not BarRevision.objects.exists()
