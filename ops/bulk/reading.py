"""Operations as operators see them. All of it stands in their rows: nothing is counted when somebody looks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.core.bulk import TRIAL, Step, next_step, seconds_for
from ops.actors import Actor
from ops.dead_letters import VIEW
from ops.models import BulkKind, BulkOperation, BulkState
from providers.api_errors import NotFound

LIMIT = 20
UNSEEN = timedelta(seconds=60)
"""An operation that runs is looked at every few seconds where workers run."""
SKIPPED = ("gone", "series_inactive", "abandoned")


@dataclass(frozen=True, slots=True)
class OperationsPage:
    """Operations, newest first, and the number to go on behind, None after the last."""

    operations: list[BulkOperation]
    next: int | None


def page(actor: Actor, *, limit: int = LIMIT, after: int | None = None) -> OperationsPage:
    """Raises: ApiError (403)."""
    actor.require(VIEW)
    rows = BulkOperation.objects.order_by("-pk")
    found = list((rows if after is None else rows.filter(pk__lt=after))[: limit + 1])
    kept = found[:limit]
    return OperationsPage(kept, kept[-1].pk if len(found) > limit else None)


def show(actor: Actor, *, operation_id: int) -> BulkOperation:
    """One operation. Raises: ApiError (403, 404)."""
    actor.require(VIEW)
    operation = BulkOperation.objects.filter(pk=operation_id).first()
    if operation is None:
        raise NotFound(f"there is no bulk operation {operation_id}", code="unknown_operation", field="operation_id")
    return operation


def step_of(operation: BulkOperation) -> Step:
    """What it would do next."""
    return next_step(
        is_trial=operation.is_trial,
        requeued=operation.done,
        filled=operation.filled,
        dead_again=operation.dead_again,
    )


def open_of(operation: BulkOperation) -> int:
    """Requeued jobs that have not ended, as far as was seen."""
    is_requeue = operation.kind == BulkKind.REQUEUE
    return operation.done - operation.filled - operation.dead_again if is_requeue else 0


def skipped_of(operation: BulkOperation) -> dict[str, int]:
    """By cause."""
    return {cause: count for cause in SKIPPED if (count := getattr(operation, cause))}


def why_of(operation: BulkOperation, *, now: datetime) -> str:
    """Why it does not move, empty where it does."""
    if operation.state == BulkState.PAUSED:
        return operation.paused_why
    if operation.state != BulkState.RUNNING:
        return ""
    if now - operation.updated_at > UNSEEN:
        return f"no worker has looked at it since {operation.updated_at:%Y-%m-%d %H:%M:%S} UTC"
    if step_of(operation) is Step.WAIT:
        return f"waits for the first {TRIAL} jobs to show whether it is worth going on"
    return "waits for room under the caps of the tiers" if operation.at_cap == operation.left else ""


def seconds_left(operation: BulkOperation) -> int | None:
    """At the present throttle, as if there were room for all; None once it has ended."""
    if operation.finished_at is not None:
        return None
    is_trial = operation.is_trial and not operation.done
    return seconds_for(jobs=operation.left, chunk=operation.chunk, is_trial=is_trial)


def counts_of(operation: BulkOperation) -> dict[str, Any]:
    """What became of how many: `matched` = `done` + `left` + the sum of `skipped`; requeued jobs are `filled`, `dead_again` or `open`."""
    counts = {
        "matched": operation.matched,
        "done": operation.done,
        "left": operation.left,
        "at_cap": operation.at_cap,
        "skipped": skipped_of(operation),
    }
    if operation.kind == BulkKind.DISCARD:
        return counts
    return {**counts, "filled": operation.filled, "dead_again": operation.dead_again, "open": open_of(operation)}


def operation_as_json(operation: BulkOperation, *, now: datetime) -> dict[str, Any]:
    """For answers."""
    return {
        "operation_id": operation.pk,
        "kind": operation.kind,
        "state": operation.state,
        "why": why_of(operation, now=now) or None,
        "filter": operation.filter,
        "pin": operation.asking.get("pin"),
        "exclude": operation.asking.get("exclude"),
        "abandon": operation.abandon,
        "who": operation.who,
        "through": operation.through,
        "reason": operation.reason,
        **counts_of(operation),
        "chunk": operation.chunk,
        "estimated_seconds": seconds_left(operation),
        "created_at": operation.created_at,
        "updated_at": operation.updated_at,
        "finished_at": operation.finished_at,
    }
