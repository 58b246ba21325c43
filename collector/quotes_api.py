"""Read endpoints over quotes."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from collector.api_schemas import LatestQuotesIn, LatestQuotesOut, QuotesIn, QuotesOut
from collector.api_tools import invalid, json
from collector.selectors.kept import quotes_kept_from
from collector.selectors.quotes import Page, QuotesQuery, latest_quotes, quotes_page
from collector.selectors.recorded_quotes import RecordedQuery, recorded_page
from marketdata_site.observability import clock
from providers.api_errors import refuse_unknown
from providers.market.types import from_us

router = Router(tags=["data"])


@router.get("/quotes/latest", response=LatestQuotesOut, operation_id="latest_quotes", summary="The newest quote of each symbol")
def list_latest(request: HttpRequest, query: Query[LatestQuotesIn]) -> HttpResponse:
    """The newest quote that is held of each symbol, by symbol; one of which there is none yet has no entry."""
    refuse_unknown(request, LatestQuotesIn)
    return json({"quotes": latest_quotes(symbols=query.symbol, mic=query.mic)})


@router.get("/quotes", response=QuotesOut, operation_id="list_quotes", summary="Quotes of one or several symbols")
def list_quotes(request: HttpRequest, query: Query[QuotesIn]) -> HttpResponse:
    """Quotes by symbol and time, a page at a time, as often as they were asked for and as vendors sent them.

    `start` is inclusive, `end` exclusive; both apply to `at`, the quote's own time.

    `recorded_since` lists what was recorded from that moment on instead, by the time it was recorded: quotes of all instruments
    that fit `symbol` and `mic`, each of which may be left out.
    """
    refuse_unknown(request, QuotesIn)
    page = _quotes(query) if query.recorded_since is None else _recorded(query, query.recorded_since)
    return json({"quotes": page.quotes, "next": page.next, "kept_from": from_us(quotes_kept_from(clock.now_us()))})


def _quotes(query: QuotesIn) -> Page:
    if query.recorded_until is not None:
        raise invalid("recorded_until", "goes with recorded_since")
    if not query.symbol:
        raise invalid("symbol", "required, unless recorded_since is given")
    if query.start is None:
        raise invalid("start", "required, unless recorded_since is given")
    return quotes_page(
        QuotesQuery(
            symbols=tuple(query.symbol),
            mic=query.mic,
            start=query.start,
            end=query.end or clock.now(),
            limit=query.limit,
            after=query.after,
        )
    )


def _recorded(query: QuotesIn, since: datetime) -> Page:
    for name in sorted(query.model_fields_set & {"start", "end"}):
        raise invalid(name, "does not go with recorded_since")
    wanted = RecordedQuery(
        since=since,
        until=query.recorded_until,
        symbols=tuple(query.symbol),
        mic=query.mic,
        limit=query.limit,
        after=query.after,
    )
    return recorded_page(wanted, now=clock.now())
