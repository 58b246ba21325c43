"""Where jobs go. Only validated schemas get in; a message that finds no broker is no loss, the next plan finds the same work."""

import logging
from datetime import datetime

from celery import current_app
from kombu.exceptions import OperationalError

from collector.schemas import BarsFetchJob, FetchJob, Priority

log = logging.getLogger(__name__)

BACKFILL_QUEUE = "backfill"
VERIFY_QUEUE = "verify"
DRAIN_EXPIRES_S = 60.0
"""Beat rings for jobs that fill gaps every few seconds; an older message says nothing new."""


def queue_of(job: FetchJob) -> str:
    """`live.<tier>` for live jobs, one queue for what is missing, and one behind it for what is read again."""
    if job.priority is Priority.VERIFY:
        return VERIFY_QUEUE
    return f"live.{job.tier.lower()}" if job.priority is Priority.LIVE else BACKFILL_QUEUE


def enqueue(job: FetchJob, *, now: datetime) -> bool:
    """Ring for a job; false when there is no broker to ring at. The message expires with the job."""
    expires = None if job.expires_at is None else max(0.0, (job.expires_at - now).total_seconds())
    try:
        current_app.send_task(
            _task_of(job),
            args=[job.model_dump(mode="json")],
            queue=queue_of(job),
            expires=expires,
            retry=False,
        )
    except OperationalError as error:
        log.warning("no broker for a job of %d symbols: %s", len(job.symbols), error, extra={"action": "enqueue_failed"})
        return False
    return True


def _task_of(job: FetchJob) -> str:
    if job.priority is Priority.VERIFY:
        return "collector.tasks.verify_bars"
    return "collector.tasks.fetch_bars" if isinstance(job, BarsFetchJob) else "collector.tasks.fetch_quotes"


def ring_drain() -> None:
    """Ring for the jobs that wait in the database. Lost without harm: beat rings too. Call it on commit."""
    try:
        current_app.send_task(
            "collector.tasks.drain_backfills", queue=BACKFILL_QUEUE, expires=DRAIN_EXPIRES_S, retry=False, ignore_result=True
        )
    except OperationalError as error:
        log.warning("no broker to ring for backfills: %s", error, extra={"action": "enqueue_failed"})
