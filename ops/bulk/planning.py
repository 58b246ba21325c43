"""What an operation would do: how many jobs, what they cost, how fast. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.core.bulk import MOST_A_TICK, seconds_for
from collector.models import DeadLetter
from collector.selectors.dead_letters import LetterFilter, letter_as_json, letters
from collector.services import dead_letters as service
from collector.services.dead_letters import Asking
from ops.actors import Actor
from ops.bulk import items
from ops.bulk.pace import chunk_of, pace_of, requeueing
from ops.dead_letters import MOST_AT_ONCE, VIEW
from ops.models import BulkKind
from providers.api_errors import ApiError
from providers.services import policies

SAMPLE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`matched` = `eligible` + the sum of `skipped`; `at_cap` of the eligible have no room at this moment. `calls`: of vendors, at least."""

    kind: BulkKind
    matched: int
    eligible: int
    at_cap: int
    skipped: dict[str, int]
    sample: Sequence[DeadLetter]
    calls: int
    chunk: int
    seconds: int

    def as_json(self) -> dict[str, Any]:
        """For answers."""
        named = ("matched", "eligible", "at_cap", "skipped", "calls", "chunk")
        return {
            "kind": self.kind.value,
            **{name: getattr(self, name) for name in named},
            "estimated_seconds": self.seconds,
            "sample": [letter_as_json(letter) for letter in self.sample],
        }


def preview(actor: Actor, *, kind: BulkKind, fitting: LetterFilter, now: datetime, asking: Asking = service.AS_BEFORE) -> Plan:
    """What `start` would be about. Raises: ApiError (403, 422)."""
    actor.require(VIEW)
    service.check_providers(asking)
    ids = ids_of(fitting)
    kinds = kinds_of(kind, job_ids=ids, asking=asking)
    chunk = chunk_for(kind, kinds=kinds, asking=asking)
    at_cap, skipped = _hindrances(kind, fitting=fitting, now=now)
    eligible = max(0, len(ids) - sum(skipped.values()))  # another hand may have been at them between the questions
    rows = letters(fitting=fitting).select_related("backfill__series__instrument").order_by("died_at", "backfill_id")
    return Plan(
        kind=kind,
        matched=len(ids),
        eligible=eligible,
        at_cap=at_cap,
        skipped=skipped,
        sample=list(rows.defer("traceback")[:SAMPLE]),
        calls=sum(one["calls"] for one in kinds),
        chunk=chunk,
        seconds=seconds_for(jobs=eligible, chunk=chunk, is_trial=kind is BulkKind.REQUEUE),
    )


def ids_of(fitting: LetterFilter) -> list[int]:
    """The dead jobs that fit. Raises: ApiError when they are too many for one operation."""
    ids = list(letters(fitting=fitting).order_by().values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    if len(ids) > MOST_AT_ONCE:
        raise ApiError(
            f"more than {MOST_AT_ONCE:,} dead jobs fit: narrow the filter, by older_than for example", code="too_many"
        )
    return ids


def kinds_of(kind: BulkKind, *, job_ids: Sequence[int], asking: Asking) -> list[dict[str, Any]]:
    """By lane, tier and interval: jobs, the calls that they take of the vendor that is asked first, and how many are left: all."""
    snapshot, found = policies.current(), []
    for (lane, tier, interval), sizes in sorted(items.groups(job_ids=job_ids).items()):
        jobs = sum(size * count for size, count in sizes.items())
        pace = pace_of(snapshot, tier=tier, interval=interval, asking=asking) if kind is BulkKind.REQUEUE else None
        calls = 0 if pace is None else pace.calls_for(sizes)
        found.append({"lane": lane, "tier": tier, "interval": interval, "jobs": jobs, "calls": calls, "left": jobs})
    return found


def chunk_for(kind: BulkKind, *, kinds: Sequence[dict[str, Any]], asking: Asking, but: int = 0) -> int:
    """Jobs of a tick of one more operation, `but` itself where it runs already; a discard asks no vendor."""
    if kind is BulkKind.DISCARD:
        return MOST_A_TICK
    return chunk_of(policies.current(), kinds=kinds, asking=asking, operations=1 + requeueing(but=but))


def _hindrances(kind: BulkKind, *, fitting: LetterFilter, now: datetime) -> tuple[int, dict[str, int]]:
    if kind is BulkKind.DISCARD:
        return 0, {}
    planned = service.preview(chosen=letters(fitting=fitting), limit=MOST_AT_ONCE, now=now)
    return planned.at_cap, dict(planned.skipped)
