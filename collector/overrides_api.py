"""Read endpoint over calendar overrides; they are made in the admin."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from collector.api_schemas import OverridesIn, OverridesOut
from collector.api_tools import json
from collector.selectors.override_pages import overrides_page
from providers.api_errors import refuse_unknown

router = Router(tags=["data"])


@router.get(
    "/calendar/overrides", response=OverridesOut, operation_id="list_overrides", summary="What operators say against calendars"
)
def list_overrides(request: HttpRequest, query: Query[OverridesIn]) -> HttpResponse:
    """Closures, late opens, early closes, halts and maintenance, in the order in which they were said, a page at a time."""
    refuse_unknown(request, OverridesIn)
    page = overrides_page(start=query.start, end=query.end, kind=query.kind, limit=query.limit, after=query.after)
    return json({"overrides": page.overrides, "next": page.next})
