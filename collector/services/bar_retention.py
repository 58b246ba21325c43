"""What is known of bars that are dropped goes before them, so that nothing claims bars that are gone.

That is coverage with its evidence, what bars were before, and what was said otherwise. The bars themselves go last, with their partitions:
as long as one of these is there, whoever was killed at it is followed by one who does it all again.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from collector.models import Series
from collector.selectors.grids import SESSION_REACH_DAYS
from providers.market.types import Interval, Micros, from_us

SERIES_AT_ONCE = 200
ROWS_AT_ONCE = 5_000

# Rows of some series, by the beginning of each one's range of an index; locked in the order in which writers lock them.
_DELETE = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM {table} WHERE series_id = ANY(%(ids)s) AND {column} < %({bound})s
  ORDER BY series_id, {column} LIMIT %(limit)s FOR UPDATE))
"""
_OF_WHOLE_SESSIONS = (("collector_coverage", "session", "first"), ("collector_absence", "session", "first"))
_OF_SLOTS = (("collector_barrevision", "start", "edge"), ("collector_baralternate", "start", "edge"))

# Sessions beside the edge keep what lies behind it.
_CUT_COVERAGE = """
WITH cut AS (
  SELECT series_id, session FROM collector_coverage
  WHERE series_id = ANY(%(ids)s) AND session BETWEEN %(first)s AND %(last)s AND NOT (held + empty + void) <@ %(kept)s::tstzmultirange
  ORDER BY series_id, session FOR UPDATE)
UPDATE collector_coverage c SET held = c.held * %(kept)s::tstzmultirange, empty = c.empty * %(kept)s::tstzmultirange,
  void = c.void * %(kept)s::tstzmultirange
FROM cut WHERE c.series_id = cut.series_id AND c.session = cut.session
"""
_CUT_ABSENCES = """
UPDATE collector_absence SET spans = spans * %(kept)s::tstzmultirange
WHERE series_id = ANY(%(ids)s) AND session BETWEEN %(first)s AND %(last)s AND NOT spans <@ %(kept)s::tstzmultirange
"""
_DELETE_CUT = (
    "DELETE FROM collector_absence WHERE series_id = ANY(%(ids)s) AND session BETWEEN %(first)s AND %(last)s AND isempty(spans)"
)


def forget_before(edge: Micros, *, is_over: Callable[[], bool]) -> bool:
    """Delete what is known of intraday slots that start before `edge`, in small transactions; false where `is_over` came first."""
    ids = list(Series.objects.exclude(interval=Interval.D1).order_by("pk").values_list("pk", flat=True))
    chunks = (ids[begin : begin + SERIES_AT_ONCE] for begin in range(0, len(ids), SERIES_AT_ONCE))
    return all(_forget(chunk, edge, is_over) for chunk in chunks)


def _forget(ids: Sequence[int], edge: Micros, is_over: Callable[[], bool]) -> bool:
    day: date = from_us(edge).date()
    values = {
        "ids": ids,
        "edge": from_us(edge),
        "first": day - timedelta(days=SESSION_REACH_DAYS),
        "last": day + timedelta(days=SESSION_REACH_DAYS),
        "kept": f"{{[{from_us(edge).isoformat()},)}}",
        "limit": ROWS_AT_ONCE,
    }
    for table, column, bound in (*_OF_WHOLE_SESSIONS, *_OF_SLOTS):
        deleted = ROWS_AT_ONCE
        while deleted == ROWS_AT_ONCE:
            if is_over():
                return False
            deleted = _run(_DELETE.format(table=table, column=column, bound=bound), values)
    with transaction.atomic():  # coverage first, as writers do
        for statement in (_CUT_COVERAGE, _CUT_ABSENCES, _DELETE_CUT):
            _run(statement, values)
    return True


def _run(statement: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
