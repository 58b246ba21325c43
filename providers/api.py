"""Read endpoints about providers: how each stands now, and how its score went. Never a secret, not even the name of one's variable."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.http import HttpRequest
from ninja import Query, Router

from marketdata_site.observability import clock
from providers.api_errors import NotFound, refuse_unknown
from providers.api_schemas import (
    BudgetOut,
    CapabilityOut,
    ForcedOut,
    HistoryIn,
    HistoryOut,
    IsolatedOut,
    PartsPointOut,
    PointOut,
    ProviderOut,
    ProvidersOut,
    RoomOut,
)
from providers.breaker import Phase
from providers.budget import Room
from providers.lanes import Lane
from providers.market.types import Micros, from_us
from providers.models import Provider
from providers.selectors.health import CapabilityHealth, ProviderHealth, providers_health
from providers.selectors.samples import Sample, last_samples, samples_since
from providers.services import policies

router = Router(tags=["providers"])


@router.get("/providers", response=ProvidersOut, operation_id="list_providers", summary="How each provider stands now")
def list_providers(request: HttpRequest) -> ProvidersOut:
    """Each provider of the active version: its capabilities in use with score, breaker and first places, and its budget."""
    refuse_unknown(request)
    snapshot = policies.current()
    return ProvidersOut(
        policy_version=None if snapshot.number is None else str(snapshot.number),
        providers=[_provider(health) for health in providers_health(snapshot, now=clock.now_us())],
    )


@router.get(
    "/providers/{name}/health-history",
    response=HistoryOut,
    operation_id="provider_health_history",
    summary="How a provider's score went",
)
def health_history(request: HttpRequest, name: str, query: Query[HistoryIn]) -> HistoryOut:
    """A sample every 10 s while the provider is in use, oldest first: the last 60, or those of the last `hours`.

    Without `capability` each point is the worst capability of its time; with it each point has its parts and phase too. Of more than
    2,000 samples the lowest of each of as many equal stretches of time is given.
    """
    refuse_unknown(request, HistoryIn)
    samples = _samples(_provider_id(name), query)
    if query.capability is not None:
        return HistoryOut(provider=name, history=[_with_parts(sample) for sample in samples])
    return HistoryOut(provider=name, history=[_point(sample) for sample in samples])


def _samples(provider_id: int, query: HistoryIn) -> list[Sample]:
    if query.hours is None:
        return last_samples(provider_id=provider_id, capability=query.capability)
    span = timedelta(hours=query.hours)
    return samples_since(provider_id=provider_id, capability=query.capability, span=span, now=clock.now())


def _provider_id(name: str) -> int:
    """Of any row, in the active version or not: its history is there. Raises: NotFound."""
    try:
        validate_slug(name)
    except ValidationError:
        found = None  # no row can have such a name, and Postgres would choke on a NUL
    else:
        found = Provider.objects.filter(name=name).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(f"unknown provider {name!r}", code="unknown_provider", field="name")
    return found


def _point(sample: Sample) -> PointOut:
    return PointOut(timestamp=sample.at.timestamp(), score=round(sample.score, 4))


def _with_parts(sample: Sample) -> PartsPointOut:
    return PartsPointOut(**_point(sample).model_dump(), parts=dict(sample.parts), phase=Phase(sample.phase))


def _provider(health: ProviderHealth) -> ProviderOut:
    live, history = health.rooms[Lane.LIVE], health.rooms[Lane.HISTORY]
    return ProviderOut(
        name=health.entry.name,
        adapter=health.entry.adapter,
        is_enabled=health.entry.is_enabled,
        capabilities=[_capability(one) for one in health.capabilities],
        budget=BudgetOut(live=_room(live), history=_room(history), quota_left=round(live.quota_share, 4)),
    )


def _capability(health: CapabilityHealth) -> CapabilityOut:
    forced = health.forced
    return CapabilityOut(
        capability=health.capability,
        score=round(health.score.value, 4),
        parts=health.score.to_json(),
        phase=health.phase,
        open_until=health.open_until,
        forced=None if forced is None else ForcedOut(until=from_us(forced.until), reason=forced.reason, by=forced.by),
        isolated=None if health.isolated_at is None else IsolatedOut(at=health.isolated_at, reason=health.isolated_reason),
        used_at=health.used_at,
        first_for=list(health.first_for),
    )


def _room(room: Room) -> RoomOut:
    return RoomOut(
        requests=room.count, retry_at=_moment(room.retry_at), blocked_until=_moment(room.blocked_until), reason=room.reason
    )


def _moment(at: Micros | None) -> datetime | None:
    return None if at is None else from_us(at)
