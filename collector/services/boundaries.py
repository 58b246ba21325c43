"""Which tiers are due for a plan: each boundary once in the whole fleet, however many beats fire."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connection

from collector.core.live import boundary_of, is_planned
from collector.models import Tier
from providers.market.types import SECOND_US, Micros, from_us, to_us


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How one kind of plan is made: its advisory lock, the tier's field that says how far it has come, its seconds."""

    lock: int
    mark: str
    cadence: Callable[[Tier], int]
    lateness: Callable[[Tier], int]


def claim(rhythm: Rhythm, *, now: Micros) -> Iterator[tuple[Tier, Micros]]:
    """Tiers with a boundary that nobody has planned for, each with that boundary. None while another planner is at it.

    The tier's mark moves in the caller's transaction, under the lock: a second beat, or a late doorbell, finds nothing to do.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [rhythm.lock])
        if not cursor.fetchone()[0]:
            return
    for tier in Tier.objects.all():
        cadence = rhythm.cadence(tier) * SECOND_US
        boundary = boundary_of(now, cadence=cadence, lateness=rhythm.lateness(tier) * SECOND_US)
        planned = getattr(tier, rhythm.mark)
        if planned is not None and is_planned(boundary, to_us(planned), cadence=cadence):
            continue
        Tier.objects.filter(pk=tier.pk).update(**{rhythm.mark: from_us(boundary)})
        yield tier, boundary
