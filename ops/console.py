"""The admin's first page: is data coming, and if not, where does it stop. Each number is bounded, none counts a large table."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.utils.safestring import SafeString

from collector.models import Incident
from collector.selectors.calendars import calendar_faults
from marketdata_site.observability import clock
from ops.slo.board import board
from providers.admin.marks import health_marks
from providers.lanes import Lane
from providers.market.types import Micros, from_us
from providers.models import Provider, ReloadAttempt
from providers.selectors.health import ProviderHealth, providers_health
from providers.selectors.versions import Following, processes
from providers.services import policies

MOST_COUNTED = 10_000

# One index look-up a series: 10,000 series take some 50 ms. `1d` is left out, its slots end at midnight.
_TIERS = """
SELECT t.code, count(DISTINCT s.instrument_id), count(s.id) FILTER (WHERE s.is_active), count(s.id),
       max(c.newest) FILTER (WHERE s.interval <> '1d')
FROM collector_tier t
LEFT JOIN collector_series s ON s.tier_id = t.code
LEFT JOIN LATERAL (
    SELECT upper(held) AS newest FROM collector_coverage
    WHERE series_id = s.id AND NOT isempty(held) ORDER BY session DESC LIMIT 1
) c ON true
GROUP BY t.code ORDER BY t.code
"""
_REJECTED = "SELECT count(*) FROM (SELECT 1 FROM collector_rejectedbar WHERE last_seen_at >= %s LIMIT %s) recent"
_UNPUBLISHED = "SELECT count(*) FROM (SELECT 1 FROM collector_feedbatch WHERE published_at IS NULL LIMIT %s) waiting"


@dataclass(frozen=True, slots=True)
class TierRow:
    """One tier: how much it collects and how far that reaches."""

    code: str
    instruments: int
    active_series: int
    series: int
    newest_end: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One provider: how it stands in the version that runs, what is in its way, and its variables, each with whether it is set here;
    never a value."""

    name: str
    is_enabled: bool
    state: SafeString
    blocked: str
    variables: list[tuple[str, bool]]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: adds what `templates/admin/index.html` shows."""
    now = clock.now()
    context.update(
        title="Dashboard",
        now=now,
        board=board(now=now),
        tiers=tier_rows(),
        providers=provider_rows(now=clock.now_us()),
        policy_faults=policy_faults(now=now),
        calendar_faults=calendar_faults(now=clock.now_us()),
        rejected=_bounded(_count(_REJECTED, [now - timedelta(days=1), MOST_COUNTED + 1])),
        incidents=Incident.objects.filter(ended_at=None).count(),
        unpublished=_bounded(_count(_UNPUBLISHED, [MOST_COUNTED + 1])),
    )
    return context


def tier_rows() -> list[TierRow]:
    """All tiers, by code."""
    with connection.cursor() as cursor:
        cursor.execute(_TIERS)
        return [TierRow(*row) for row in cursor.fetchall()]


def provider_rows(*, now: Micros) -> list[ProviderRow]:
    """All providers, by name."""
    health = {one.entry.name: one for one in providers_health(policies.current(), now=now)}
    return [
        ProviderRow(
            name=provider.name,
            is_enabled=provider.is_enabled,
            state=health_marks(health.get(provider.name)),
            blocked=_blocked(health.get(provider.name)),
            variables=[(name, bool(os.environ.get(name))) for name in provider.credentials.values()],
        )
        for provider in Provider.objects.all()
    ]


def policy_faults(*, now: datetime) -> list[str]:
    """What an operator has to know of the configuration that runs: none, a refused reload, who does not follow."""
    faults, active, last = [], policies.current().number, ReloadAttempt.objects.first()
    if active is None:
        faults.append("No policy version is active: nobody is asked before the first reload.")
    if last is not None and not last.is_ok:
        faults.append(f"The last reload was refused: {last.error}")
    lagging = [p.process for p in processes(active=active, now=now) if p.following is Following.LAGGING]
    if lagging and active is not None:
        faults.append(f"Not yet at version {active}: {', '.join(lagging[:3])}{', …' if len(lagging) > 3 else ''}")
    return faults


def _blocked(health: ProviderHealth | None) -> str:
    """Why its budget lets nothing through for longer than a minute."""
    room = None if health is None else health.rooms[Lane.LIVE]
    return (
        "" if room is None or room.blocked_until is None else f"{room.reason}, until {from_us(room.blocked_until):%H:%M:%S} UTC"
    )


def _count(sql: str, values: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    assert row is not None, "count(*) always returns a row"
    return int(row[0])


def _bounded(count: int) -> str:
    return f"more than {MOST_COUNTED:,}" if count > MOST_COUNTED else f"{count:,}"
