"""What is missing: expected slots that are neither held nor proven empty, of many series by one statement (design 1.2 and 5).

Nothing is remembered: a gap that is not filled is found by the next scan. What may be done about gaps is not decided here.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection

from collector.core.closures import Vanished
from collector.core.gaps import Grid, Run
from collector.core.spans import from_literal
from collector.selectors.attended import ABANDONED, ATTENDED, live_edges, oldest_start
from collector.selectors.expected import EXPECTED, parameters
from collector.selectors.grids import SESSION_REACH_DAYS, Bound, expected_of
from collector.selectors.overrides import read_closures
from collector.selectors.scopes import IN_SCOPE, Kind, Scope, kinds_of, scope_parameters
from providers.market.days import date_of
from providers.market.types import SECOND_US, Adjustment, Capability, Hours, Interval, Micros, from_us
from providers.policy import Snapshot
from providers.selectors import route

log = logging.getLogger(__name__)

UNROUTED_SETTLE_US = 90 * SECOND_US
"""How long a slot's absence means nothing where nobody would be asked: a provider's own default."""


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


def find_gaps(
    *,
    scope: Scope,
    snapshot: Snapshot,
    now: Micros,
    start: Bound | None = None,
    end: Bound | None = None,
    unattended: bool = False,
    lost: bool = False,
    with_live: bool = False,
) -> Iterator[Gap]:
    """Gaps by calendar, hours and interval, then by piece of time, series and start. `start` None: all of each life; `end` None: now.

    Expected are the slots of `collector.selectors.expected`, of active series, that have been over for the longest `settle_after` of
    their route. A calendar that can't be had costs its own series only. One statement a kind of series and 32 sessions (`1d`: a
    year); nothing is locked or written.
    `unattended`: without what somebody sees to already (see `collector.selectors.attended`); `lost`: without what live collection
    still asks for or nobody wants, whether a job has it or not; `with_live`: what live collection asks for as well.
    """
    kinds = kinds_of(scope)
    closures = read_closures(since=min((kind.low for kind in kinds), default=now))
    for kind in kinds:
        settle = {tier: settle_after(snapshot, kind.interval, tier) for tier in kind.tiers}
        try:
            pieces = expected_of(kind, closures, start=start, end=end, now=now)
        except ValueError as error:
            log.error("no gaps of series on %s: %s", kind.calendar, error, extra={"action": "calendar_unusable"})
            continue
        for piece, gone in pieces:
            edges = {tier: piece.settled_until(now=now, settle_after=wait) for tier, wait in settle.items()}
            if (unattended or lost) and not with_live:
                live = live_edges(kind.interval, now=now)
                edges = {tier: min(edge, live[tier]) for tier, edge in edges.items()}
            statement = _UNATTENDED if unattended else _LOST if lost else _MISSING
            yield from _gaps_of(kind, piece, gone, edges=edges, scope=scope, statement=statement, now=now)


def settle_after(snapshot: Snapshot, interval: Interval, tier: str) -> Micros:
    """The longest that a provider of the route wants: before that, none of them could prove the slot empty."""
    asked = route(snapshot, capability=Capability.of_bars(interval), tier=tier)
    return max((candidate.settle_after for candidate in asked), default=UNROUTED_SETTLE_US)


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
WHERE {IN_SCOPE} AND i.calendar = %(calendar)s AND s.interval = %(interval)s AND s.hours = %(hours)s
  AND NOT isempty(expected.spans) AND NOT isempty(m.missing)
ORDER BY s.id
"""  # noqa: S608 - made of constants; values are bound


_MISSING = _missing_but(_COVERED)
_UNATTENDED = _missing_but(f"{_COVERED} UNION ALL {ATTENDED}")
_LOST = _missing_but(f"{_COVERED} UNION ALL {ABANDONED}")


def _gaps_of(
    kind: Kind, piece: Grid, gone: Vanished, *, edges: Mapping[str, Micros], scope: Scope, statement: str, now: Micros
) -> Iterator[Gap]:
    opens, closes = from_us(int(piece.starts[0])), from_us(int(piece.starts[-1]) + kind.interval.us)
    reach = timedelta(days=SESSION_REACH_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            scope_parameters(scope)
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
