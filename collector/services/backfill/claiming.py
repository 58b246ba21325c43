"""Which jobs are next: one batch at a time, claimed under a lease, so that no other worker runs it meanwhile."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F

from collector.models import Series
from collector.models.backfills import WAITING_STATES, Backfill, BackfillState, Lane
from collector.schemas import MAX_SYMBOLS
from marketdata_site.observability.clock import now as clock_now

log = logging.getLogger(__name__)

HEARTBEATS_A_LEASE = 4
"""A lease is renewed this often before it would run out."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Jobs that one question serves: the same span of series that share calendar, venue, interval, hours and adjustment.

    Each row as it was claimed, with its new `lease`; its series and the series' instrument are loaded.
    """

    lane: Lane
    jobs: Sequence[Backfill]

    @property
    def leases(self) -> list[tuple[int, int]]:
        """(id, lease) of each job."""
        return [(job.pk, job.lease) for job in self.jobs]


def lease_time() -> timedelta:
    """How long a worker may be silent before its jobs are given to others."""
    return timedelta(seconds=settings.BACKFILL_LEASE_SECONDS)


def everybody(_: Backfill) -> int:
    """As many as one question can name."""
    return MAX_SYMBOLS


def claim(
    *, lane: Lane, tiers: Sequence[str], now: datetime, worker: str, limit: Callable[[Backfill], int] = everybody
) -> Batch | None:
    """The job that is due longest of the first of `tiers` that has one, and up to `limit` of it in all that go with it.

    A job whose worker was lost goes alone. None: nothing is due.
    """
    with transaction.atomic():
        head = next((job for tier in tiers if (job := _head(lane, tier, now)) is not None), None)
        if head is None:
            return None
        jobs = [head] if head.is_solo else [head, *_mates(head, now, limit(head) - 1)]
        for job in jobs:
            job.lease += 1  # as the row's: it is locked
        Backfill.objects.filter(pk__in=[job.pk for job in jobs]).update(
            lease=F("lease") + 1, state=BackfillState.RUNNING, worker=worker[:100], leased_until=now + lease_time()
        )
    return Batch(lane, jobs)


def _due(lane: Lane, tier: str, now: datetime) -> Any:
    jobs = Backfill.objects.filter(lane=lane, tier=tier, state__in=WAITING_STATES, due_at__lte=now)
    return jobs.select_related("series__instrument").select_for_update(of=("self",), skip_locked=True)


def _head(lane: Lane, tier: str, now: datetime) -> Backfill | None:
    found: Backfill | None = _due(lane, tier, now).order_by("due_at", "pk").first()
    return found


def _mates(head: Backfill, now: datetime, most: int) -> list[Backfill]:
    series: Series = head.series
    jobs = _due(Lane(head.lane), head.tier, now).filter(
        start=head.start,
        end=head.end,
        is_solo=False,
        pinned_provider=head.pinned_provider,
        excluded_providers=head.excluded_providers,
        series__interval=series.interval,
        series__hours=series.hours,
        series__adjustment=series.adjustment,
        series__instrument__calendar=series.instrument.calendar,
        series__instrument__mic=series.instrument.mic,
    )
    return list(jobs.exclude(pk=head.pk).order_by("due_at", "pk")[:most])


@contextmanager
def heartbeat(batch: Batch) -> Iterator[None]:
    """Renew the batch's lease while the context lasts, from a thread with a connection of its own."""
    done = Event()
    thread = Thread(target=_beat, args=(batch, done), name="backfill-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(batch: Batch, done: Event) -> None:
    try:
        while not done.wait(lease_time().total_seconds() / HEARTBEATS_A_LEASE):
            try:
                renew(batch, now=clock_now())
            except Error as error:  # the next beat may find the database back
                log.warning(
                    "the lease of %d jobs was not renewed: %s", len(batch.jobs), error, extra={"action": "lease_not_renewed"}
                )
                connection.close()
    finally:
        connection.close()


def renew(batch: Batch, *, now: datetime) -> int:
    """Move the end of the leases that are still this worker's; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE collector_backfill b SET leased_until = %s FROM unnest(%s::bigint[], %s::int[]) AS mine(id, lease)
               WHERE b.id = mine.id AND b.lease = mine.lease AND b.state = 'running'""",
            [now + lease_time(), *_columns(batch.leases)],
        )
        return int(cursor.rowcount)


def _columns(leases: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [job for job, _ in leases], [lease for _, lease in leases]
