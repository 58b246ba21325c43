"""Jobs and abandonments of some series within a span of time: who has which slots, and what the vendors said to them."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from collector.core.causes import Cause, cause_of, telling
from collector.core.missing import Claim, State
from collector.models.backfills import BackfillState
from collector.selectors.attended import TAKEN_STATES, oldest_start
from providers.market.types import Interval, Micros, from_us, to_us


@dataclass(frozen=True, slots=True)
class Said:
    """The word that decided: a provider's, or our own where `provider` is empty."""

    provider: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class JobNews:
    """A job that is open or dead; `due_at` None: it waits for no moment."""

    job_id: int
    state: BackfillState
    due_at: datetime | None
    attempts: int
    cause: Cause
    said: Said | None

    @property
    def means(self) -> State:
        """What that is to its slots."""
        return State.DEAD if self.state == BackfillState.DEAD else State.FILLING


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Who gave a span up, why, and until when; None: for good."""

    who: str
    why: str
    until: datetime | None


Claims = Mapping[int, Sequence[Claim[JobNews | Abandoned]]]

NEWEST_ROUND = """(SELECT jsonb_agg(t.one ORDER BY t.number) FROM jsonb_array_elements(b.tries) WITH ORDINALITY AS t(one, number)
                   WHERE t.one->>'at' = b.tries->-1->>'at')"""
"""The entries of the newest try of a job `b`, one a provider: they share one moment."""

NEWEST_CODES = """ARRAY(SELECT t.one->>'code' FROM jsonb_array_elements(b.tries) WITH ORDINALITY AS t(one, number)
      WHERE t.one->>'at' = b.tries->-1->>'at' ORDER BY t.number)"""
"""Their codes."""

_JOBS = f"""
SELECT b.series_id, b.start, b."end", b.id, b.state, b.due_at, b.attempts, {NEWEST_ROUND}::text, d.reason, d.provider, d.message,
       EXISTS (SELECT FROM collector_rejectedbar r WHERE r.series_id = b.series_id AND r.start >= b.start AND r.start < b."end")
FROM collector_backfill b LEFT JOIN collector_deadletter d ON d.backfill_id = b.id
WHERE b.series_id = ANY(%(ids)s) AND b.state IN ({", ".join(f"'{state}'" for state in TAKEN_STATES)})
  AND b.start > %(oldest)s AND b.start < %(end)s AND b."end" > %(start)s
ORDER BY b.series_id, b.start
"""  # noqa: S608 - made of constants; values are bound

_ABANDONED = """
SELECT series_id, start, "end", who, why, expires_at FROM collector_abandonment
WHERE series_id = ANY(%(ids)s) AND start < %(end)s AND "end" > %(start)s AND (expires_at IS NULL OR expires_at > %(now)s)
ORDER BY series_id, created_at
"""


def claims_of(*, series_ids: Sequence[int], start: Micros, end: Micros, now: Micros) -> Claims:
    """By series whose the slots in `[start, end)` are: abandonments first, then jobs, which win over them. Two queries."""
    found: defaultdict[int, list[Claim[JobNews | Abandoned]]] = defaultdict(list)
    values: dict[str, Any] = {"ids": list(series_ids), "start": from_us(start), "end": from_us(end), "now": from_us(now)}
    with connection.cursor() as cursor:
        cursor.execute(_ABANDONED, values)
        for series_id, first, last, *about in cursor.fetchall():
            found[series_id].append(Claim(to_us(first), to_us(last), Abandoned(*about)))
        cursor.execute(_JOBS, values | {"oldest": oldest_start(from_us(start), Interval.D1)})
        for series_id, first, last, *job in cursor.fetchall():
            found[series_id].append(Claim(to_us(first), to_us(last), _news(job)))
    return found


def _news(row: Sequence[Any]) -> JobNews:
    job_id, state, due_at, attempts, newest, reason, provider, message, has_refused_row = row
    entries: list[dict[str, Any]] = json.loads(newest or "[]")
    codes = [one["code"] for one in entries]
    return JobNews(
        job_id=job_id,
        state=BackfillState(state),
        due_at=None if state in (BackfillState.DEAD, BackfillState.RUNNING) else due_at,
        attempts=attempts,
        cause=cause_of(codes, reason=reason or "", has_refused_row=has_refused_row),
        said=Said(provider, reason, message) if reason else _said(entries, codes),
    )


def _said(entries: Sequence[Mapping[str, Any]], codes: Sequence[str]) -> Said | None:
    if not codes:
        return None
    one = entries[telling(codes)]
    return Said(one["provider"] or "", one["code"], one["message"] or "")
