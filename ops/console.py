"""The admin's first page: is data coming, and if not, where does it stop. Each number is bounded, none counts a large table."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest

from collector.selectors.calendars import calendar_faults
from marketdata_site.observability import clock
from providers.models import Provider

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
    """One provider and its variables, each with whether it is set here; never a value."""

    name: str
    is_enabled: bool
    variables: list[tuple[str, bool]]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: adds what `templates/admin/index.html` shows."""
    now = clock.now()
    context.update(
        title="Dashboard",
        now=now,
        tiers=tier_rows(),
        providers=provider_rows(),
        calendar_faults=calendar_faults(now=clock.now_us()),
        rejected=_bounded(_count(_REJECTED, [now - timedelta(days=1), MOST_COUNTED + 1])),
        unpublished=_bounded(_count(_UNPUBLISHED, [MOST_COUNTED + 1])),
    )
    return context


def tier_rows() -> list[TierRow]:
    """All tiers, by code."""
    with connection.cursor() as cursor:
        cursor.execute(_TIERS)
        return [TierRow(*row) for row in cursor.fetchall()]


def provider_rows() -> list[ProviderRow]:
    """All providers, by name."""
    return [
        ProviderRow(
            name=provider.name,
            is_enabled=provider.is_enabled,
            variables=[(name, bool(os.environ.get(name))) for name in provider.credentials.values()],
        )
        for provider in Provider.objects.all()
    ]


def _count(sql: str, values: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    assert row is not None, "count(*) always returns a row"
    return int(row[0])


def _bounded(count: int) -> str:
    return f"more than {MOST_COUNTED:,}" if count > MOST_COUNTED else f"{count:,}"
