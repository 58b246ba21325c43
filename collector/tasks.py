"""Celery's doorbells: each reads the clock, makes one domain call, and may be lost or repeated without harm."""

import gc
import logging
import os
import socket
from collections.abc import Sequence
from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_process_init, worker_process_shutdown
from django.db import DatabaseError, connections

from collector.feed.publisher import publish_unpublished
from collector.queues import enqueue
from collector.schemas import BarsFetchJob, FetchJob, QuotesFetchJob
from collector.services.backfill.draining import drain
from collector.services.backfill.reaping import reap
from collector.services.calendars import preload_calendars
from collector.services.collecting import collect_bars
from collector.services.gap_scan import Scanned
from collector.services.gap_scan import refill_history as refill_waiting_history
from collector.services.gap_scan import scan_older as scan_older_gaps
from collector.services.gap_scan import scan_recent as scan_recent_gaps
from collector.services.incidents import look_all, look_recent
from collector.services.live import plan
from collector.services.marks import tell_all_marks
from collector.services.marks import tell_marks as tell_marks_of
from collector.services.quote_plan import plan_quotes as plan_due_quotes
from collector.services.quoting import collect_quotes
from collector.services.verification import plan_verifications as plan_due_verifications
from collector.services.verification import read_session_again
from marketdata_site.observability.clock import now, now_us
from providers.loop import EventLoopThread
from providers.services import policies
from providers.services.process_versions import report_process

log = logging.getLogger(__name__)

SWEEP_OLDER_THAN_S = 2.0
"""A batch this old and unpublished was left by a killed worker or a Valkey outage; younger ones are on their way."""
SWEEP_LIMIT = 500

_loop: EventLoopThread | None = None


def vendor_loop() -> EventLoopThread:
    """This worker process' event loop with its kept connections; made on first use, after the fork."""
    global _loop  # noqa: PLW0603  # one a process, because connections must outlive a task
    if _loop is None:
        _loop = EventLoopThread()
        _loop.start()
    return _loop


@worker_init.connect
def _read_calendars(**_: Any) -> None:
    """In the parent, before it forks: each child, also one that follows another, finds them in memory that all share."""
    try:
        preload_calendars(now=now_us())
    except DatabaseError as error:  # it may come up later; the first job that asks reads them then
        log.warning("no calendars were read ahead: %s", error, extra={"action": "calendars_not_read"})
    finally:
        connections.close_all()  # or children would share them


@worker_init.connect
def _set_aside(**_: Any) -> None:
    """After the calendars: no child's collector goes over what was there before the fork, nor writes into memory that all share.

    Otherwise every third live job of 1,000 symbols took 150 ms of CPU more, two thirds of what all else takes.
    """
    gc.freeze()


@worker_process_init.connect
def _start_loop(**_: Any) -> None:
    vendor_loop()


@worker_process_shutdown.connect
def _close_loop(**_: Any) -> None:
    global _loop  # noqa: PLW0603  # see vendor_loop
    if _loop is not None:
        _loop.close()
        _loop = None


@shared_task(name="collector.tasks.fetch_bars")
def fetch_bars(job: dict[str, Any]) -> None:
    """Run one `BarsFetchJob`."""
    checked = BarsFetchJob.model_validate(job)
    if not _is_stale(checked):
        collect_bars(checked, now=now_us(), loop=vendor_loop())
        tell_marks_of(tier=checked.tier, interval=checked.interval, snapshot=policies.current(), now=now_us())
        report_process(now=now())


@shared_task(name="collector.tasks.verify_bars")
def verify_bars(job: dict[str, Any]) -> None:
    """Run one `BarsFetchJob` that reads a session again."""
    checked = BarsFetchJob.model_validate(job)
    if not _is_stale(checked):
        read_session_again(checked, now=now_us(), loop=vendor_loop())
        report_process(now=now())


@shared_task(name="collector.tasks.fetch_quotes")
def fetch_quotes(job: dict[str, Any]) -> None:
    """Run one `QuotesFetchJob`."""
    checked = QuotesFetchJob.model_validate(job)
    if not _is_stale(checked):
        collect_quotes(checked, now=now_us(), loop=vendor_loop())
        report_process(now=now())


def _is_stale(job: FetchJob) -> bool:
    """A broker only looks at expiry when a worker takes the message."""
    is_stale = job.expires_at is not None and now() >= job.expires_at
    if is_stale:
        log.warning("a job of %d symbols is stale since %s", len(job.symbols), job.expires_at, extra={"action": "job_stale"})
    return is_stale


@shared_task(name="collector.tasks.plan_live")
def plan_live() -> None:
    """Enqueue bars that are due now."""
    _ring(plan(now=now_us()))


@shared_task(name="collector.tasks.plan_quotes")
def plan_quotes() -> None:
    """Enqueue quotes that are due now."""
    _ring(plan_due_quotes(now=now_us()))


@shared_task(name="collector.tasks.plan_verifications")
def plan_verifications() -> None:
    """Enqueue the reading again of sessions that are due for it."""
    _ring(plan_due_verifications(now=now_us()))


def _ring(jobs: Sequence[FetchJob]) -> None:
    """Without a broker the rest is left to the next plan: each try would wait for seconds."""
    report_process(now=now())
    for done, job in enumerate(jobs):
        if not enqueue(job, now=now()):
            log.warning("%d of %d planned jobs were not enqueued", len(jobs) - done, len(jobs), extra={"action": "plan_cut"})
            return


@shared_task(name="collector.tasks.sweep_feed")
def sweep_feed() -> None:
    """Publish what a killed worker left unpublished."""
    if count := publish_unpublished(older_than_s=SWEEP_OLDER_THAN_S, limit=SWEEP_LIMIT):
        log.info("published %d batches that were left behind", count, extra={"action": "feed_swept"})


@shared_task(name="collector.tasks.tell_marks")
def tell_marks() -> None:
    """Tell what no live job's end told: slots that were filled otherwise, and those that are overdue."""
    tell_all_marks(snapshot=policies.current(), now=now_us())


@shared_task(name="collector.tasks.drain_backfills")
def drain_backfills() -> None:
    """Work off backfill jobs that are due."""
    if drain(worker=f"{socket.gethostname()}:{os.getpid()}", loop=vendor_loop()):
        report_process(now=now())


@shared_task(name="collector.tasks.reap_backfills")
def reap_backfills() -> None:
    """Free backfill jobs whose worker was lost."""
    reap(now=now())


@shared_task(name="collector.tasks.scan_recent")
def scan_recent() -> None:
    """Make jobs of what has gone missing in the last days, then incidents of what many series miss: jobs never wait for these."""
    snapshot = policies.current()
    _tell_scan(scan_recent_gaps(now=now_us(), snapshot=snapshot))
    look_recent(now=now_us(), snapshot=snapshot)


@shared_task(name="collector.tasks.scan_all")
def scan_all() -> None:
    """Make jobs of all that is missing within the retention horizon: the last days first, then what is older."""
    snapshot = policies.current()
    _tell_scan(scan_recent_gaps(now=now_us(), snapshot=snapshot))
    _tell_scan(scan_older_gaps(now=now_us(), snapshot=snapshot))
    look_all(now=now_us(), snapshot=snapshot)


@shared_task(name="collector.tasks.refill_history")
def refill_history() -> None:
    """Make jobs of history that had to wait for room in its lane."""
    _tell_scan(refill_waiting_history(now=now_us(), snapshot=policies.current()))


def _tell_scan(scanned: Scanned | None) -> None:
    if scanned is not None and (scanned.found or scanned.resolved):
        log.info("%s", scanned.as_sentence(), extra={"action": "gaps_scanned"})
