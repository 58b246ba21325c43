"""Jobs whose slots got covered another way, or are expected no more: nothing is left to do for them, dead or not."""

import logging
from collections import Counter
from datetime import datetime
from functools import partial

from django.db import connection, transaction

from collector import metrics
from collector.core.closures import Closures
from collector.core.gaps import grid_of
from collector.models.backfills import WAITING_STATES, BackfillState
from collector.selectors.expected import EXPECTED, parameters
from collector.selectors.overrides import read_closures
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, Hours, Interval, Micros, from_us, to_us

log = logging.getLogger(__name__)

_STATES = ", ".join(f"'{state}'" for state in (*WAITING_STATES, BackfillState.DEAD))

# A month of one calendar at a time, so that the expected slots of one statement are few spans, however old the oldest dead job is.
_GROUPS = f"""
SELECT i.calendar, s.hours, s.interval, min(b.start), max(b.start), max(b."end")
FROM collector_backfill b JOIN collector_series s ON s.id = b.series_id JOIN collector_instrument i ON i.id = s.instrument_id
WHERE b.state IN ({_STATES})
GROUP BY 1, 2, 3, date_trunc('month', b.start AT TIME ZONE 'UTC') ORDER BY 1, 2, 3, 4
"""  # noqa: S608 - made of constants; values are bound

# A running job is its worker's to judge. One that is being claimed at this moment is as good as running.
_RESOLVE = f"""
WITH covered AS (
  SELECT b.id FROM collector_backfill b
  JOIN collector_series s ON s.id = b.series_id JOIN collector_instrument i ON i.id = s.instrument_id
  {EXPECTED}
  WHERE i.calendar = %(calendar)s AND s.hours = %(hours)s AND s.interval = %(interval)s
    AND b.state IN ({_STATES}) AND b.start BETWEEN %(first)s AND %(last)s
    AND isempty(expected.spans * tstzmultirange(tstzrange(b.start, b."end"))
                - coalesce((SELECT range_agg(c.held + c.empty) FROM collector_coverage c
                            WHERE c.series_id = b.series_id AND c.session BETWEEN (b.start AT TIME ZONE 'UTC')::date - 2
                                                                              AND (b."end" AT TIME ZONE 'UTC')::date + 2), '{{}}'))
  ORDER BY b.id FOR UPDATE OF b SKIP LOCKED
), ended AS (
  UPDATE collector_backfill b SET state = '{BackfillState.DONE}', finished_at = %(now)s FROM covered WHERE b.id = covered.id
  RETURNING b.id, b.tier
), buried AS (
  DELETE FROM collector_deadletter d USING ended WHERE d.backfill_id = ended.id
)
SELECT tier, count(*) FROM ended GROUP BY tier
"""  # noqa: S608 - made of constants; values are bound


def resolve_covered(*, now: Micros) -> int:
    """End jobs that wait or are dead and miss nothing any more, with their dead letters; returns how many. One transaction a month of jobs."""
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS)
        groups = cursor.fetchall()
    closures = read_closures(since=min((to_us(first) for _, _, _, first, _, _ in groups), default=now))
    by_tier = Counter[str]()
    for group in groups:
        by_tier += _resolve(*group, closures=closures, now=now)
    for tier, count in by_tier.items():
        transaction.on_commit(partial(metrics.backfill_completed, tier=tier, status=BackfillState.DONE.value, count=count))
    resolved = by_tier.total()
    if resolved:
        log.info(
            "%d backfill jobs had their slots covered another way, or expected no more",
            resolved,
            extra={"action": "backfills_resolved"},
        )
    return resolved


def _resolve(calendar: str, hours: str, interval: str, *bounds: datetime, closures: Closures, now: Micros) -> Counter[str]:
    """How many of each tier."""
    first, last, end = bounds
    try:
        venue = get_calendar(calendar, Hours(hours))
    except ValueError:
        return Counter()  # whoever scans says so
    low, high = to_us(first), to_us(end)
    grid = grid_of(venue, Interval(interval), from_us(low - DAY_US).date(), from_us(high + DAY_US).date()).within(low, high)
    lost = closures.vanished(venue, grid.interval, start=low, end=high)
    with connection.cursor() as cursor:
        cursor.execute(
            _RESOLVE,
            parameters(slots=grid.spans, interval=grid.interval, now=now, lost=lost)
            | {
                "calendar": calendar,
                "hours": hours,
                "interval": interval,
                "first": first,
                "last": last,
                "now": from_us(now),
            },
        )
        return Counter(dict(cursor.fetchall()))
