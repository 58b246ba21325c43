"""How far the newest slots of a tier are complete, by one statement a kind of series."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from collector.core.closures import Vanished
from collector.core.gaps import Grid
from collector.core.marks import Group, SlotCount, count_slots, merged
from collector.core.spans import from_literal
from collector.selectors.expected import EXPECTED, parameters
from collector.selectors.gaps import settle_after
from collector.selectors.grids import SESSION_REACH_DAYS, expected_of
from collector.selectors.overrides import read_closures
from collector.selectors.scopes import IN_SCOPE, Kind, Scope, kinds_of, scope_parameters
from providers.market.days import date_of
from providers.market.types import Interval, Micros
from providers.policy import Snapshot

log = logging.getLogger(__name__)


def recent_slots(
    *, tier: str, interval: Interval, since: Micros, grace: Micros, snapshot: Snapshot, now: Micros
) -> list[SlotCount]:
    """Slots of active series that started at or after `since` and are over, ascending; overdue `grace` after a vendor's silence could be believed.

    A calendar that can't be had costs the count its own series; others of the tier are counted without them.
    """
    scope = Scope(tiers=[tier], interval=interval)
    patience = settle_after(snapshot, interval, tier) + grace
    closures = read_closures(since=since)
    counts: list[SlotCount] = []
    for kind in kinds_of(scope):
        try:
            pieces = expected_of(kind, closures, start=since, end=None, now=now)
        except ValueError as error:
            log.error("no marks of series on %s: %s", kind.calendar, error, extra={"action": "calendar_unusable"})
            continue
        for piece, gone in pieces:
            counts += _counts(kind, piece, gone, scope=scope, patience=patience, now=now)
    return merged(counts)


def _counts(kind: Kind, piece: Grid, gone: Vanished, *, scope: Scope, patience: Micros, now: Micros) -> list[SlotCount]:
    over = piece.within(int(piece.starts[0]), piece.settled_until(now=now, settle_after=0))
    if not len(over):
        return []
    overdue = over.settled_until(now=now, settle_after=patience)
    return count_slots(over.starts, _groups(kind, over, gone, scope=scope, now=now), overdue_before=overdue)


def _groups(kind: Kind, grid: Grid, gone: Vanished, *, scope: Scope, now: Micros) -> Iterator[Group]:
    reach = timedelta(days=SESSION_REACH_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            _GROUPS,
            scope_parameters(scope)
            | parameters(slots=grid.spans, interval=kind.interval, now=now, lost=gone)
            | {
                "first": date_of(int(grid.days[0])) - reach,
                "last": date_of(int(grid.days[-1])) + reach,
                "calendar": kind.calendar,
                "interval": kind.interval.value,
                "hours": kind.hours.value,
            },
        )
        for series, *spans in cursor.fetchall():
            yield Group(series, *map(from_literal, spans))


# 10,000 series at the end of a minute are a handful of groups; random holes make more, one a series at worst.
_GROUPS = f"""
SELECT count(*), expected.spans::text, (expected.spans - c.held - c.empty)::text, (expected.spans * (c.empty - c.held))::text
FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
{EXPECTED}
CROSS JOIN LATERAL (
  SELECT coalesce(range_agg(c.held), '{{}}') AS held, coalesce(range_agg(c.empty), '{{}}') AS empty
  FROM collector_coverage c WHERE c.series_id = s.id AND c.session BETWEEN %(first)s AND %(last)s
  OFFSET 0) c
WHERE {IN_SCOPE} AND i.calendar = %(calendar)s AND s.interval = %(interval)s AND s.hours = %(hours)s
  AND NOT isempty(expected.spans)
GROUP BY 2, 3, 4
"""  # noqa: S608 - made of constants; values are bound
