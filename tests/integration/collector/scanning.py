"""A session of New York, what is held of it, and the jobs that a scan made."""

import itertools
from datetime import date

import numpy as np

from collector.models import Backfill, DeadLetter
from collector.models.backfills import BackfillState
from collector.selectors.scopes import Scope
from collector.services.gap_scan import scan
from providers.market.calendar import get_calendar
from providers.market.types import Interval
from providers.policy import Snapshot
from tests.builders import moment, us
from tests.integration.collector.gaps import cover

WEDNESDAY = date(2025, 10, 8)
EVENING = us("2025-10-08 22:00")
OPEN, CLOSE = "2025-10-08 13:30", "2025-10-08 20:00"
TAKEN = {"queued", "running", "retry_wait", "parked", "dead"}
numbers = itertools.count()


def run(*, now=EVENING, start=WEDNESDAY, **values):
    return scan(scope=Scope(), now=now, snapshot=Snapshot(), start=start, **values)


def hold(series, *without, first=WEDNESDAY, last=WEDNESDAY):
    """Cover all slots of the sessions but those that start in the spans `without`."""
    venue = get_calendar(series.instrument.calendar, series.hours)
    starts, days = venue.session_slots(Interval(series.interval), first, last)
    kept = np.ones(len(starts), dtype=bool)
    for start, end in without:
        kept &= (starts < us(start)) | (starts >= us(end))
    cover(series, starts[kept], days[kept])


def jobs(**values):
    """`13:30 +5 queued`, in the order of time and series."""
    rows = Backfill.objects.filter(**values).order_by("start", "series_id")
    return [f"{row.start:%H:%M} +{row.slots} {row.state}" for row in rows]


def become(state, *, tier="T0", **values):
    leased = moment("2025-10-08 22:05") if state == "running" else None
    Backfill.objects.filter(tier=tier).update(state=state, leased_until=leased, **values)


def bury(job):
    job.state = BackfillState.DEAD
    job.save()
    DeadLetter.objects.create(
        backfill=job, reason="unknown_symbol", fingerprint="f", missing_minutes=1, died_at=moment("2025-10-08 21:00")
    )
