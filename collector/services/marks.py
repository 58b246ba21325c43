"""Telling the feed that an interval of a tier is complete, or overdue: once each, and never before the bars that are spoken of.

A mark is kept and published as a write is. It is inserted after everything that was committed when the slots were counted has its place
in the feed, so its own place is behind all of them, in the ring, in the rows behind it and in every later epoch.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from collector import metrics
from collector.announcing import announce
from collector.core.marks import GRACE_CADENCES, SlotCount
from collector.core.messages import mark_message
from collector.feed.publisher import publish_committed
from collector.feed.ring import FeedUnavailable
from collector.models import FeedMark, Series, Tier
from collector.selectors.marks import recent_slots
from providers.market.types import SECOND_US, Interval, Micros, from_us, to_us
from providers.policy import Snapshot

log = logging.getLogger(__name__)

LEAST_WINDOW_US = 3600 * SECOND_US
"""Slots that become complete later than this (and two intervals) after their start get no mark: by then who waited has acted without."""
_LOCK = 7_301_003


def tell_all_marks(*, snapshot: Snapshot, now: Micros) -> int:
    """Tell what is due of every tier and interval that is collected; returns how many marks were told."""
    pairs = Series.objects.filter(is_active=True).order_by("tier_id", "interval").values_list("tier_id", "interval").distinct()
    return sum(tell_marks(tier=tier, interval=Interval(interval), snapshot=snapshot, now=now) for tier, interval in pairs)


def tell_marks(*, tier: str, interval: Interval, snapshot: Snapshot, now: Micros) -> int:
    """Tell which recent slots of a tier are complete, and which ones overdue; returns how many marks were told.

    Call it outside of a transaction. While the feed can't be written, nothing is told; a later call tells it.
    """
    cadence = Tier.objects.filter(code=tier).values_list("cadence_seconds", flat=True).first()
    if cadence is None:
        return 0
    counts = recent_slots(
        tier=tier,
        interval=interval,
        since=now - max(LEAST_WINDOW_US, 2 * interval.us),
        grace=GRACE_CADENCES * cadence * SECOND_US,
        snapshot=snapshot,
        now=now,
    )
    due = _untold(tier, interval, [one for one in counts if one.is_complete or one.is_overdue])
    if not due:
        return 0
    try:
        publish_committed()
    except FeedUnavailable as error:
        log.warning("%d marks of %s %s wait for the feed: %s", len(due), tier, interval, error, extra={"action": "marks_wait"})
        return 0
    return _tell(tier, interval, due)


def _untold(tier: str, interval: Interval, counts: Sequence[SlotCount]) -> list[SlotCount]:
    starts = [from_us(one.start) for one in counts]
    rows = FeedMark.objects.filter(tier_id=tier, interval=interval, start__in=starts).values_list("start", "is_complete")
    told = {(to_us(start), is_complete) for start, is_complete in rows}
    return [one for one in counts if told.isdisjoint({(one.start, True), (one.start, one.is_complete)})]


def _tell(tier: str, interval: Interval, due: Sequence[SlotCount]) -> int:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, f"{tier} {interval}"])
            cursor.execute("SELECT clock_timestamp()")
            told_at: datetime = cursor.fetchone()[0]
        new = _untold(tier, interval, due)  # nobody else tells any until we have committed
        FeedMark.objects.bulk_create([_row(tier, interval, one, told_at) for one in new])
        announce([mark_message(tier=tier, interval=interval, count=one) for one in new], recorded_at=to_us(told_at))
    for one in new:
        metrics.mark_told(tier=tier, interval=interval.value, is_complete=one.is_complete)
        if not one.is_complete:
            log.warning(
                "%s %s of %s is overdue: %d of %d series have a bar, %d provably none",
                tier, interval, from_us(one.start).isoformat(), one.held, one.expected, one.empty,
                extra={"action": "mark_overdue"},
            )  # fmt: skip
    return len(new)


def _row(tier: str, interval: Interval, count: SlotCount, told_at: datetime) -> FeedMark:
    return FeedMark(
        tier_id=tier,
        interval=interval,
        start=from_us(count.start),
        is_complete=count.is_complete,
        expected=count.expected,
        held=count.held,
        empty=count.empty,
        told_at=told_at,
    )
