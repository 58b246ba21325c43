"""Read endpoints over what is held: bars, instruments, coverage. Who may call them is decided where they are mounted."""

from datetime import date, datetime, timedelta

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from collector.api_schemas import (
    MOST_SESSIONS,
    BarsIn,
    BarsOut,
    CoverageIn,
    GapsIn,
    GapsOut,
    InstrumentsIn,
    InstrumentsOut,
)
from collector.api_tools import invalid, json
from collector.coverage_json import session_as_json
from collector.coverage_schemas import CoverageOut
from collector.gap_table import one_as_json
from collector.incidents_api import router as incidents_router
from collector.overrides_api import router as overrides_router
from collector.quotes_api import router as quotes_router
from collector.selectors.bars import BarsQuery, Page, bars_page
from collector.selectors.coverage_states import states_of
from collector.selectors.gap_pages import gaps_page
from collector.selectors.instruments import instruments_page
from collector.selectors.kept import bars_kept_from, refuse_forgotten
from collector.selectors.recorded_bars import RecordedQuery, recorded_page
from collector.selectors.scopes import Scope
from collector.selectors.series import find_instruments, find_series
from marketdata_site.observability import clock
from providers.api_errors import ApiError, refuse_unknown
from providers.market.types import Interval, from_us
from providers.services import policies

router = Router(tags=["data"])
router.add_router("", quotes_router)
router.add_router("", incidents_router)
router.add_router("", overrides_router)


@router.get("/bars", response=BarsOut, operation_id="list_bars", summary="Bars of one or several symbols")
def list_bars(request: HttpRequest, query: Query[BarsIn]) -> HttpResponse:
    """Bars by symbol and time, a page at a time.

    `start` is inclusive, `end` exclusive; both apply to the bar's open. `1m`, `30m` and `1d` bars are returned as vendors sent them.
    `5m`, `15m` and `1h` are made from the 1m bars on read: counted from the session's open (`anchor=session`, off-session minutes
    left out) or from 00:00 UTC (`anchor=clock`); such a bar is `complete` when every expected minute is held or proven empty;
    its volume is null when one minute's is unknown, its vwap when one minute has none. `source=native` asks for a collected series
    of that very interval instead. A page of derived bars may hold fewer than `limit`: go on until `next` is null.

    `as_of` gives the values that were held at that moment; which slots are proven empty is always judged by today's knowledge. Where
    the answer would lack what is deleted by now, it is refused (`not_kept`).

    `recorded_since` lists what was recorded from that moment on instead, by the time it was recorded: bars as vendors sent them, of
    all series that fit `symbol`, `interval`, `mic`, `hours` and `adjustment`, each of which may be left out.
    """
    refuse_unknown(request, BarsIn)
    page = _bars(query) if query.recorded_since is None else _recorded(query, query.recorded_since)
    kept = bars_kept_from(clock.now_us(), query.interval or Interval.M1)
    return json({"bars": page.bars, "next": page.next, "kept_from": None if kept is None else from_us(kept)})


def _bars(query: BarsIn) -> Page:
    if query.recorded_until is not None:
        raise invalid("recorded_until", "goes with recorded_since")
    if not query.symbol:
        raise invalid("symbol", "required, unless recorded_since is given")
    if query.start is None:
        raise invalid("start", "required, unless recorded_since is given")
    interval = query.interval or Interval.M1
    if query.as_of is not None:
        refuse_forgotten(as_of=query.as_of, start=query.start, interval=interval, now=clock.now_us())
    taken = {"symbol", "interval", "start", "end", "recorded_since", "recorded_until"}
    return bars_page(
        BarsQuery(
            symbols=tuple(query.symbol),
            interval=interval,
            start=query.start,
            end=query.end or clock.now(),
            **query.model_dump(exclude=taken),
        )
    )


def _recorded(query: BarsIn, since: datetime) -> Page:
    for name in sorted(query.model_fields_set & {"start", "end", "as_of", "anchor"}):
        raise invalid(name, "does not go with recorded_since")
    if query.source == "derived":
        raise invalid("source", "with recorded_since there are native bars only")
    wanted = RecordedQuery(
        since=since,
        until=query.recorded_until,
        symbols=tuple(query.symbol),
        interval=query.interval,
        mic=query.mic,
        hours=query.hours,
        adjustment=query.adjustment,
        limit=query.limit,
        after=query.after,
    )
    return recorded_page(wanted, now=clock.now())


@router.get("/instruments", response=InstrumentsOut, operation_id="list_instruments", summary="Instruments and their series")
def list_instruments(request: HttpRequest, query: Query[InstrumentsIn]) -> HttpResponse:
    """Instruments by symbol and MIC, a page at a time, each with what is collected of it."""
    refuse_unknown(request, InstrumentsIn)
    page = instruments_page(
        prefix=query.symbol,
        tier=query.tier,
        mic=query.mic,
        asset_class=query.asset_class,
        limit=query.limit,
        after=query.after,
    )
    return json({"instruments": page.instruments, "next": page.next})


@router.get("/coverage", response=CoverageOut, operation_id="list_coverage", summary="What is there and what is missing")
def list_coverage(request: HttpRequest, query: Query[CoverageIn]) -> HttpResponse:
    """Per symbol and session: slots expected so far, held, proven empty by whom, and missing, with state and cause of each span.

    `start` and `end` are session dates, both included. Expected are the calendar's slots that have closed, inside of the series'
    `collect_from`/`collect_until` or of history that was asked for, and of the instrument's listing; less those that calendar
    overrides take away. Sessions without any are left out.
    """
    refuse_unknown(request, CoverageIn)
    last = _last_session(query)
    series = find_series(
        symbols=query.symbol, mic=query.mic, interval=query.interval, hours=query.hours, adjustment=query.adjustment
    )
    found = states_of(series=series, first=query.start, last=last, now=clock.now_us(), snapshot=policies.current())
    return json({"coverage": [session_as_json(one, session) for one, sessions in found for session in sessions]})


@router.get("/coverage/gaps", response=GapsOut, operation_id="list_gaps", summary="What is missing, of any number of series")
def list_gaps(request: HttpRequest, query: Query[GapsIn]) -> HttpResponse:
    """Runs of missing slots by series, in the order these were made, and time, a page at a time.

    `start` and `end` are session dates, both included. Other than under `/coverage`, slots that have just closed are not listed
    before the slowest provider of their route may have had them, and neither are series that are not active.
    """
    refuse_unknown(request, GapsIn)
    last = _last_session(query)
    if query.symbol:
        find_instruments(symbols=query.symbol, mic=query.mic)  # refuses unknown and ambiguous ones
    scope = Scope(
        tiers=[query.tier] if query.tier else None, symbols=query.symbol or None, mic=query.mic, interval=query.interval
    )
    page = gaps_page(
        scope=scope,
        snapshot=policies.current(),
        now=clock.now_us(),
        first=query.start,
        last=last,
        limit=query.limit,
        after=query.after,
    )
    return json({"gaps": [one_as_json(gap) for gap in page.gaps], "next": page.next})


def _last_session(query: CoverageIn | GapsIn) -> date:
    last = query.end or query.start
    if not query.start <= last < query.start + timedelta(days=MOST_SESSIONS):
        raise ApiError(f"end: expected {MOST_SESSIONS} dates at most, none before start", code="bad_range", field="end")
    return last
