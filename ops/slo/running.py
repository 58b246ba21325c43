"""One run of the monitor: look, keep a sample of each tier and interval, add up the slots that fell due.

A run is one transaction under an advisory lock. A worker that is killed in it leaves nothing behind, and the next run counts what it
would have counted.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from collector.core.freshness import due_after
from collector.core.live import boundary_of, is_planned
from collector.selectors.freshness import Behind, Freshness, measure, sample
from collector.selectors.freshness_looks import Pair
from collector.selectors.scopes import Scope
from marketdata_site.observability.trace import maybe_trace
from ops.models import SloCount, SloRun, SloSample
from providers.market.types import SECOND_US, Interval, Micros, from_us, to_us
from providers.policy import Snapshot

log = logging.getLogger(__name__)

PERIOD_SECONDS = 30
LOCK = 0x6D64_736C_6F00  # "mdslo"


def run(*, snapshot: Snapshot, now: Micros) -> int | None:
    """The run that is due; how many tiers and intervals were looked at. None where another has it, or had it: nothing is done then."""
    boundary = boundary_of(now, cadence=PERIOD_SECONDS * SECOND_US, lateness=0)
    with transaction.atomic():
        if not _begin(boundary):
            return None
        return _look(boundary, snapshot=snapshot, now=now)


def _begin(boundary: Micros) -> bool:
    """Take the lock, and the run of that boundary if nobody had it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s), clock_timestamp()", [LOCK])
        is_ours, ran_at = cursor.fetchone()
    last = SloRun.objects.first() if is_ours else None
    if not is_ours or (last and is_planned(boundary, to_us(last.at), cadence=PERIOD_SECONDS * SECOND_US)):
        return False
    SloRun.objects.update_or_create(id=1, defaults={"at": from_us(boundary), "ran_at": ran_at})
    return True


@maybe_trace("slo")
def _look(boundary: Micros, *, snapshot: Snapshot, now: Micros) -> int:
    """All of a run but its beginning."""
    counted = {
        (tier, Interval(interval)): to_us(through)
        for tier, interval, through in SloCount.objects.values_list("tier", "interval", "counted_through")
    }
    scope = sample(scope=Scope(), most=settings.SLO_SAMPLE, now=now)
    found = measure(scope=scope, counted=counted, snapshot=snapshot, now=now).pairs
    _keep_samples(found, at=from_us(boundary))
    for pair, one in found.items():
        _add_up(pair, one, counted.get(pair), now=now)
    return len(found)


def _keep_samples(found: Mapping[Pair, Freshness], *, at: datetime) -> None:
    rows = [
        SloSample(
            tier=tier,
            interval=interval.value,
            at=at,
            sampled=one.sampled,
            violating=one.behind,
            expected=one.fell_due.expected,
            good=one.fell_due.good,
            interior_missing=one.interior_missing,
            worst=[worst_as_json(worst) for worst in one.worst],
        )
        for (tier, interval), one in sorted(found.items())
    ]
    # A clock that was put back comes to times that have a row already.
    fields = ["runs", "sampled", "violating", "expected", "good", "interior_missing", "worst"]
    SloSample.objects.bulk_create(rows, update_conflicts=True, unique_fields=["tier", "interval", "at"], update_fields=fields)


def _add_up(pair: Pair, one: Freshness, counted: Micros | None, *, now: Micros) -> None:
    """The slots that fell due, and the mark behind which nothing is counted twice. What came due before the first run is nobody's."""
    tier, interval = pair
    if counted is None:
        SloCount.objects.create(tier=tier, interval=interval.value, counted_through=from_us(now))
        return
    after = due_after(counted, now=now, interval=interval)
    if after > counted:
        log.warning(
            "slots of %s %s that fell due from %s to %s are not counted: nobody looked in time",
            tier, interval.value, from_us(counted), from_us(after), extra={"action": "slo_slots_uncounted"},
        )  # fmt: skip
    SloCount.objects.filter(Q(tier=tier) & Q(interval=interval.value)).update(
        expected=F("expected") + one.fell_due.expected,
        good=F("good") + one.fell_due.good,
        counted_through=from_us(max(after, now)),
    )


def worst_as_json(one: Behind) -> dict[str, str | None]:
    """Which series, and the end of what is known of it."""
    last = None if one.last is None else from_us(one.last).isoformat().replace("+00:00", "Z")
    return {"symbol": one.symbol, "mic": one.mic, "last": last}
