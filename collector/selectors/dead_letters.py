"""Dead letters as operators look for them: one filter for every list, action and count, and pages by keyset."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from collector.models import Backfill, BackfillState, DeadLetter
from collector.selectors import cursors
from providers.api_errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which dead letters; None: all. `older_than` is exclusive, `newer_than` inclusive; both go by the moment of death."""

    tier: str | None = None
    interval: str | None = None
    symbol: str | None = None
    provider: str | None = None
    reason: str | None = None
    fingerprint: str | None = None
    older_than: datetime | None = None
    newer_than: datetime | None = None

    def as_json(self) -> dict[str, str]:
        """What was said, for records."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class LettersPage:
    """Letters, newest first, with job, series and instrument; and the cursor of the next page, None after the last."""

    letters: list[DeadLetter]
    next: str | None


def letters(*, state: BackfillState = BackfillState.DEAD, fitting: LetterFilter | None = None) -> QuerySet[DeadLetter]:
    """Letters of dead or of discarded jobs that fit."""
    wanted = fitting or LetterFilter()
    lookups = {
        "backfill__tier": wanted.tier,
        "backfill__series__interval": wanted.interval,
        "backfill__series__instrument__symbol": wanted.symbol,
        "provider": wanted.provider,
        "reason": wanted.reason,
        "fingerprint": wanted.fingerprint,
        "died_at__lt": wanted.older_than,
        "died_at__gte": wanted.newer_than,
    }
    rows = DeadLetter.objects.filter(backfill__state=state)
    return rows.filter(**{lookup: value for lookup, value in lookups.items() if value is not None})


def letters_page(*, found: QuerySet[DeadLetter], limit: int, after: str | None = None) -> LettersPage:
    """One page, newest first. Raises: ApiError for a bad cursor."""
    rows = found.select_related("backfill__series__instrument").order_by("-died_at", "-backfill_id")
    if after is not None:
        died_at, number = cursors.decode_moment(after)
        # The first condition bounds the index, the second one leaves out what shares the moment and was shown.
        rows = rows.filter(died_at__lte=died_at).filter(Q(died_at__lt=died_at) | Q(backfill_id__lt=number))
    page = list(rows.defer("traceback")[: limit + 1])
    kept = page[:limit]
    return LettersPage(letters=kept, next=_encoded(kept[-1]) if len(page) > limit else None)


def letter_of(job_id: int) -> DeadLetter:
    """A job's letter, with job, series and instrument. Raises: NotFound that says how the job stands."""
    row = DeadLetter.objects.select_related("backfill__series__instrument").filter(pk=job_id).first()
    if row is None:
        state = Backfill.objects.filter(pk=job_id).values_list("state", flat=True).first()
        if state is None:
            raise NotFound(f"there is no job {job_id}", code="unknown_job", field="job_id")
        raise NotFound(f"job {job_id} is {state}: it has no dead letter", code="no_dead_letter", field="job_id")
    return row


def letter_as_json(letter: DeadLetter) -> dict[str, Any]:
    """What lists show of a letter and its job."""
    job, instrument = letter.backfill, letter.backfill.series.instrument
    return {
        "job_id": job.pk,
        "state": job.state,
        "symbol": instrument.symbol,
        "mic": instrument.mic,
        "interval": job.series.interval,
        "hours": job.series.hours,
        "adjustment": job.series.adjustment,
        "tier": job.tier,
        "lane": job.lane,
        "start": job.start,
        "end": job.end,
        "slots": job.slots,
        "missing_minutes": letter.missing_minutes,
        "reason": letter.reason,
        "fingerprint": letter.fingerprint,
        "provider": letter.provider or None,
        "http_status": letter.http_status,
        "message": letter.message,
        "attempts": job.attempts,
        "times_requeued": job.times_requeued,
        "found_at": job.found_at,
        "died_at": letter.died_at,
    }


def letter_in_full(letter: DeadLetter) -> dict[str, Any]:
    """The same with the tries, oldest first, and who discarded it why."""
    job = letter.backfill
    return letter_as_json(letter) | {
        "traceback": letter.traceback,
        "pinned_provider": job.pinned_provider or None,
        "excluded_providers": job.excluded_providers,
        "discarded_at": letter.discarded_at,
        "discarded_by": letter.discarded_by or None,
        "discard_reason": letter.discard_reason or None,
        "tries": tries_of(job),
    }


def tries_of(job: Backfill) -> Sequence[dict[str, Any]]:
    """The newest tries, oldest first, each with the same keys."""
    names = ("at", "provider", "code", "message", "http_status")
    return [{name: one.get(name) for name in names} for one in job.tries]


def _encoded(letter: DeadLetter) -> str:
    return cursors.encode((letter.died_at.isoformat(), letter.pk))
