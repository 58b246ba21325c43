"""Endpoints about ranges of bars that an operator knows better about. Each makes one call of `ops.ranges`."""

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from collector.api_schemas import Instant, Mic, Prefix
from marketdata_site.observability import clock
from ops import ranges
from ops.actors import of_request
from ops.dlq_schemas import CHANGE_ERRORS, ProviderName, Reason
from providers.api_errors import refuse_unknown
from providers.market.types import Adjustment, Hours, Interval

router = Router(tags=["ranges"])


class InvalidateIn(Schema):
    """Which range of which series, and who is to be asked."""

    symbol: Prefix = Field(description="Whole; capitals matter.")
    start: Instant = Field(description="Inclusive. RFC 3339 with a zone.")
    end: Instant = Field(description="Exclusive. RFC 3339 with a zone; 400 days after start at most.")
    mic: Mic | None = Field(None, description="Needed where a symbol trades at several venues.")
    interval: Interval = Interval.M1
    hours: Hours | None = Field(None, description="Default: regular where there is such a series, else extended.")
    adjustment: Adjustment | None = Field(None, description="Default: the first there is of raw, split, dividend, all.")
    provider: ProviderName | None = Field(None, description="Only its values count in the range from now on.")
    reason: Reason = Field(description="Why the range is bad. Kept with it.")
    dry_run: bool = Field(False, description="Only count.")

    def range(self) -> ranges.RangeOf:
        """The same for the service."""
        return ranges.RangeOf(**self.model_dump(exclude={"provider", "reason", "dry_run"}))


class InvalidatedOut(Schema):
    """What became of the range."""

    bars: int = Field(description="How many held bars were taken back. Their values stay as revisions.")
    slots: int = Field(
        description="How many slots are asked for anew by jobs; without a provider those of the live window need none."
    )
    jobs: int


@router.post(
    "/invalidate",
    response=InvalidatedOut,
    openapi_extra=CHANGE_ERRORS,
    summary="Declare a range of bars bad and ask for it anew",
)
def invalidate(request: HttpRequest, query: Query[InvalidateIn]) -> InvalidatedOut:
    """All or nothing: 409 where its jobs don't fit under their cap."""
    refuse_unknown(request, InvalidateIn)
    done = ranges.invalidate_range(
        of_request(request),
        bad=query.range(),
        provider=query.provider,
        reason=query.reason,
        now=clock.now(),
        is_dry=query.dry_run,
    )
    return InvalidatedOut(bars=done.bars, slots=done.slots, jobs=done.jobs)
