"""One batch from its claim to its rows: ask, see what is still missing, and let the reasons decide what becomes of each job."""

import logging
import time
import traceback
from collections.abc import Sequence

from django.db import DatabaseError, InterfaceError, close_old_connections

from collector.core.spans import inside
from collector.core.texts import storable
from collector.models.backfills import Backfill, Lane
from collector.selectors.evidence import covered
from collector.selectors.expected import ExpectedSlots, expected_slots
from collector.selectors.overrides import read_closures
from collector.services.backfill.asking import Whys, ask, ask_with_brackets, span_of
from collector.services.backfill.claiming import Batch, heartbeat, lease_time
from collector.services.backfill.judging import UNPROVEN, broken, endings_of, given_back
from collector.services.backfill.outages import is_outage, wait_a_moment
from collector.services.backfill.settling import Ending, settle
from marketdata_site.observability.clock import now, now_us
from marketdata_site.observability.redaction import redact
from providers.loop import EventLoopThread
from providers.market.calendar import get_calendar
from providers.market.types import Hours, Interval, MicrosArray

log = logging.getLogger(__name__)

MOST_SECONDS = {Lane.RECENT: 600.0, Lane.HISTORY: 60.0}
"""How long a batch may ask. A worker that is at history can't see to a gap of today."""


def run(batch: Batch, *, loop: EventLoopThread) -> int:
    """Run a claimed batch to its end; returns how many of its jobs were still ours to settle."""
    with heartbeat(batch):
        try:
            endings = _try(batch.jobs, loop, until=time.monotonic() + MOST_SECONDS[batch.lane])
        except Exception as error:  # the outermost frame of jobs: whatever it is ends in their rows, where operators see it
            endings = _after(error, batch)
        ours = _settle(endings)
    if ours < len(endings):
        log.warning("%d of %d jobs were no longer ours", len(endings) - ours, len(endings), extra={"action": "lease_lost"})
    return ours


def _after(error: Exception, batch: Batch) -> list[Ending]:
    close_old_connections()
    if is_outage(error):
        return [given_back(job, now=now()) for job in batch.jobs]
    log.exception("a batch of %d jobs broke", len(batch.jobs), extra={"action": "backfill_broke"})
    said, is_alone = storable(redact(traceback.format_exc())), len(batch.jobs) == 1
    return [broken(job, error=said, is_alone=is_alone, now=now()) for job in batch.jobs]


def _settle(endings: Sequence[Ending]) -> int:
    """Through a restart of the database, for as long as the jobs may be ours."""
    until = time.monotonic() + lease_time().total_seconds()
    while True:
        try:
            return settle(endings, now=now())
        except (DatabaseError, InterfaceError) as error:
            if not wait_a_moment(error, until=until):
                raise


def _try(jobs: Sequence[Backfill], loop: EventLoopThread, *, until: float) -> list[Ending]:
    missing = missing_of(jobs)
    whys: Whys = {}
    if wanted := [job for job in jobs if len(missing[job.pk])]:
        whys = ask(wanted, span=span_of(jobs[0]), loop=loop, until=until)
        missing |= missing_of(wanted)
    if silent := [job for job in wanted if len(missing[job.pk]) and _is_unproven(job, whys)]:
        more = ask_with_brackets(silent, loop=loop, until=until)
        whys |= {job: (*whys.get(job, ()), *said) for job, said in more.items()}
        missing |= missing_of(silent)
    return endings_of(jobs, missing=missing, whys=whys, now=now())


def _is_unproven(job: Backfill, whys: Whys) -> bool:
    """Whether somebody answered for it, and not for all."""
    return job.pk not in whys or any(why.code == UNPROVEN for why in whys[job.pk])


def missing_of(jobs: Sequence[Backfill]) -> dict[int, MicrosArray]:
    """Expected slots of each job's span that are neither held nor proven empty. Nobody wants those of an inactive series.

    The jobs share span, calendar, hours and interval.
    """
    first, interval = jobs[0].series, Interval(jobs[0].series.interval)
    start, end = span_of(jobs[0])
    calendar = get_calendar(first.instrument.calendar, Hours(first.hours))
    slots, closures = calendar.slots(interval, start, end), read_closures(since=start)
    expected = expected_slots(calendar, interval, slots=slots, closures=closures, now=now_us())
    done = covered(series_ids=[job.series_id for job in jobs], start=start, end=end)
    return {job.pk: _open(expected, job, done.get(job.series_id)) for job in jobs}


def _open(expected: ExpectedSlots, job: Backfill, done: MicrosArray | None) -> MicrosArray:
    mine = expected.of(job.series) if job.series.is_active else expected.slots[:0]
    return mine if done is None else mine[~inside(mine, done)]
