"""Work off what is due, one batch after the other: recent gaps before history, and no tier starves."""

import random
import time

from collector.core.retry import turns
from collector.models import Tier
from collector.models.backfills import Lane
from collector.services.backfill.claiming import Batch, claim
from collector.services.backfill.running import run
from marketdata_site.observability.clock import now
from providers.loop import EventLoopThread

DRAIN_S = 50.0
"""No new batch after so long: a worker that is to stop or to be recycled is never held for longer than a batch."""


def drain(*, worker: str, loop: EventLoopThread, seconds: float = DRAIN_S) -> int:
    """Claim and run batches until nothing is due or the time is over; returns how many jobs were settled. Several may drain at once."""
    until, settled = time.monotonic() + seconds, 0
    while time.monotonic() < until and (batch := _next(worker)) is not None:
        settled += run(batch, loop=loop)
    return settled


def _next(worker: str) -> Batch | None:
    tiers = list(Tier.objects.order_by("code").values_list("code", flat=True))
    for lane in (Lane.RECENT, Lane.HISTORY):
        order = turns(tiers, draw=random.random())  # noqa: S311  no secret
        if (batch := claim(lane=lane, tiers=order, now=now(), worker=worker)) is not None:
            return batch
    return None
