"""How many more jobs may wait: each tier has its cap in the recent lane, the history lane has one for all tiers.

Whoever adds open jobs (a scan, a requeue, an operator's range) counts and inserts under the same locks, or the caps would not hold.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db import connection

from collector.models import Tier
from collector.models.backfills import OPEN_STATES, Backfill, Lane

_LOCK = 7_301_101
"""First half of the locks' keys; the other half is a hash of the lane and the tier."""
HISTORY_CAP = 20_000
"""Where no setting says otherwise."""


def lock_room(*, lane: Lane, tier: str) -> int:
    """How many jobs more may be open, never negative; nobody else adds any before the end of this transaction.

    `tier` says nothing in the history lane. Take the rooms of several tiers by `lock_rooms`: one order for all prevents a deadlock.
    """
    tier = tier if lane is Lane.RECENT else ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, f"{lane.value} {tier}"])
    jobs = Backfill.objects.filter(lane=lane, state__in=OPEN_STATES)
    return max(0, _cap(tier) - (jobs.filter(tier=tier) if tier else jobs).count())


def lock_rooms(tiers: Iterable[str]) -> dict[tuple[Lane, str], int]:
    """`lock_room` of the recent lane for each tier, and of the history lane (tier empty), always in this order."""
    recent = {(Lane.RECENT, tier): lock_room(lane=Lane.RECENT, tier=tier) for tier in sorted(set(tiers))}
    return recent | {(Lane.HISTORY, ""): lock_room(lane=Lane.HISTORY, tier="")}


def _cap(tier: str) -> int:
    """A tier that is gone takes no more jobs."""
    if not tier:
        return int(getattr(settings, "HISTORY_BACKFILL_CAP", HISTORY_CAP))
    return Tier.objects.filter(pk=tier).values_list("backfill_cap", flat=True).first() or 0
