"""The feed over HTTP, for those who poll."""

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from collector.api_schemas import Instant
from collector.feed.replay import MAX_LIMIT, replay_messages
from collector.feed.ring import FeedUnavailable
from providers.api_errors import ApiError
from providers.market.types import EPOCH, to_us

router = Router(tags=["feed"])


class ReplayPage(Schema):
    """Messages as on `/ws/feed` (docs/feed.md), oldest first."""

    messages: list[dict[str, object]]
    next: str | None


class ReplayQuery(Schema):
    """Which page."""

    model_config = ConfigDict(extra="forbid")

    since: Instant = Field(EPOCH, description="published at or after; the oldest kept message when left out")
    limit: int = Field(100, ge=1, le=MAX_LIMIT)
    after: str | None = Field(None, max_length=60, description="`next` of the page before; `since` is then not looked at")


@router.get("/ws/replay", response={200: ReplayPage}, summary="Messages of the feed by the time they were published")
def replay(request: HttpRequest, query: Query[ReplayQuery]) -> HttpResponse:
    """One page; follow `next` until it is null. Reaches back as far as batches are kept (48 hours by default)."""
    try:
        page = replay_messages(since=max(to_us(query.since), 0), limit=query.limit, after=query.after)
    except FeedUnavailable:
        raise ApiError("the feed can't be read now, try again", code="feed_unavailable", status=503) from None
    except ValueError as error:
        raise ApiError(f"after: {error}", code="bad_cursor", field="after") from None
    body = b'{"messages":[' + b",".join(page.messages) + b'],"next":' + msgspec.json.encode(page.next) + b"}"
    return HttpResponse(body, content_type="application/json")
