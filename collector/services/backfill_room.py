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
    """`room`, which nobody else fills before the end of this transaction.

    The rooms of several tiers are taken by `lock_rooms`: one order for all prevents a deadlock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, " ".join(key_of(lane=lane, tier=tier))])
    return room(lane=lane, tier=tier)


def lock_rooms(tiers: Iterable[str]) -> dict[tuple[Lane, str], int]:
    """`lock_room` of each tier's recent lane and of the history lane, by `key_of`."""
    return {(lane, tier): lock_room(lane=lane, tier=tier) for lane, tier in _keys(tiers)}


def rooms(tiers: Iterable[str]) -> dict[tuple[Lane, str], int]:
    """The same at this moment, unlocked."""
    return {(lane, tier): room(lane=lane, tier=tier) for lane, tier in _keys(tiers)}


def room(*, lane: Lane, tier: str) -> int:
    """How many jobs more may be open, never negative. A tier that is gone takes none."""
    lane, tier = key_of(lane=lane, tier=tier)
    jobs = Backfill.objects.filter(lane=lane, state__in=OPEN_STATES)
    if lane is Lane.HISTORY:
        return max(0, int(getattr(settings, "HISTORY_BACKFILL_CAP", HISTORY_CAP)) - jobs.count())
    cap = Tier.objects.filter(pk=tier).values_list("backfill_cap", flat=True).first() or 0
    return max(0, cap - jobs.filter(tier=tier).count())


def key_of(*, lane: Lane, tier: str) -> tuple[Lane, str]:
    """Which cap holds: the history lane has one for all tiers."""
    return lane, tier if lane is Lane.RECENT else ""


def _keys(tiers: Iterable[str]) -> list[tuple[Lane, str]]:
    return [*((Lane.RECENT, tier) for tier in sorted(set(tiers))), (Lane.HISTORY, "")]
