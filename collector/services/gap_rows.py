"""How gaps become rows: a new job, or the widening of one that waits beside. Callers hold the locks of `backfill_room`."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from django.db import connection

from collector.models.backfills import Backfill, Lane
from collector.selectors.attended import MOST_DAYS, TAKEN_STATES
from collector.selectors.gaps import Gap
from providers.market.calendar import get_calendar
from providers.market.days import date_of
from providers.market.types import Interval, Micros, from_us, to_us

ROWS_A_STATEMENT = 2_000
_TAKEN = ", ".join(f"'{state}'" for state in TAKEN_STATES)

_GIVEN = """unnest(%(series)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            WITH ORDINALITY AS g(series_id, start, "end", number)"""

_FREE = f"""
SELECT g.number FROM {_GIVEN}
WHERE NOT EXISTS (SELECT FROM collector_backfill b
                  WHERE b.series_id = g.series_id AND b.state IN ({_TAKEN}) AND b.start < g."end" AND b."end" > g.start
                    AND b.start > g.start - interval '{max(MOST_DAYS.values())} days')
ORDER BY 1
"""  # noqa: S608 - made of constants; values are bound

# A job that has failed, lost its worker or is meant for one provider stays as it is: what is new did not do that. One that is being
# claimed at this moment is left alone; what would have widened it becomes a row of its own.
_BESIDE = f"""
SELECT g.number, b.id, b.start, i.calendar
FROM {_GIVEN}
JOIN collector_backfill b ON b.series_id = g.series_id AND (b."end" = g.start OR b.start = g."end")
JOIN collector_series s ON s.id = g.series_id
JOIN collector_instrument i ON i.id = s.instrument_id
WHERE b.state IN ('queued', 'parked') AND b.lane = %(lane)s AND b.tier = %(tier)s
  AND b.attempts = 0 AND NOT b.is_solo AND b.pinned_provider = '' AND b.excluded_providers = '{{}}'
ORDER BY b.id, g.number
FOR UPDATE OF b SKIP LOCKED
"""  # noqa: S608 - made of constants; values are bound

_WIDEN = """
UPDATE collector_backfill b
SET start = least(b.start, w.start), "end" = greatest(b."end", w."end"), slots = b.slots + w.slots
FROM (SELECT id, min(start) AS start, max("end") AS "end", sum(slots) AS slots
      FROM unnest(%(ids)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(slots)s::int[]) AS n(id, start, "end", slots)
      GROUP BY id) w
WHERE b.id = w.id
"""


def not_taken(gaps: Sequence[Gap]) -> list[Gap]:
    """Those of which no slot has become another job's since they were found, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(_FREE, _columns(gaps))
        return [gaps[number - 1] for (number,) in cursor.fetchall()]


def widen(gaps: Sequence[Gap], *, lane: Lane, tier: str) -> list[Gap]:
    """Add gaps to jobs that wait right beside them in the same session (`1d`: year); returns the gaps that found none."""
    with connection.cursor() as cursor:
        cursor.execute(_BESIDE, _columns(gaps) | {"lane": lane.value, "tier": tier})
        beside = cursor.fetchall()
        jobs: dict[int, int] = {}
        for number, job, start, calendar in beside:
            if number - 1 not in jobs and _are_one_unit(gaps[number - 1], start, calendar):
                jobs[number - 1] = job
        if jobs:
            widening = [gaps[index] for index in jobs]
            cursor.execute(_WIDEN, _columns(widening) | {"ids": [*jobs.values()], "slots": [gap.slots for gap in widening]})
    return [gap for index, gap in enumerate(gaps) if index not in jobs]


def insert(gaps: Sequence[Gap], *, lane: Lane, now: Micros, pin: str = "") -> None:
    """One job a gap; with `pin` it asks that provider only."""
    at = from_us(now)
    rows = (
        Backfill(
            series_id=gap.series_id,
            start=from_us(gap.start),
            end=from_us(gap.end),
            slots=gap.slots,
            lane=lane,
            tier=gap.tier,
            pinned_provider=pin,
            due_at=at,
            found_at=at,
        )
        for gap in gaps
    )
    Backfill.objects.bulk_create(rows, batch_size=ROWS_A_STATEMENT)


def _are_one_unit(gap: Gap, start: datetime, calendar: str) -> bool:
    """Around the clock one session ends where the next begins."""
    starts = np.array([to_us(start)], dtype=np.int64)
    day = date_of(int(get_calendar(calendar, gap.hours).session_days(starts, gap.interval)[0]))
    return day.year == gap.session.year if gap.interval is Interval.D1 else day == gap.session


def _columns(gaps: Sequence[Gap]) -> dict[str, list[object]]:
    return {
        "series": [gap.series_id for gap in gaps],
        "starts": [from_us(gap.start) for gap in gaps],
        "ends": [from_us(gap.end) for gap in gaps],
    }
