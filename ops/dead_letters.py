"""What operators see of dead letters and do about them. REST, the admin and `manage.py dlq` call nothing else.

Here it is checked who may, and each action leaves its `AuditEntry` in the transaction of what it did.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from collector.core.requeued import Requeued
from collector.models import BackfillState, DeadLetter
from collector.selectors.dead_letter_stats import HOUR, Depth, Fingerprint, depths, top_fingerprints
from collector.selectors.dead_letters import LetterFilter, LettersPage, letter_of, letters, letters_page
from collector.services import dead_letters as service
from collector.services.dead_letters import AS_BEFORE, Asking
from ops.actors import Actor
from ops.audit import record
from ops.bulk.items import acted_since
from ops.models import AuditEntry
from providers.api_errors import ApiError

VIEW = "collector.view_deadletter"
REQUEUE = "collector.requeue_deadletter"
BULK = "collector.bulk_deadletter"
DISCARD = "collector.discard_deadletter"
LIMIT = 100
"""How many jobs a list shows and a requeue of many takes, unless told."""
MOST_AT_ONCE = 100_000

Which = LetterFilter | Sequence[int]
"""Dead jobs by a filter or by their numbers."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Dead jobs of one tier and interval; `out` left by operators' hands within the hour."""

    depth: Depth
    out_last_hour: int


def page(
    actor: Actor,
    *,
    fitting: LetterFilter,
    state: BackfillState = BackfillState.DEAD,
    limit: int = LIMIT,
    after: str | None = None,
) -> LettersPage:
    """Letters, newest first. Raises: ApiError."""
    actor.require(VIEW)
    return letters_page(found=letters(state=state, fitting=fitting), limit=limit, after=after)


def show(actor: Actor, *, job_id: int) -> DeadLetter:
    """One letter. Raises: ApiError (403, 404)."""
    actor.require(VIEW)
    return letter_of(job_id)


def stats(actor: Actor, *, now: datetime) -> tuple[list[Kind], list[Fingerprint]]:
    """By tier and interval, and the commonest causes. Raises: ApiError (403)."""
    actor.require(VIEW)
    gone = _left_since(now - HOUR)
    held = {f"{one.tier} {one.interval}": one for one in depths(now=now)}
    kinds = [Kind(held.get(kind) or _none_of(kind), gone.get(kind, 0)) for kind in sorted({*held, *gone})]
    return kinds, top_fingerprints()


def kind_as_json(kind: Kind, *, now: datetime) -> dict[str, Any]:
    """For answers."""
    held = kind.depth
    age = None if held.oldest_died_at is None else (now - held.oldest_died_at).total_seconds()
    return {
        "tier": held.tier,
        "interval": held.interval,
        "depth": held.depth,
        "oldest_age_seconds": age,
        "missing_minutes": held.missing_minutes,
        "in_last_hour": held.died_last_hour,
        "out_last_hour": kind.out_last_hour,
    }


def cause_as_json(cause: Fingerprint) -> dict[str, Any]:
    """For answers."""
    return {**asdict(cause), "provider": cause.provider or None}


def preview(actor: Actor, *, which: Which, limit: int = LIMIT, now: datetime) -> Requeued:
    """What `requeue_many` would do. Raises: ApiError (403)."""
    actor.require(VIEW)
    return service.preview(chosen=_chosen(which), limit=limit, now=now)


def requeue_one(actor: Actor, *, job_id: int, now: datetime, asking: Asking = AS_BEFORE, reason: str = "") -> None:
    """Let one dead job try anew. Raises: ApiError: 403, 404, 409 that says why it can't be requeued, 422 for an unknown provider."""
    actor.require(REQUEUE)
    state = letter_of(job_id).backfill.state
    if state != BackfillState.DEAD:
        raise _conflict(job_id, f"is {state}, expected dead", code="not_dead")
    with transaction.atomic():
        result = service.requeue(chosen=_chosen([job_id]), limit=1, now=now, note=_note(actor, reason), asking=asking)
        if not result.requeued:
            raise _why_not(job_id, result)
        about = {"job_id": job_id, **asking.as_json()}
        _record(actor, "dead_letter_requeue", now=now, about=about, counts=_counts(result), reason=reason)


def requeue_many(
    actor: Actor, *, which: Which, now: datetime, limit: int = LIMIT, asking: Asking = AS_BEFORE, reason: str = ""
) -> Requeued:
    """Let dead jobs try anew, those that died first first. Raises: ApiError (403, 422)."""
    actor.require(REQUEUE, BULK)
    with transaction.atomic():
        result = service.requeue(chosen=_chosen(which), limit=limit, now=now, note=_note(actor, reason), asking=asking)
        about = {**_said(which), "limit": limit, **asking.as_json()}
        _record(actor, "dead_letter_requeue_all", now=now, about=about, counts=_counts(result), reason=reason)
    return result


def discard_one(actor: Actor, *, job_id: int, now: datetime, reason: str = "", abandon: bool = False) -> DeadLetter:
    """Give one dead job up. Raises: ApiError (403, 404, 409)."""
    actor.require(DISCARD)
    letter_of(job_id)
    if not _discard(actor, [job_id], now=now, reason=reason, abandon=abandon):
        raise _conflict(job_id, f"is {letter_of(job_id).backfill.state}, expected dead", code="not_dead")
    return letter_of(job_id)


def discard_many(actor: Actor, *, job_ids: Sequence[int], now: datetime, reason: str = "", abandon: bool = False) -> int:
    """Give dead jobs up; how many of them were dead. Raises: ApiError (403)."""
    actor.require(DISCARD, BULK)
    return _discard(actor, job_ids, now=now, reason=reason, abandon=abandon)


def undo_discard(actor: Actor, *, job_id: int, now: datetime) -> DeadLetter:
    """Make a discarded job dead again. Raises: ApiError (403, 404, 409)."""
    actor.require(DISCARD)
    with transaction.atomic():
        letter = service.undo_discard(job_id=job_id, now=now)
        _record(actor, "dead_letter_undo", now=now, about={"job_id": job_id}, counts={"undone": 1})
    return letter


def _discard(actor: Actor, job_ids: Sequence[int], *, now: datetime, reason: str, abandon: bool) -> int:
    with transaction.atomic():
        gone = service.discard(chosen=_chosen(job_ids), now=now, who=actor.who, why=reason, abandon=abandon)
        kinds, count = dict(Counter(gone.values())), len(gone)
        if count:
            about = {**_said(job_ids), **({"abandon": True} if abandon else {})}
            _record(
                actor, "dead_letter_discard", now=now, about=about, counts={"discarded": count, "kinds": kinds}, reason=reason
            )
    return count


def _chosen(which: Which) -> QuerySet[DeadLetter]:
    return letters(fitting=which) if isinstance(which, LetterFilter) else letters().filter(pk__in=list(which))


def _said(which: Which) -> dict[str, Any]:
    return dict(which.as_json()) if isinstance(which, LetterFilter) else {"job_ids": list(which)}


def _note(actor: Actor, reason: str) -> str:
    return f"by {actor}{': ' + reason if reason else ''}"


def _counts(result: Requeued) -> dict[str, Any]:
    return {**result.as_json(), "kinds": dict(result.kinds)}


def _record(
    actor: Actor, action: str, *, now: datetime, about: Mapping[str, Any], counts: Mapping[str, Any], reason: str = ""
) -> None:
    record(who=actor.who, through=actor.through, action=action, now=now, about=about, counts=counts, reason=reason)


def _left_since(moment: datetime) -> Counter[str]:
    """How many operators requeued or discarded since then, by tier and interval."""
    entries: Iterable[dict[str, Any]] = AuditEntry.objects.filter(
        at__gte=moment, action__startswith="dead_letter_"
    ).values_list("counts", flat=True)
    left = acted_since(moment)
    for counts in entries:
        left.update(counts.get("kinds", {}))
    return left


def _none_of(kind: str) -> Depth:
    tier, interval = kind.split(" ", 1)
    return Depth(tier=tier, interval=interval, depth=0, oldest_died_at=None, missing_minutes=0, died_last_hour=0)


_CAUSES = {
    "series_inactive": "is of a series that is collected no more",
    "abandoned": "is of a span that was abandoned",
    "busy": "is being changed by somebody else, try again",
}


def _why_not(job_id: int, result: Requeued) -> ApiError:
    cause = next(iter(result.skipped), "busy")
    if result.at_cap:
        return _conflict(job_id, "has to wait: as many jobs are open as its tier may have", code="at_cap")
    return _conflict(job_id, _CAUSES.get(cause, _CAUSES["busy"]), code=cause)


def _conflict(job_id: int, why: str, *, code: str) -> ApiError:
    return ApiError(f"job {job_id} {why}", code=code, status=409, field="job_id")
