"""What is missing: expected slots that are neither held nor proven empty, of many series by one statement (design 1.2 and 5).

Nothing is remembered: a gap that is not filled is found by the next scan. What may be done about gaps is not decided here.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from collector.core.closures import Closures, Vanished
from collector.core.gaps import Grid, Run, grid_of
from collector.core.spans import from_literal
from collector.selectors.attended import ABANDONED, ATTENDED, live_edges, oldest_start
from collector.selectors.expected import EXPECTED, OLDEST, horizon, parameters
from collector.selectors.overrides import read_closures
from providers.market.calendar import Calendar, get_calendar
from providers.market.days import date_of
from providers.market.types import SECOND_US, Adjustment, Capability, Hours, Interval, Micros, from_us, to_us
from providers.policy import Snapshot
from providers.selectors import route

log = logging.getLogger(__name__)

Bound = Micros | datetime | date
"""An end of what is scanned: an instant bounds slots by their start, a date bounds sessions and is itself included."""

UNROUTED_SETTLE_US = 90 * SECOND_US
"""How long a slot's absence means nothing where nobody would be asked: a provider's own default."""

SESSION_REACH_DAYS = 2
"""A slot may be held under a session dated a day beside its UTC day, and another day beside that where the instrument's calendar was changed."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Neighbouring missing slots of one series, within one session; `1d`: within one year. `[start, end)` in µs."""

    series_id: int
    symbol: str
    mic: str
    interval: Interval
    hours: Hours
    adjustment: Adjustment
    tier: str
    session: date
    start: Micros
    end: Micros
    slots: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series are scanned; None: all. Those that are not active never are.

    `as_if_asked`: as if all of their history had been asked for; what a range would cost is known before it is.
    """

    tiers: Sequence[str] | None = None
    symbols: Sequence[str] | None = None
    mic: str | None = None
    interval: Interval | None = None
    series_ids: Sequence[int] | None = None
    as_if_asked: bool = False


@dataclass(frozen=True, slots=True)
class _Kind:
    """Series that share their expected slots; `low`: the first instant of the oldest one's life."""

    calendar: str
    hours: Hours
    interval: Interval
    tiers: Sequence[str]
    low: Micros
    series: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How many active series a scope holds, and a sentence for each calendar that keeps some of them from being scanned."""

    series: int
    faults: Sequence[str]


def reach_of(scope: Scope) -> Reach:
    """What a scan of that scope looks at: without a gap and without a series is not the same."""
    kinds = _kinds(scope)
    return Reach(series=sum(kind.series for kind in kinds), faults=[text for text in map(_fault, kinds) if text])


def series_ids(scope: Scope, *, since: int, most: int) -> list[int]:
    """Ids of the scope's series from `since` on, ascending."""
    with connection.cursor() as cursor:
        cursor.execute(_SERIES, _parameters(scope) | {"since": since, "most": most})
        return [series_id for (series_id,) in cursor.fetchall()]


def find_gaps(
    *,
    scope: Scope,
    snapshot: Snapshot,
    now: Micros,
    start: Bound | None = None,
    end: Bound | None = None,
    unattended: bool = False,
    lost: bool = False,
) -> Iterator[Gap]:
    """Gaps by calendar, hours and interval, then by piece of time, series and start. `start` None: all of each life; `end` None: now.

    Expected are the slots of `collector.selectors.expected`, of active series, that have been over for the longest `settle_after` of
    their route. A calendar that can't be had costs its own series only. One statement a kind of series and 32 sessions (`1d`: a
    year); nothing is locked or written.
    `unattended`: without what somebody sees to already (see `collector.selectors.attended`); `lost`: without what live collection
    still asks for or nobody wants, whether a job has it or not.
    """
    kinds = _kinds(scope)
    closures = read_closures(since=min((kind.low for kind in kinds), default=now))
    for kind in kinds:
        settle = {tier: settle_after(snapshot, kind.interval, tier) for tier in kind.tiers}
        try:
            pieces = _expected(kind, closures, start=start, end=end, now=now)
        except ValueError as error:
            log.error("no gaps of series on %s: %s", kind.calendar, error, extra={"action": "calendar_unusable"})
            continue
        for piece, gone in pieces:
            edges = {tier: piece.settled_until(now=now, settle_after=wait) for tier, wait in settle.items()}
            if unattended or lost:
                live = live_edges(kind.interval, now=now)
                edges = {tier: min(edge, live[tier]) for tier, edge in edges.items()}
            statement = _UNATTENDED if unattended else _LOST if lost else _MISSING
            yield from _gaps_of(kind, piece, gone, edges=edges, scope=scope, statement=statement, now=now)


def _kinds(scope: Scope) -> list[_Kind]:
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, _parameters(scope))
        return [
            _Kind(calendar, Hours(hours), Interval(interval), tiers, low, series)
            for calendar, hours, interval, tiers, low, series in cursor.fetchall()
        ]


def _fault(kind: _Kind) -> str:
    try:
        get_calendar(kind.calendar, kind.hours)
    except ValueError as error:
        return f"{kind.series} series of {kind.interval} on {kind.calendar} can't be scanned: {error}"
    return ""


def settle_after(snapshot: Snapshot, interval: Interval, tier: str) -> Micros:
    """The longest that a provider of the route wants: before that, none of them could prove the slot empty."""
    asked = route(snapshot, capability=Capability.of_bars(interval), tier=tier)
    return max((candidate.settle_after for candidate in asked), default=UNROUTED_SETTLE_US)


def _expected(
    kind: _Kind, closures: Closures, *, start: Bound | None, end: Bound | None, now: Micros
) -> list[tuple[Grid, Vanished]]:
    """All slots that any of the series may be missing, and what some of them lost. Raises: ValueError where there is no such calendar."""
    calendar = get_calendar(kind.calendar, kind.hours)
    floor = max(kind.low, horizon(now) or kind.low)
    grid = grid_between(calendar, kind.interval, start=start, end=end, floor=floor, now=now)
    found = []
    for piece in [] if grid is None else grid.pieces():
        gone = closures.vanished(calendar, kind.interval, start=int(piece.starts[0]), end=int(piece.starts[-1]) + 1)
        if len(left := piece.without(gone.of_all)):
            found.append((left, gone))
    return found


def grid_between(
    calendar: Calendar, interval: Interval, *, start: Bound | None, end: Bound | None, floor: Micros, now: Micros
) -> Grid | None:
    """The calendar's slots of a range, none that starts before `floor` or has not started by `now`; None where no day is left."""
    low, first = _lower(_instant(start), floor=floor)
    high, last = _upper(_instant(end), ceiling=now)
    return None if first > last else grid_of(calendar, interval, first, last).within(low, high)


def _instant(bound: Bound | None) -> Bound | None:
    return to_us(bound) if isinstance(bound, datetime) else bound


def _lower(bound: Bound | None, *, floor: Micros) -> tuple[Micros, date]:
    if isinstance(bound, date):
        return floor, max(bound, _day_before(floor))
    low = floor if bound is None else max(bound, floor)
    return low, _day_before(low)


def _upper(bound: Bound | None, *, ceiling: Micros) -> tuple[Micros, date]:
    if isinstance(bound, date):
        return ceiling, min(bound, _day_behind(ceiling))
    high = ceiling if bound is None else min(bound, ceiling)
    return high, _day_behind(high)


def _day_before(instant: Micros) -> date:
    """No session of an earlier date trades at or after that instant."""
    return from_us(instant).date() - timedelta(days=1)


def _day_behind(instant: Micros) -> date:
    """No session of a later date trades before that instant. Further on a calendar need not know."""
    return from_us(instant).date() + timedelta(days=1)


_IN_SCOPE = """s.is_active
  AND (%(tiers)s::text[] IS NULL OR s.tier_id = ANY(%(tiers)s::text[]))
  AND (%(symbols)s::text[] IS NULL OR i.symbol = ANY(%(symbols)s::text[]))
  AND (%(mic)s::text IS NULL OR i.mic = %(mic)s::text)
  AND (%(only)s::text IS NULL OR s.interval = %(only)s::text)
  AND (%(ids)s::bigint[] IS NULL OR s.id = ANY(%(ids)s::bigint[]))"""


def _parameters(scope: Scope) -> dict[str, Any]:
    return {
        "tiers": None if scope.tiers is None else list(scope.tiers),
        "symbols": None if scope.symbols is None else list(scope.symbols),
        "mic": scope.mic,
        "only": scope.interval and scope.interval.value,
        "ids": None if scope.series_ids is None else list(scope.series_ids),
        "as_if_asked": scope.as_if_asked,
    }


_KINDS = f"""
SELECT i.calendar, s.hours, s.interval, array_agg(DISTINCT s.tier_id),
       (extract(epoch FROM min(CASE WHEN %(as_if_asked)s THEN coalesce(i.listed_at, 'epoch') ELSE {OLDEST} END)) * 1000000)::bigint,
       count(*)
FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
WHERE {_IN_SCOPE} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608 - made of constants; values are bound

_SERIES = f"""
SELECT s.id FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
WHERE s.id >= %(since)s AND {_IN_SCOPE} ORDER BY s.id LIMIT %(most)s
"""  # noqa: S608 - made of constants; values are bound

# Spans of one series `s` in which nothing is missing although slots are expected: any statement of one column of multiranges.
_COVERED = """SELECT c.held + c.empty AS spans FROM collector_coverage c
                WHERE c.series_id = s.id AND c.session BETWEEN %(first)s AND %(last)s"""


def _missing_but(accounted: str) -> str:
    # 10,000 series by 20 sessions of minutes take 0.4 s of the server (row "gap scan" of `make bench`): a nested loop over the series with one range
    # of the coverage's primary key each, whatever the age of the table; the multiranges are merged, never compared slot by slot.
    return f"""
SELECT s.id, i.symbol, i.mic, s.adjustment, s.tier_id, m.missing::text
FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
JOIN unnest(%(edge_tiers)s::text[], %(edges)s::timestamptz[]) AS t(code, edge) ON t.code = s.tier_id
{EXPECTED}
CROSS JOIN LATERAL (
  SELECT expected.spans * tstzmultirange(tstzrange(NULL, t.edge)) - coalesce((SELECT range_agg(a.spans) FROM ({accounted}) a), '{{}}') AS missing
  OFFSET 0) m
WHERE {_IN_SCOPE} AND i.calendar = %(calendar)s AND s.interval = %(interval)s AND s.hours = %(hours)s
  AND NOT isempty(expected.spans) AND NOT isempty(m.missing)
ORDER BY s.id
"""  # noqa: S608 - made of constants; values are bound


_MISSING = _missing_but(_COVERED)
_UNATTENDED = _missing_but(f"{_COVERED} UNION ALL {ATTENDED}")
_LOST = _missing_but(f"{_COVERED} UNION ALL {ABANDONED}")


def _gaps_of(
    kind: _Kind, piece: Grid, gone: Vanished, *, edges: Mapping[str, Micros], scope: Scope, statement: str, now: Micros
) -> Iterator[Gap]:
    opens, closes = from_us(int(piece.starts[0])), from_us(int(piece.starts[-1]) + kind.interval.us)
    reach = timedelta(days=SESSION_REACH_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            _parameters(scope)
            | parameters(slots=piece.spans, interval=kind.interval, now=now, lost=gone, as_if_asked=scope.as_if_asked)
            | {
                "edge_tiers": list(edges),
                "edges": [from_us(edge) for edge in edges.values()],
                "first": date_of(int(piece.days[0])) - reach,
                "last": date_of(int(piece.days[-1])) + reach,
                "calendar": kind.calendar,
                "interval": kind.interval.value,
                "hours": kind.hours.value,
                "oldest": oldest_start(opens, kind.interval),
                "opens": opens,
                "closes": closes,
                "now": from_us(now),
            },
        )
        rows = cursor.fetchall()
    known: dict[str, list[Run]] = {}  # an outage leaves the same spans missing of thousands of series
    for series_id, symbol, mic, adjustment, tier, missing in rows:
        if missing not in known:
            known[missing] = piece.runs(from_literal(missing))
        about = (series_id, symbol, mic, kind.interval, kind.hours, Adjustment(adjustment), tier)
        for run in known[missing]:
            yield Gap(*about, run.session, run.start, run.end, run.slots)
