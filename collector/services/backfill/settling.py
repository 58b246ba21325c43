"""What became of a batch, written into its rows: done, shrunk, waiting, parked or dead. Guarded by (id, lease).

A worker that wakes up after its lease was given away changes nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from collector import metrics
from collector.core.retry import fingerprint
from collector.models.backfills import Backfill, BackfillState, DeadLetter
from providers.market.types import MINUTE_US, Interval

ENDED = (BackfillState.DONE, BackfillState.DEAD)
MOST_TRIES = 20
MOST_TRACEBACK = 8_000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job is not done: the reason that counts, as its dead letter would name it."""

    reason: str
    message: str
    provider: str = ""
    http_status: int | None = None
    traceback: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """One job's next state. `start`, `end`, `slots`: what is left of its span; `tries`: all that the row keeps from now on."""

    job: Backfill
    state: BackfillState
    start: datetime
    end: datetime
    slots: int
    attempts: int
    due_at: datetime
    tries: Sequence[dict[str, Any]]
    failure: Failure | None = None
    is_solo: bool = False
    lost_alone: int = 0


_SETTLE = """
UPDATE collector_backfill b SET state = e.state, start = e.start, "end" = e.end, slots = e.slots, attempts = e.attempts,
       due_at = e.due_at, tries = e.tries, is_solo = e.is_solo, lost_alone = e.lost_alone, leased_until = NULL, worker = '',
       finished_at = CASE WHEN e.state IN ('done', 'dead') THEN %s END
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::int[], %s::timestamptz[],
            %s::jsonb[], %s::bool[], %s::int[])
     AS e(id, lease, state, start, "end", slots, attempts, due_at, tries, is_solo, lost_alone)
WHERE b.id = e.id AND b.lease = e.lease AND b.state = 'running'
RETURNING b.id
"""


def settle(endings: Sequence[Ending], *, now: datetime) -> int:
    """Write what became of jobs that are still ours, and the letters of the dead in the same transaction; returns how many were."""
    if not endings:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTLE, [now, *map(list, zip(*map(_row, endings), strict=True))])
        ours = {row[0] for row in cursor.fetchall()}
        settled = [ending for ending in endings if ending.job.pk in ours]
        DeadLetter.objects.bulk_create(
            [
                _letter(ending, ending.failure, now)
                for ending in settled
                if ending.failure and ending.state == BackfillState.DEAD
            ],
            update_conflicts=True,
            unique_fields=["backfill"],
            update_fields=[
                "reason",
                "fingerprint",
                "provider",
                "http_status",
                "message",
                "traceback",
                "missing_minutes",
                "died_at",
            ],
        )
    for ending in settled:
        if ending.state in ENDED:
            metrics.backfill_completed(tier=ending.job.tier, status=ending.state.value)
    return len(settled)


def _row(ending: Ending) -> tuple[Any, ...]:
    return (
        ending.job.pk,
        ending.job.lease,
        ending.state.value,
        ending.start,
        ending.end,
        ending.slots,
        ending.attempts,
        ending.due_at,
        json.dumps(list(ending.tries)[-MOST_TRIES:]),
        ending.is_solo,
        ending.lost_alone,
    )


def _letter(ending: Ending, failure: Failure, now: datetime) -> DeadLetter:
    interval = Interval(ending.job.series.interval)
    return DeadLetter(
        backfill=ending.job,
        reason=failure.reason[:40],
        fingerprint=fingerprint(provider=failure.provider, code=failure.reason, message=failure.message),
        provider=failure.provider,
        http_status=failure.http_status,
        message=failure.message,
        traceback=failure.traceback[-MOST_TRACEBACK:],
        missing_minutes=ending.slots * interval.us // MINUTE_US,
        died_at=now,
    )
