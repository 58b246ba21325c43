"""Jobs whose worker was lost."""

import logging
from datetime import datetime

from django.db import transaction

from collector.models.backfills import Backfill, BackfillState
from collector.services.backfill.settling import Ending, Failure, settle

log = logging.getLogger(__name__)

MOST_LOST_ALONE = 8
"""A job that kills its worker does so each time. An innocent one that meets a killer at one try in six is taken for it once in a million."""
CHUNK = 1_000


def reap(*, now: datetime, limit: int = CHUNK) -> int:
    """Free the jobs of leases that ran out: each runs alone next time, and dies when `MOST_LOST_ALONE` workers were lost with it alone."""
    with transaction.atomic():
        lost = Backfill.objects.filter(state=BackfillState.RUNNING, leased_until__lt=now).select_related("series")
        jobs = list(lost.select_for_update(of=("self",), skip_locked=True).order_by("leased_until")[:limit])
        freed = settle([_ending(job, now) for job in jobs], now=now)
    if freed:
        log.warning("freed %d jobs of lost workers", freed, extra={"action": "backfill_reaped"})
    return freed


def _ending(job: Backfill, now: datetime) -> Ending:
    lost_alone = job.lost_alone + job.is_solo
    is_dead = lost_alone >= MOST_LOST_ALONE
    said = f"its worker {job.worker} was lost"
    entry = {"at": now.isoformat(), "provider": None, "code": "worker_lost", "message": said, "http_status": None}
    return Ending(
        job=job,
        state=BackfillState.DEAD if is_dead else BackfillState.QUEUED,
        start=job.start,
        end=job.end,
        slots=job.slots,
        attempts=job.attempts,
        due_at=now,
        tries=[*job.tries, entry],
        failure=Failure("worker_lost", f"{lost_alone} workers were lost while it ran alone") if is_dead else None,
        is_solo=True,
        lost_alone=lost_alone,
    )
