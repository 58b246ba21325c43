"""What an operator may say about a provider: forced open or closed for a time, readmitted after isolation."""

from datetime import datetime

from django.db import transaction

from providers.breaker import Phase
from providers.models import ProviderState
from providers.services.standings import locked


def force(
    *, provider_id: int, capability: str, kind: Phase, until: datetime, reason: str, by: str, now: datetime
) -> ProviderState:
    """Overrule the breaker until a time. Raises: ValueError for half-open, for no reason given, for a time that is over."""
    if kind is Phase.HALF_OPEN:
        raise ValueError("a breaker can be forced open or closed, got half_open")
    if not reason.strip():
        raise ValueError("expected a reason, so that the next operator sees why")
    if until <= now:
        raise ValueError(f"expected an expiry after {now.isoformat()}, got {until.isoformat()}")
    with transaction.atomic():
        row = locked(provider_id=provider_id, capability=capability)
        row.forced, row.forced_until = kind.value, until
        row.forced_by, row.forced_reason = by[:150], reason.strip()[:200]
        row.save(update_fields=["forced", "forced_until", "forced_by", "forced_reason"])
    return row


def unforce(*, provider_id: int, capability: str) -> bool:
    """Let the breaker decide again; false when it was not forced."""
    rows = ProviderState.objects.filter(provider_id=provider_id, capability=capability).exclude(forced="")
    return bool(rows.update(forced="", forced_until=None, forced_by="", forced_reason=""))


def readmit(*, provider_id: int, capability: str) -> bool:
    """Let an isolated provider be asked again; false when it was not isolated."""
    rows = ProviderState.objects.filter(provider_id=provider_id, capability=capability).exclude(isolated_at=None)
    return bool(rows.update(isolated_at=None, isolated_reason=""))
