"""`GET /metrics`: what all processes of this machine counted, and what the rows say now."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from collector.calendar_gauges import Loading, calendar_gauges
from collector.gauges import backfill_queues, dead_letters, ingestion_lag, open_incidents
from marketdata_site.api_errors import refusal_of
from marketdata_site.observability.clock import now
from marketdata_site.observability.metrics import CONTENT_TYPE, page
from marketdata_site.observability.row_gauges import RowGauges
from ops.auth import may_scrape
from ops.gauges import beats, objectives
from providers.gauges import circuit_states, reloads

_calendars = Loading()
row_gauges = RowGauges(
    [
        lambda: circuit_states(now=now()),
        reloads,
        lambda: backfill_queues(now=now()),
        dead_letters,
        open_incidents,
        objectives,
        beats,
        lambda: calendar_gauges(now=now(), calendars=_calendars),
        lambda: () if _calendars.is_reading else ingestion_lag(now=now()),  # it would wait for them
    ]
)
"""One for the process, so that several scrapers at once cost one reading."""


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus. Callers are let in as to the REST API, or by their network."""
    is_open = may_scrape(peer=request.META.get("REMOTE_ADDR"), header_names=request.headers)
    refusal = None if is_open else refusal_of(request)
    if refusal is not None:
        return refusal
    return HttpResponse(page(row_gauges), content_type=CONTENT_TYPE)
