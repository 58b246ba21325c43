"""What operators do with operations: start, pause, resume, cancel. It is checked who may, and each leaves its `AuditEntry`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from collector.core.bulk import Step
from collector.selectors.dead_letters import LetterFilter
from collector.services.dead_letters import AS_BEFORE, Asking, check_providers
from ops.actors import Actor
from ops.audit import record
from ops.bulk import items
from ops.bulk.planning import chunk_for, ids_of, kinds_of
from ops.bulk.reading import counts_of, step_of
from ops.bulk.ringing import ring_bulk
from ops.dead_letters import BULK, DISCARD, REQUEUE
from ops.models import BulkKind, BulkOperation, BulkState
from providers.api_errors import ApiError, NotFound

NEEDS = {BulkKind.REQUEUE: (REQUEUE, BULK), BulkKind.DISCARD: (DISCARD, BULK)}


def start(
    actor: Actor,
    *,
    kind: BulkKind,
    fitting: LetterFilter,
    now: datetime,
    asking: Asking = AS_BEFORE,
    abandon: bool = False,
    reason: str = "",
) -> BulkOperation:
    """Remember the dead jobs that fit now, and let ticks act on them chunk by chunk; jobs that die later are not swept in.

    Raises: ApiError: 403, 409 when nothing fits, 422 for an unknown provider or too many jobs.
    """
    actor.require(*NEEDS[kind])
    check_providers(asking)
    with transaction.atomic():
        operation = BulkOperation.objects.create(
            kind=kind,
            filter=fitting.as_json(),
            asking=asking.as_json(),
            abandon=abandon,
            who=actor.who,
            through=actor.through,
            reason=reason,
            is_trial=kind is BulkKind.REQUEUE,
            chunk=1,
            created_at=now,
            updated_at=now,
            next_at=now,
        )
        taken = items.take_in(operation, job_ids=ids_of(fitting))
        if not taken:
            raise ApiError("no dead job fits the filter", code="nothing_matched", status=409)
        operation.matched = operation.left = len(taken)
        operation.kinds = kinds_of(kind, job_ids=taken, asking=asking)
        operation.chunk = chunk_for(kind, kinds=operation.kinds, asking=asking, but=operation.pk)
        operation.save()
        _record(actor, operation, "bulk_start", now=now, reason=reason)
        transaction.on_commit(ring_bulk)
    return operation


def pause(actor: Actor, *, operation_id: int, now: datetime, reason: str = "") -> BulkOperation:
    """Act on no further chunk; a chunk that is under way ends first. Raises: ApiError (403, 404, 409)."""

    def change(operation: BulkOperation) -> None:
        _require(operation, BulkState.RUNNING)
        operation.state = BulkState.PAUSED
        operation.paused_why = f"paused by {actor}{': ' + reason if reason else ''}"

    return _changed(actor, operation_id, "bulk_pause", change, now=now, reason=reason)


def resume(actor: Actor, *, operation_id: int, now: datetime, reason: str = "") -> BulkOperation:
    """Go on. Where it paused itself, it does not again: an operator has seen why. Raises: ApiError (403, 404, 409)."""

    def change(operation: BulkOperation) -> None:
        _require(operation, BulkState.PAUSED)
        operation.state, operation.paused_why, operation.next_at = BulkState.RUNNING, "", now
        if step_of(operation) is Step.PAUSE:
            operation.is_trial = False
        transaction.on_commit(ring_bulk)

    return _changed(actor, operation_id, "bulk_resume", change, now=now, reason=reason)


def cancel(actor: Actor, *, operation_id: int, now: datetime, reason: str = "") -> BulkOperation:
    """Act on no further chunk, for good: what is left stays dead. Raises: ApiError (403, 404, 409)."""

    def change(operation: BulkOperation) -> None:
        _require(operation, BulkState.RUNNING, BulkState.PAUSED)
        operation.state, operation.finished_at = BulkState.CANCELLED, now
        operation.paused_why, operation.at_cap = "", 0

    return _changed(actor, operation_id, "bulk_cancel", change, now=now, reason=reason)


def _changed(
    actor: Actor, operation_id: int, action: str, change: Callable[[BulkOperation], None], *, now: datetime, reason: str
) -> BulkOperation:
    with transaction.atomic():
        operation = BulkOperation.objects.select_for_update().filter(pk=operation_id).first()
        if operation is None:
            raise NotFound(f"there is no bulk operation {operation_id}", code="unknown_operation", field="operation_id")
        actor.require(*NEEDS[BulkKind(operation.kind)])
        change(operation)
        operation.updated_at = now
        operation.save()
        _record(actor, operation, action, now=now, reason=reason)
    return operation


def _require(operation: BulkOperation, *states: BulkState) -> None:
    if operation.state not in states:
        expected = " or ".join(states)
        raise ApiError(
            f"bulk operation {operation.pk} is {operation.state}, expected {expected}",
            code=f"not_{states[0]}",
            status=409,
            field="operation_id",
        )


def _record(actor: Actor, operation: BulkOperation, action: str, *, now: datetime, reason: str) -> None:
    about: dict[str, Any] = about_of(operation)
    record(
        who=actor.who, through=actor.through, action=action, now=now, about=about, counts=counts_of(operation), reason=reason
    )


def about_of(operation: BulkOperation) -> dict[str, Any]:
    """Which operation, for the audit."""
    said = {"abandon": True} if operation.abandon else {}
    return {"operation": operation.pk, "kind": operation.kind, **operation.filter, **operation.asking, **said}
