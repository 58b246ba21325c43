"""What becomes of each job of a batch, by what is still missing of it and by what every provider said. Writes nothing."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from collector.core.causes import telling
from collector.core.retry import BUSY, OUT_OF_PLAY, REFUSED, Fate, delay, fate, parked_until
from collector.core.spans import inside, spans_of
from collector.models import RejectedBar
from collector.models.backfills import Backfill, BackfillState
from collector.services.backfill.asking import Whys
from collector.services.backfill.settling import Ending, Failure
from collector.services.failover import Unanswered
from providers.market.types import Interval, MicrosArray, from_us, to_us

UNPROVEN = "unproven"
"""Providers answered, and something is missing all the same."""
_NOT_ALL = Unanswered("what the providers answered is not all that is wanted", UNPROVEN)
_STATES = {Fate.RETRY: BackfillState.RETRY_WAIT, Fate.PARK: BackfillState.PARKED, Fate.DEAD: BackfillState.DEAD}


def endings_of(jobs: Sequence[Backfill], *, missing: Mapping[int, MicrosArray], whys: Whys, now: datetime) -> list[Ending]:
    """The next state of each job; `missing` slots by job. Those that wait for the same thing wait as long: one question serves them again."""
    draw, is_alone = random.random(), len(jobs) == 1  # noqa: S311  no secret
    return [
        _ending(job, missing[job.pk], whys.get(job.pk) or (_NOT_ALL,), now=now, draw=draw, is_alone=is_alone) for job in jobs
    ]


def broken(job: Backfill, *, error: str, is_alone: bool, now: datetime) -> Ending:
    """After an error of our own: alone it costs an attempt, in a batch it only has to run alone, since another job may be the cause."""
    attempts = job.attempts + is_alone
    message = error.strip().rsplit("\n", 1)[-1]
    failure = Failure("internal_error", message, traceback=error)
    chosen = fate([failure.reason], attempts=attempts) if is_alone else Fate.RETRY
    return Ending(
        job=job,
        state=_STATES[chosen],
        start=job.start,
        end=job.end,
        slots=job.slots,
        attempts=attempts,
        due_at=from_us(to_us(now) + delay(max(1, attempts), draw=random.random())),  # noqa: S311  no secret
        tries=[*job.tries, _entry(Unanswered(message, failure.reason), now)],
        failure=failure,
        is_solo=True,
    )


def given_back(job: Backfill, *, now: datetime) -> Ending:
    """As it was before its claim, and due: nothing was found out about it."""
    return Ending(
        job=job,
        state=BackfillState.QUEUED,
        start=job.start,
        end=job.end,
        slots=job.slots,
        attempts=job.attempts,
        due_at=now,
        tries=job.tries,
        is_solo=job.is_solo,
        lost_alone=job.lost_alone,
    )


def _ending(
    job: Backfill, missing: MicrosArray, whys: Sequence[Unanswered], *, now: datetime, draw: float, is_alone: bool
) -> Ending:
    if not len(missing):
        return Ending(
            job=job,
            state=BackfillState.DONE,
            start=job.start,
            end=job.end,
            slots=job.slots,
            attempts=job.attempts,
            due_at=job.due_at,
            tries=job.tries,
        )
    chosen = fate([why.code for why in whys], attempts=job.attempts + 1)
    if has_to_go_alone := chosen is Fate.DEAD and not is_alone and any(why.code == REFUSED for why in whys):
        chosen = Fate.RETRY  # another job of the batch may be what was refused
    return Ending(
        job=job,
        state=_STATES[chosen],
        start=from_us(int(missing[0])),
        end=from_us(int(missing[-1]) + Interval(job.series.interval).us),
        slots=len(missing),
        attempts=job.attempts + (chosen is not Fate.PARK and not has_to_go_alone),
        due_at=_due_at(job, chosen, whys, now, draw),
        tries=_tries(job, whys, now, is_parked=chosen is Fate.PARK),
        failure=_failure(job, missing, whys) if chosen is Fate.DEAD else None,
        is_solo=has_to_go_alone,
    )


def _due_at(job: Backfill, chosen: Fate, whys: Sequence[Unanswered], now: datetime, draw: float) -> datetime:
    if chosen is Fate.PARK:
        return from_us(parked_until([why.retry_at for why in whys], now=to_us(now), draw=draw))
    return from_us(to_us(now) + delay(job.attempts + 1, draw=draw)) if chosen is Fate.RETRY else now


def _tries(job: Backfill, whys: Sequence[Unanswered], now: datetime, *, is_parked: bool) -> list[dict[str, Any]]:
    """The row's tries and this one, an entry a provider that counts. A job that only waits on repeats its last entries no longer list."""
    new = [_entry(why, now) for why in whys if why.code not in OUT_OF_PLAY] or [_entry(whys[-1], now)]
    kept = list(job.tries)
    if is_parked:
        waited = {(one["provider"], one["code"]) for one in new}
        while kept and kept[-1]["code"] in BUSY and (kept[-1]["provider"], kept[-1]["code"]) in waited:
            kept.pop()
    return [*kept, *new]


def _entry(why: Unanswered, now: datetime) -> dict[str, Any]:
    return {
        "at": now.isoformat(),
        "provider": why.provider or None,
        "code": why.code,
        "message": why.message[:500],
        "http_status": why.http_status,
    }


def _failure(job: Backfill, missing: MicrosArray, whys: Sequence[Unanswered]) -> Failure:
    """The word that decided, of those who count; a refused row of what is missing says more than that something is."""
    count = [why for why in whys if why.code not in OUT_OF_PLAY]
    last = count[telling([why.code for why in count])]
    if last.code == UNPROVEN and (refused := _refused(job, missing)) is not None:
        said = f"{refused.provider.name} sent a row that was refused, {refused.reason}: {refused.detail}"
        return Failure("rejected", said, refused.provider.name)
    return Failure(last.code, last.message, last.provider, last.http_status)


def _refused(job: Backfill, missing: MicrosArray) -> RejectedBar | None:
    """The newest. One of a slot that was filled since is why nothing is missing; a row off the grid is of the slot that it lies in."""
    spans = spans_of(missing, Interval(job.series.interval).us)
    rows = RejectedBar.objects.filter(series_id=job.series_id, start__gte=job.start, start__lt=job.end)
    found = list(rows.select_related("provider").order_by("-last_seen_at"))
    starts = np.array([to_us(row.start) for row in found if row.start], dtype=np.int64)
    return next((row for row, is_missing in zip(found, inside(starts, spans), strict=True) if is_missing), None)
