"""From gaps to jobs: what is missing and nobody sees to gets a row, within the caps; what does not fit is found again."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings
from django.db import connection, transaction

from collector import metrics
from collector.core.oldest import Oldest
from collector.models import Tier
from collector.models.backfills import Lane
from collector.queues import ring_drain
from collector.selectors.gaps import Gap, find_gaps
from collector.selectors.grids import Bound
from collector.selectors.scopes import Scope
from collector.services import gap_rows, history_waits
from collector.services.backfill_room import key_of, lock_rooms, room, rooms
from collector.services.gap_resolving import resolve_covered
from providers.market.types import SECOND_US, Micros, from_us
from providers.policy import Snapshot

log = logging.getLogger(__name__)

LOCK_RECENT, LOCK_OLDER = 0x6D64_7363_6E72, 0x6D64_7363_6E6F
"""One scan of each kind at a time in the fleet."""
LINES_OF_DROPPED = 20
"""Gaps of a tier and scan that are named in the log when they don't fit; the rest is summed up."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of the gaps that were found; the rest of them was another scan's at the same moment."""

    found: int
    enqueued: int
    merged: int
    dropped: int
    resolved: int

    def as_sentence(self) -> str:
        """For a log or a terminal."""
        return (
            f"{self.found:,} gaps: {self.enqueued:,} new jobs, {self.merged:,} added to jobs that wait, "
            f"{self.dropped:,} without room until later; {self.resolved:,} jobs had their slots covered another way"
        )


def scan_recent(*, now: Micros, snapshot: Snapshot) -> Scanned | None:
    """Gaps of the last `RECENT_SCAN_HOURS`; None while another process is at it."""
    with transaction.atomic():
        if not is_ours(LOCK_RECENT):
            return None
        return scan(scope=Scope(), now=now, snapshot=snapshot, start=recent_from(now))


def scan_older(*, now: Micros, snapshot: Snapshot) -> Scanned | None:
    """What is older than that, within the retention horizon, into the history lane; None while another process is at it."""
    with transaction.atomic():
        if not is_ours(LOCK_OLDER):
            return None
        return _scan_older(Scope(), now, snapshot)


def refill_history(*, now: Micros, snapshot: Snapshot) -> Scanned | None:
    """`scan_older` of the series that wait for room, once half of the lane is free; None where nobody waits or there is no room yet."""
    with transaction.atomic():
        free = room(lane=Lane.HISTORY, tier="")
        if 2 * free < settings.HISTORY_BACKFILL_CAP or not (waiting := history_waits.series_ids()) or not is_ours(LOCK_OLDER):
            return None
        return _scan_older(Scope(series_ids=waiting), now, snapshot)


def _scan_older(scope: Scope, now: Micros, snapshot: Snapshot) -> Scanned:
    return scan(scope=scope, now=now, snapshot=snapshot, lane=Lane.HISTORY, end=recent_from(now))


def scan(
    *,
    scope: Scope,
    now: Micros,
    snapshot: Snapshot,
    lane: Lane | None = Lane.RECENT,
    start: Bound | None = None,
    end: Bound | None = None,
) -> Scanned:
    """Make jobs of the gaps that nobody sees to, oldest first, and end jobs that were overtaken. Rings the drain on commit.

    `lane` None: as the regular scans would, by each gap's age.
    Gaps are read without a lock and looked at again under those of the caps, so scans may run at once and no slot gets two jobs.
    """
    found = _found(scope=scope, now=now, snapshot=snapshot, lane=lane, start=start, end=end)
    with transaction.atomic():
        lock_rooms(tier for _, tier in found.kept)  # before the jobs that are ended: whoever holds these may want those
        resolved = resolve_covered(now=now)
        free_of = rooms(tier for _, tier in found.kept)
        enqueued = merged = dropped = 0
        for (into, tier), oldest in sorted(found.kept.items()):
            key = key_of(lane=into, tier=tier)
            free = gap_rows.not_taken(oldest.kept())
            rest = gap_rows.widen(free, lane=into, tier=tier)
            fitting, over = rest[: free_of[key]], rest[free_of[key] :]
            gap_rows.insert(fitting, lane=into, now=now)
            free_of[key] -= len(fitting)
            merged += len(free) - len(rest)
            enqueued += len(fitting)
            dropped += len(over) + oldest.fallen
            transaction.on_commit(partial(metrics.backfills_enqueued, tier=tier, count=len(fitting)))
            if into is Lane.HISTORY:
                found.left_out.update(gap.series_id for gap in over)
            _tell_dropped(tier, [*over, *oldest.some_fallen], count=len(over) + oldest.fallen, lane=into)
        history_waits.remember(found.left_out, now=now)
        if lane is Lane.HISTORY and start is None:  # nothing of theirs was passed over
            history_waits.forget(scope.series_ids, but=found.left_out)
        if enqueued or merged:
            transaction.on_commit(ring_drain)
    return Scanned(found=found.count.total(), enqueued=enqueued, merged=merged, dropped=dropped, resolved=resolved)


@dataclass(frozen=True, slots=True)
class _Found:
    """`left_out`: series of which a gap found no place in the history lane."""

    kept: dict[tuple[Lane, str], Oldest[Gap]] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)
    left_out: set[int] = field(default_factory=set)


def _found(
    *, scope: Scope, now: Micros, snapshot: Snapshot, lane: Lane | None, start: Bound | None, end: Bound | None
) -> _Found:
    """By lane and tier the oldest gaps that its cap could hold at all: a scan of years may find millions."""
    caps = dict(Tier.objects.values_list("code", "backfill_cap"))
    found = _Found()
    for gap in find_gaps(scope=scope, snapshot=snapshot, now=now, start=start, end=end, unattended=True):
        found.count[gap.interval.value] += 1
        into = lane or lane_of(gap, now=now)
        if (into, gap.tier) not in found.kept:
            most = settings.HISTORY_BACKFILL_CAP if into is Lane.HISTORY else caps.get(gap.tier, 0)
            found.kept[into, gap.tier] = Oldest(most=most, samples=LINES_OF_DROPPED)
        fallen = found.kept[into, gap.tier].add(gap, at=gap.start)
        if fallen is not None and into is Lane.HISTORY:
            found.left_out.add(fallen.series_id)
    for interval, count in found.count.items():
        metrics.gaps_found(interval=interval, count=count)
    return found


def _tell_dropped(tier: str, some: Sequence[Gap], *, count: int, lane: Lane) -> None:
    if not count:
        return
    metrics.gaps_dropped(tier=tier, count=count)
    for gap in some[:LINES_OF_DROPPED]:
        log.warning(
            "no room in the %s lane of %s for a gap of %s %s from %s to %s: a later scan finds it again",
            lane.value, tier, gap.symbol, gap.interval.value, from_us(gap.start).isoformat(), from_us(gap.end).isoformat(),
            extra={"action": "gap_dropped"},
        )  # fmt: skip
    if (more := count - LINES_OF_DROPPED) > 0:
        log.warning("and for %d more gaps of %s", more, tier, extra={"action": "gaps_dropped"})


def lane_of(gap: Gap, *, now: Micros) -> Lane:
    """By its age."""
    return Lane.RECENT if gap.start >= recent_from(now) else Lane.HISTORY


def recent_from(now: Micros) -> Micros:
    """Where the past begins that the scan of each minute looks at."""
    hours: int = settings.RECENT_SCAN_HOURS
    return now - hours * 3_600 * SECOND_US


def is_ours(lock: int) -> bool:
    """Until the end of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock])
        return bool(cursor.fetchone()[0])
