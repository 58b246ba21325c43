"""The history of each provider's health: a sample with all its parts every 10 s while it is in use."""

from datetime import datetime, timedelta

from django.db import transaction

from providers import state_rows
from providers.breaker import Phase, effective
from providers.budget import Allowance
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros, from_us
from providers.models import HealthSample, ProviderState
from providers.policy import Snapshot
from providers.scoring import score
from providers.services.budgeting import room_of
from providers.services.choosing import quota_of
from providers.services.standings import refreshed, save

PERIOD_US = 10 * SECOND_US
IN_USE = timedelta(minutes=10)
"""Asked within so long; one that nobody asks has no health to speak of."""


def sample(snapshot: Snapshot, *, now: Micros) -> int:
    """Write the scores of all providers in use as of now, and add them to the history; answers how many samples are new.

    Twice within one period adds nothing.
    """
    at = from_us(now // PERIOD_US * PERIOD_US)
    rows = ProviderState.objects.filter(used_at__gte=from_us(now) - IN_USE).values_list("pk", flat=True)
    samples = [made for pk in rows if (made := _sample(pk, snapshot, at=at, now=now)) is not None]
    before = set(HealthSample.objects.filter(at=at).values_list("provider_id", "capability"))
    HealthSample.objects.bulk_create(samples, ignore_conflicts=True)
    return sum((made.provider_id, made.capability) not in before for made in samples)


def _sample(pk: int, snapshot: Snapshot, *, at: datetime, now: Micros) -> HealthSample | None:
    with transaction.atomic():
        row = ProviderState.objects.select_for_update(skip_locked=True).order_by("pk").filter(pk=pk).first()
        # A row that is being reported on has its score written by that: it is sampled as it was before.
        is_ours, row = row is not None, row or ProviderState.objects.filter(pk=pk).first()
        if row is None:
            return None
        state = refreshed(state_rows.at(state_rows.read(row), now=now), promote=snapshot.promote, now=now)
        if is_ours and state.breaker.phase is Phase.CLOSED:  # half-open is what time makes of open: nobody writes it
            save(row, state, now=now)
    scored = score(state.health, now=now, quota=_quota(row.provider_id, snapshot, now))
    return HealthSample(
        provider_id=row.provider_id,
        capability=row.capability,
        at=at,
        score=scored.value,
        phase=effective(state.breaker, state.override, now=now).value,
        parts=scored.to_json(),
    )


def _quota(provider_id: int, snapshot: Snapshot, now: Micros) -> float:
    entry = next((entry for entry in snapshot.providers.values() if entry.id == provider_id), None)
    if entry is None or entry.rate_per_day is None:
        return 1.0
    allowance = Allowance(entry.rate_per_minute, entry.live_reserve_percent, entry.rate_per_day)
    return quota_of(room_of({provider_id: allowance}, lane=Lane.LIVE, now=now)[provider_id])
