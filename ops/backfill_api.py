"""Endpoints about ranges that are to be filled. Each makes one call of `ops.backfills`."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from collector.history_table import cost_as_json, progress_as_json
from marketdata_site.observability import clock
from ops import backfills
from ops.actors import of_request
from ops.backfill_schemas import ERRORS, BackfillIn, EstimateOut, ProgressOut, RangeIn, RequestedOut
from ops.backfills import Estimate
from providers.api_errors import refuse_unknown

router = Router(tags=["backfill"])


@router.post(
    "",
    response={200: EstimateOut, 202: RequestedOut},
    openapi_extra=ERRORS,
    summary="Ask for a range to be filled, or what that would cost",
)
def ask_for_range(request: HttpRequest, asked: BackfillIn) -> Status[dict[str, Any]]:
    """202: the range is wanted from now on, and jobs are on their way. With `dry_run` 200, and nothing is changed."""
    refuse_unknown(request, takes_body=True)  # such as a dry_run, which belongs there
    actor, now = of_request(request), clock.now()
    if asked.dry_run:
        return Status(200, _as_json(backfills.estimate(actor, asked=asked.range(), now=now)))
    made = backfills.request(actor, asked=asked.range(), now=now, reason=asked.note)
    counts = {"enqueued": made.scanned.enqueued, "merged": made.scanned.merged, "dropped": made.scanned.dropped}
    return Status(202, {**_as_json(made.estimate), "widened": made.widened, **counts})


@router.get("", response=ProgressOut, openapi_extra=ERRORS, summary="How far a range is filled")
def range_progress(request: HttpRequest, query: Query[RangeIn]) -> dict[str, Any]:
    """Read from rows at each call: what is held, proven empty and missing, and the jobs that see to it."""
    refuse_unknown(request, RangeIn)
    return progress_as_json(backfills.progress(of_request(request), asked=query.range(), now=clock.now()))


def _as_json(found: Estimate) -> dict[str, Any]:
    return {
        "series": len(found.windows.within),
        "missing": found.missing,
        "attended": found.attended,
        "cost": cost_as_json(found.cost),
        "outside": list(found.windows.outside),
    }
