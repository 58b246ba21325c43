"""`GET /incidents`: time that many series miss at once."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema

from collector.api_schemas import Cursor
from collector.api_tools import json
from collector.core.causes import Cause
from collector.selectors.incidents import Which, incident_as_json, incidents_page
from providers.api_errors import refuse_unknown
from providers.market.types import Interval

router = Router(tags=["data"])


class IncidentsIn(Schema):
    """Parameters of `GET /incidents`."""

    state: Which = Field(Which.OPEN, description="Open ones, ended ones, or all.")
    limit: int = Field(100, ge=1, le=1_000)
    after: Cursor | None = None


class IncidentOut(Schema):
    """Missing time that many series of one calendar and interval share."""

    incident_id: int
    calendar: str
    interval: Interval
    start: datetime
    end: datetime = Field(description="Exclusive. Both grow apart with the outage.")
    series_now: int = Field(description="Series that still missed some of it when it was last looked at.")
    series_worst: int = Field(description="The most that did at once.")
    tiers: list[str]
    symbols: list[str] = Field(description="Some of them, from when most were missing.")
    cause: Cause = Field(description="The commonest among its jobs; pending while no vendor was asked.")
    providers: dict[str, dict[str, int]] = Field(description="What vendors said to its jobs, by provider and code, how often.")
    found_at: datetime
    last_seen_at: datetime = Field(description="When something of it was last missing.")
    ended_at: datetime | None
    part_of: int | None = Field(description="The incident that it turned out to be one with.")


class IncidentsOut(Schema):
    """One page, those that were found last first."""

    incidents: list[IncidentOut]
    next: str | None = Field(description="Hand it back as `after`; null on the last page.")


@router.get(
    "/incidents", response=IncidentsOut, operation_id="list_incidents", summary="Outages: what many series miss at once"
)
def list_incidents(request: HttpRequest, query: Query[IncidentsIn]) -> HttpResponse:
    """Time that at least `MARKETDATA_INCIDENT_SERIES` series missed at once, a page at a time; open ones unless others are asked for."""
    refuse_unknown(request, IncidentsIn)
    page = incidents_page(which=query.state, limit=query.limit, after=query.after)
    return json({"incidents": [incident_as_json(one) for one in page.incidents], "next": page.next})
