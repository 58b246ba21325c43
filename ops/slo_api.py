"""`GET /ops/slo`: how the objectives stand, and how they stood."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from collector.api_tools import json
from marketdata_site.observability import clock
from ops.slo.reading import STALE, histories_as_json, history, newest, standing_as_json, step_of
from ops.slo_schemas import SloIn, SloOut
from providers.api_errors import refuse_unknown

router = Router(tags=["operations"])


@router.get("", response=SloOut, operation_id="show_objectives", summary="What share of series is behind, by tier and interval")
def show_objectives(request: HttpRequest, query: Query[SloIn]) -> HttpResponse:
    """As the monitor found it when it ran last, and over the last hours, in at most 720 stretches of equal length."""
    refuse_unknown(request, SloIn)
    now, span = clock.now(), timedelta(hours=query.hours)
    interval = query.interval and query.interval.value
    found = newest(tier=query.tier, interval=interval)
    step = step_of(span)
    past = history(span=span, step=step, now=now, tier=query.tier, interval=interval)
    return json(
        {
            "at": found.run and found.run.at,
            "ran_at": found.run and found.run.ran_at,
            "stale": found.run is None or now - found.run.at > STALE,
            "objectives": [standing_as_json(one) for one in found.standings],
            "step_seconds": int(step.total_seconds()),
            "history": list(histories_as_json(past)),
        }
    )
