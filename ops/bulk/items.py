"""The jobs of an operation: taken in once, then moved from state to state. Called under the lock of the operation's row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from ops.models import BulkOperation, ItemState

Kind = tuple[str, str, str]
"""Lane, tier, interval."""

# 20,000 jobs take 0.3 s.
_TAKE_IN = """
INSERT INTO ops_bulkitem (operation_id, job_id, died_at, lane, tier, interval, state)
SELECT %s, b.id, d.died_at, b.lane, b.tier, s.interval, 'waiting'
FROM unnest(%s::bigint[]) AS m(id)
JOIN collector_backfill b ON b.id = m.id AND b.state = 'dead'
JOIN collector_deadletter d ON d.backfill_id = b.id
JOIN collector_series s ON s.id = b.series_id
RETURNING job_id
"""
# One question serves the jobs of a group: see `claim` in collector.services.backfill.claiming.
_GROUPS = """
SELECT lane, tier, interval, size, count(*) FROM (
  SELECT b.lane, b.tier, s.interval, count(*) AS size
  FROM unnest(%s::bigint[]) AS m(id)
  JOIN collector_backfill b ON b.id = m.id
  JOIN collector_series s ON s.id = b.series_id
  JOIN collector_instrument i ON i.id = s.instrument_id
  GROUP BY b.lane, b.tier, s.interval, s.hours, s.adjustment, i.calendar, i.mic, b.start, b."end", b.pinned_provider, b.excluded_providers) g
GROUP BY 1, 2, 3, 4
"""
# `most` by lane and tier, so that a tier without room holds up no other; each branch reads the beginning of one range of the index.
_NEXT = """
SELECT i.job_id, i.lane, i.tier, i.interval, d.backfill_id IS NOT NULL AND b.state = 'dead' AS is_dead
FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS r(lane, tier, most)
CROSS JOIN LATERAL (
  SELECT * FROM ops_bulkitem WHERE operation_id = %s AND state = 'waiting' AND lane = r.lane AND tier = r.tier
  ORDER BY died_at, job_id LIMIT r.most) i
LEFT JOIN collector_deadletter d ON d.backfill_id = i.job_id AND d.died_at = i.died_at
LEFT JOIN collector_backfill b ON b.id = i.job_id
ORDER BY i.died_at, i.job_id LIMIT %s
"""
_FOLLOW = """
WITH ended AS (
  SELECT i.job_id, CASE WHEN b.state IN ('dead', 'discarded') THEN 'dead_again' ELSE 'filled' END AS state
  FROM ops_bulkitem i LEFT JOIN collector_backfill b ON b.id = i.job_id
  WHERE i.operation_id = %(id)s AND i.state = 'open' AND (b.id IS NULL OR b.state IN ('done', 'dead', 'discarded'))),
moved AS (
  UPDATE ops_bulkitem i SET state = e.state FROM ended e WHERE i.operation_id = %(id)s AND i.job_id = e.job_id RETURNING i.state)
SELECT state, count(*) FROM moved GROUP BY state
"""
_CAUSES = """
SELECT count(*), d.reason, d.provider, d.fingerprint, min(d.message)
FROM ops_bulkitem i JOIN collector_deadletter d ON d.backfill_id = i.job_id
WHERE i.operation_id = %s AND i.state = 'dead_again' GROUP BY 2, 3, 4 ORDER BY 1 DESC, 4 LIMIT 3
"""


@dataclass(frozen=True, slots=True)
class Next:
    """A job whose turn it is; `is_dead`: of the death that the operation is about."""

    job_id: int
    kind: Kind
    is_dead: bool


def take_in(operation: BulkOperation, *, job_ids: Sequence[int]) -> list[int]:
    """Remember the jobs of `job_ids` that are dead, with the death that they are of; which they are."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_IN, [operation.pk, list(job_ids)])
        return [number for (number,) in cursor.fetchall()]


def groups(*, job_ids: Sequence[int]) -> dict[Kind, dict[int, int]]:
    """By lane, tier and interval: how many groups of how many jobs one question would serve."""
    found: dict[Kind, dict[int, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, [list(job_ids)])
        for lane, tier, interval, size, count in cursor.fetchall():
            found.setdefault((lane, tier, interval), {})[size] = count
    return found


def next_items(operation: BulkOperation, *, most: Mapping[tuple[str, str], int], limit: int) -> list[Next]:
    """Up to `limit` jobs that wait, those that died first first, and of each (lane, tier) no more than `most`."""
    wanted = [(lane, tier, count) for (lane, tier), count in most.items() if count > 0]
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [*map(list, zip(*wanted, strict=True)), operation.pk, limit])
        return [Next(job_id, (lane, tier, interval), is_dead) for job_id, lane, tier, interval, is_dead in cursor.fetchall()]


def move(operation: BulkOperation, *, job_ids: Sequence[int], state: ItemState, acted_at: datetime | None = None) -> None:
    """What became of these."""
    if job_ids:
        operation.items.filter(job_id__in=job_ids).update(state=state, acted_at=acted_at)


def follow(operation: BulkOperation) -> Counter[str]:
    """Count once what became of requeued jobs: how many are filled and dead again since the last look."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, {"id": operation.pk})
        return Counter(dict(cursor.fetchall()))


def new_deaths(operation: BulkOperation) -> list[dict[str, Any]]:
    """The three commonest causes of which requeued jobs are dead again."""
    names = ("count", "reason", "provider", "fingerprint", "message")
    with connection.cursor() as cursor:
        cursor.execute(_CAUSES, [operation.pk])
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def acted_since(moment: datetime) -> Counter[str]:
    """How many jobs operations requeued or discarded since then, by tier and interval such as `T0 1m`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tier || ' ' || interval, count(*) FROM ops_bulkitem WHERE acted_at >= %s GROUP BY 1", [moment])
        return Counter(dict(cursor.fetchall()))
