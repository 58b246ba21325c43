"""How fast operations may go under the policy that is active: by the vendor that is asked first for each kind of job."""

from collections.abc import Sequence
from typing import Any

from collector.core.bulk import LEAST_A_TICK, Pace, chunk_size
from collector.services.dead_letters import Asking
from ops.models import BulkKind, BulkOperation, BulkState
from providers.accounts import symbols_per_call
from providers.adapter import symbols_for
from providers.budget import most_at_once
from providers.lanes import Lane
from providers.market.types import Capability, Interval
from providers.policy import Snapshot
from providers.selectors import Candidate, route


def pace_of(snapshot: Snapshot, *, tier: str, interval: str, asking: Asking) -> Pace | None:
    """Of jobs of a tier and interval that ask as told; None where the policy has nobody to ask."""
    capability = Capability.of_bars(Interval(interval))
    found = route(snapshot, capability=capability, tier=tier, only=asking.pin or None)
    first = next((one for one in found if one.name not in (asking.exclude or ())), None)
    return None if first is None else _pace(first)


def chunk_of(snapshot: Snapshot, *, kinds: Sequence[dict[str, Any]], asking: Asking, operations: int) -> int:
    """Jobs of a tick, as the slowest kind goes that has some left, where so many operations requeue at the same time."""
    paces = []
    for kind in kinds:
        if kind["left"]:
            pace = pace_of(snapshot, tier=kind["tier"], interval=kind["interval"], asking=asking)
            if pace is None or not kind["calls"]:  # nobody to ask, now or when it was started
                paces.append(LEAST_A_TICK)
            else:
                paces.append(pace.jobs_a_tick(jobs=kind["jobs"], calls=kind["calls"]))
    return chunk_size(paces, operations=operations)


def requeueing(*, but: int = 0) -> int:
    """How many operations requeue at present, `but` one left out."""
    return BulkOperation.objects.filter(kind=BulkKind.REQUEUE, state=BulkState.RUNNING).exclude(pk=but).count()


def _pace(candidate: Candidate) -> Pace:
    limits, allowance = candidate.adapter.limits, candidate.allowance
    most = symbols_per_call(candidate.adapter, candidate.account)
    paid = symbols_for(limits, tokens=most_at_once(allowance, lane=Lane.HISTORY))
    return Pace(
        provider=candidate.name,
        tokens_per_minute=allowance.per_minute,
        live_reserve_percent=allowance.live_reserve_percent,
        symbols_per_call=max(1, most if paid is None else min(most, paid)),
        cost_per_call=limits.cost_per_call,
        cost_per_symbol=limits.cost_per_symbol,
    )
