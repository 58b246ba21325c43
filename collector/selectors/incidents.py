"""Incidents as operators look at them: open ones, ended ones, and who still misses something of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Q

from collector.models import Backfill, Incident
from collector.selectors import cursors
from collector.selectors.attended import TAKEN_STATES


class Which(StrEnum):
    """Which incidents a list shows."""

    OPEN = "open"
    ENDED = "ended"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class IncidentsPage:
    """Incidents, newest first, and the cursor of the next page, None after the last."""

    incidents: list[Incident]
    next: str | None


def incidents_page(*, which: Which, limit: int, after: str | None = None) -> IncidentsPage:
    """One page, those that were found last first. Raises: ApiError for a bad cursor."""
    rows = Incident.objects.order_by("-found_at", "-id")
    if which is not Which.ALL:
        rows = rows.filter(ended_at__isnull=which is Which.OPEN)
    if after is not None:
        found_at, number = cursors.decode_moment(after)
        rows = rows.filter(found_at__lte=found_at).filter(Q(found_at__lt=found_at) | Q(pk__lt=number))
    page = list(rows[: limit + 1])
    kept = page[:limit]
    return IncidentsPage(kept, cursors.encode((kept[-1].found_at.isoformat(), kept[-1].pk)) if len(page) > limit else None)


def incident_as_json(incident: Incident) -> dict[str, Any]:
    """What lists show."""
    return {
        "incident_id": incident.pk,
        "calendar": incident.calendar,
        "interval": incident.interval,
        "start": incident.start,
        "end": incident.end,
        "series_now": incident.series_now,
        "series_worst": incident.series_worst,
        "tiers": incident.tiers,
        "symbols": incident.symbols,
        "cause": incident.cause,
        "providers": incident.providers,
        "found_at": incident.found_at,
        "last_seen_at": incident.last_seen_at,
        "ended_at": incident.ended_at,
        "part_of": incident.part_of_id,
    }


def jobs_left(incident: Incident, *, most: int) -> Sequence[Backfill]:
    """Some of the jobs that are open or dead for time of the incident, by symbol, with series and instrument."""
    found = Backfill.objects.filter(
        series__instrument__calendar=incident.calendar,
        series__interval=incident.interval,
        state__in=TAKEN_STATES,
        start__lt=incident.end,
        end__gt=incident.start,
    )
    return list(found.select_related("series__instrument").order_by("series__instrument__symbol", "start")[:most])
