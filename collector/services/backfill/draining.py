"""Work off what is due, one batch after the other: recent gaps before history, and no tier starves."""

import random
import time

from collector.core.retry import turns
from collector.models import Tier
from collector.models.backfills import Backfill, Lane
from collector.schemas import MAX_SYMBOLS
from collector.services.backfill.asking import span_of
from collector.services.backfill.claiming import Batch, claim, everybody
from collector.services.backfill.running import run
from collector.services.backfill.waking import wake
from marketdata_site.observability.clock import now, now_us
from providers.adapter import refusal_of
from providers.budget import most_at_once
from providers.calls import symbols_a_call
from providers.lanes import Lane as ProviderLane
from providers.loop import EventLoopThread
from providers.market.types import AssetClass, BarQuery, Capability, Interval
from providers.selectors import route
from providers.services import policies
from providers.watch import MAX_CONCURRENT_CALLS

DRAIN_S = 50.0
"""No new batch after so long: a worker that is to stop or to be recycled is never held for longer than a batch."""


def drain(*, worker: str, loop: EventLoopThread, seconds: float = DRAIN_S) -> int:
    """Claim and run batches until nothing is due or the time is over; returns how many jobs were settled. Several may drain at once."""
    until, settled = time.monotonic() + seconds, 0
    wake(now=now())
    while time.monotonic() < until and (batch := next_batch(worker)) is not None:
        settled += run(batch, loop=loop)
    return settled


def next_batch(worker: str) -> Batch | None:
    """Claim what a worker is to do next, if anything is due: a batch of recent gaps before one of history."""
    tiers = list(Tier.objects.order_by("code").values_list("code", flat=True))
    for lane in (Lane.RECENT, Lane.HISTORY):
        order = turns(tiers, draw=random.random())  # noqa: S311  no secret
        if (batch := claim(lane=lane, tiers=order, now=now(), worker=worker, limit=_LIMITS[lane])) is not None:
            return batch
    return None


def at_once(head: Backfill) -> int:
    """How many symbols the first provider that has such bars delivers by one round of calls: history that takes longer holds a worker."""
    interval, (start, end) = Interval(head.series.interval), span_of(head)
    asset_class, moment = AssetClass(head.series.instrument.asset_class), now_us()
    route_of = route(
        policies.current(), capability=Capability.of_bars(interval), tier=head.tier, only=head.pinned_provider or None
    )
    for one in route_of:
        if one.name in head.excluded_providers:
            continue
        query = BarQuery((), interval, start, end, asset_class, one.account.adjustment)
        if refusal_of(one.adapter, query, account=one.account, now=moment) is None:
            size = symbols_a_call(one, tokens=most_at_once(one.allowance, lane=ProviderLane.HISTORY))
            return min(MAX_SYMBOLS, MAX_CONCURRENT_CALLS * size)
    return MAX_CONCURRENT_CALLS


_LIMITS = {Lane.RECENT: everybody, Lane.HISTORY: at_once}
