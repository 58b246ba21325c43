"""One tick of the operations: count what became of what was requeued, then act on a chunk.

A chunk is one transaction under the lock of the operation's row: jobs, items and counts move together or not at all, and a second
tick passes by. Locks: the operation's row, then the caps, then the jobs.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q

from collector.core.bulk import MOST_A_TICK, TICK_SECONDS, TRIAL, Step
from collector.models.backfills import Lane
from collector.selectors.dead_letters import letters
from collector.services import dead_letters as service
from collector.services.backfill_room import key_of, lock_rooms
from collector.services.dead_letters import Asking
from ops.audit import record
from ops.bulk import items
from ops.bulk.items import Kind, Next
from ops.bulk.operating import about_of
from ops.bulk.planning import chunk_for
from ops.bulk.reading import counts_of, step_of
from ops.models import BulkKind, BulkOperation, BulkState, ItemState
from providers.api_errors import ApiError

log = logging.getLogger(__name__)

RESTS = timedelta(seconds=TICK_SECONDS - 1)
"""Between two chunks, however often the doorbell rings; beat is a moment early at times."""


def advance_all(*, now: datetime) -> int:
    """A tick of every operation that has something to do; how many were looked at. One that fails does not hold up the others."""
    has_open = Q(kind=BulkKind.REQUEUE, done__gt=F("filled") + F("dead_again"))
    # Longer ago the items are deleted, and so are the jobs that ended.
    is_recent = Q(finished_at=None) | Q(finished_at__gte=now - timedelta(days=settings.BACKFILL_KEEP_DAYS))
    wanted = BulkOperation.objects.filter(Q(state=BulkState.RUNNING) | (has_open & is_recent)).order_by("pk")
    looked_at = 0
    for number in wanted.values_list("pk", flat=True):
        try:
            looked_at += advance(operation_id=number, now=now)
        except DatabaseError as error:  # a deadlock, a lock that was not got: the chunk is as if it had not begun
            log.warning("a chunk of bulk operation %d failed: %s", number, error, extra={"action": "bulk_chunk_failed"})
    return looked_at


def advance(*, operation_id: int, now: datetime) -> bool:
    """A tick of one operation; false where another tick has it."""
    with transaction.atomic():
        operation = BulkOperation.objects.select_for_update(skip_locked=True).filter(pk=operation_id).first()
        if operation is None:
            return False
        ended = items.follow(operation)
        operation.filled += ended[ItemState.FILLED]
        operation.dead_again += ended[ItemState.DEAD_AGAIN]
        if operation.state == BulkState.RUNNING and now >= operation.next_at:
            _go_on(operation, now)
        operation.updated_at = now
        operation.save()
    return True


def _go_on(operation: BulkOperation, now: datetime) -> None:
    if operation.kind == BulkKind.DISCARD:
        _discard_chunk(operation, now)
    else:
        _try_requeue(operation, now)
    if operation.left == 0 and operation.state == BulkState.RUNNING:
        operation.state, operation.finished_at = BulkState.DONE, now
        _record(operation, "bulk_done", now)


def _try_requeue(operation: BulkOperation, now: datetime) -> None:
    step = step_of(operation)
    if step is Step.PAUSE:
        _pause(operation, _why_dead_again(operation), now)
    elif step is not Step.WAIT:
        operation.is_trial = step is Step.TRY
        asking = Asking(**operation.asking)
        operation.chunk = chunk_for(BulkKind.REQUEUE, kinds=operation.kinds, asking=asking, but=operation.pk)
        limit = TRIAL - operation.done if operation.is_trial else operation.chunk
        try:
            with transaction.atomic():
                _requeue_chunk(operation, asking, limit, now)
        except ApiError as error:  # the provider that it pins is gone
            _pause(operation, error.message, now)


def _requeue_chunk(operation: BulkOperation, asking: Asking, limit: int, now: datetime) -> None:
    free = lock_rooms({kind["tier"] for kind in operation.kinds if kind["left"]})
    most = {(lane, tier): min(limit, free[key_of(lane=Lane(lane), tier=tier)]) for lane, tier in _left(operation)}
    chosen = items.next_items(operation, most=most, limit=limit)
    dead = [one.job_id for one in chosen if one.is_dead]
    hindered = service.hindered(job_ids=dead, now=now)
    wanted = [number for number in dead if number not in hindered]
    note = f"by {operation.who} through {operation.through}, bulk operation {operation.pk}"
    if operation.reason:
        note += f": {operation.reason}"
    fitting = letters().filter(pk__in=wanted)
    done = service.requeue(chosen=fitting, limit=max(1, limit), now=now, note=note, asking=asking).job_ids
    states = {one.job_id: ItemState.GONE for one in chosen if not one.is_dead}
    states |= {number: ItemState(cause) for number, cause in hindered.items()} | dict.fromkeys(done, ItemState.OPEN)
    _move(operation, chosen, states, now)
    used = Counter(
        key_of(lane=Lane(one.kind[0]), tier=one.kind[1]) for one in chosen if states.get(one.job_id) == ItemState.OPEN
    )
    operation.at_cap = _at_cap(operation, {room: count - used[room] for room, count in free.items()})


def _discard_chunk(operation: BulkOperation, now: datetime) -> None:
    chosen = items.next_items(operation, most=dict.fromkeys(_left(operation), MOST_A_TICK), limit=MOST_A_TICK)
    fitting = letters().filter(pk__in=[one.job_id for one in chosen if one.is_dead])
    done = service.discard(chosen=fitting, now=now, who=operation.who, why=operation.reason, abandon=operation.abandon)
    states = {one.job_id: ItemState.GONE for one in chosen if not one.is_dead} | dict.fromkeys(done, ItemState.DISCARDED)
    _move(operation, chosen, states, now)


def _move(operation: BulkOperation, chosen: Sequence[Next], states: Mapping[int, ItemState], now: datetime) -> None:
    """Each into its state, and the counts with it; those without one go on waiting."""
    for state in set(states.values()):
        acted_at = now if state in {ItemState.OPEN, ItemState.DISCARDED} else None
        ids = [number for number, one in states.items() if one is state]
        items.move(operation, job_ids=ids, state=state, acted_at=acted_at)
        counted = "done" if acted_at else state.value
        setattr(operation, counted, getattr(operation, counted) + len(ids))
    gone = Counter(one.kind for one in chosen if one.job_id in states)
    operation.kinds = [{**kind, "left": kind["left"] - gone[_kind(kind)]} for kind in operation.kinds]
    operation.left -= len(states)
    operation.next_at = now + RESTS


def _at_cap(operation: BulkOperation, free: Mapping[tuple[Lane, str], int]) -> int:
    waiting: Counter[tuple[Lane, str]] = Counter()
    for kind in operation.kinds:
        waiting[key_of(lane=Lane(kind["lane"]), tier=kind["tier"])] += kind["left"]
    return sum(max(0, count - free[room]) for room, count in waiting.items() if count)


def _left(operation: BulkOperation) -> list[tuple[str, str]]:
    """Lanes and tiers of which some wait."""
    return sorted({(kind["lane"], kind["tier"]) for kind in operation.kinds if kind["left"]})


def _kind(kind: Mapping[str, str]) -> Kind:
    return kind["lane"], kind["tier"], kind["interval"]


def _pause(operation: BulkOperation, why: str, now: datetime) -> None:
    operation.state, operation.paused_why = BulkState.PAUSED, why
    _record(operation, "bulk_pause_itself", now, reason=why[:300])


def _why_dead_again(operation: BulkOperation) -> str:
    causes: Iterable[str] = (
        f"{one['count']} of {one['fingerprint']} ({one['reason']}, {one['provider'] or 'nobody asked'}): {one['message'][:200]}"
        for one in items.new_deaths(operation)
    )
    return f"{operation.dead_again} of the first {operation.done} requeued jobs are dead again: {'; '.join(causes)}"


def _record(operation: BulkOperation, action: str, now: datetime, *, reason: str = "") -> None:
    record(
        who=operation.who,
        through=operation.through,
        action=action,
        now=now,
        about=about_of(operation),
        counts=counts_of(operation),
        reason=reason or operation.reason,
    )
