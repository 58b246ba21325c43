"""Endpoints about dead letters: jobs that gave up filling a gap. Each makes one call of `ops.dead_letters`."""

from django.http import HttpRequest
from ninja import Path, Query, Router

from collector.core.requeued import Requeued
from collector.models import BackfillState
from collector.selectors.dead_letters import letter_as_json, letter_in_full
from marketdata_site.observability import clock
from ops import dead_letters
from ops.actors import of_request
from ops.dlq_schemas import (
    CHANGE_ERRORS,
    READ_ERRORS,
    AskingIn,
    DiscardIn,
    FingerprintOut,
    JobId,
    KindOut,
    LetterInFullOut,
    LettersIn,
    LettersOut,
    OneRequeuedOut,
    RequeueAllIn,
    RequeuedOut,
    StatsOut,
)
from providers.api_errors import refuse_unknown

router = Router(tags=["dead letters"])


@router.get("/backfills", response=LettersOut, openapi_extra=READ_ERRORS, summary="Dead letters, newest first")
def list_dead_letters(request: HttpRequest, query: Query[LettersIn]) -> dict[str, object]:
    """One page; hand `next` back as `after`."""
    refuse_unknown(request, LettersIn)
    page = dead_letters.page(
        of_request(request), fitting=query.filter(), state=BackfillState(query.state), limit=query.limit, after=query.after
    )
    return {"backfills": [letter_as_json(letter) for letter in page.letters], "next": page.next}


# Before the addresses with a number in its place: the first one that fits is taken.
@router.post(
    "/backfills/requeue-all",
    response=RequeuedOut,
    summary="Let dead jobs try anew, as many as there is room for",
)
def requeue_all(request: HttpRequest, query: Query[RequeueAllIn]) -> dict[str, object]:
    """Those that died first are taken first, `limit` at most, and no more than the cap of each tier has room for."""
    refuse_unknown(request, RequeueAllIn)
    actor, now = of_request(request), clock.now()
    which = query.filter()
    if query.dry_run:
        found: Requeued = dead_letters.preview(actor, which=which, limit=query.limit, now=now)
    else:
        found = dead_letters.requeue_many(
            actor, which=which, limit=query.limit, now=now, asking=query.asking(), reason=query.note
        )
    return found.as_json()


@router.get(
    "/backfills/{job_id}", response=LetterInFullOut, openapi_extra=READ_ERRORS, summary="One dead letter with its tries"
)
def show_dead_letter(request: HttpRequest, job_id: Path[JobId]) -> dict[str, object]:
    """Of a dead or a discarded job."""
    refuse_unknown(request)
    return letter_in_full(dead_letters.show(of_request(request), job_id=job_id))


@router.post(
    "/backfills/requeue/{job_id}",
    response=OneRequeuedOut,
    openapi_extra=CHANGE_ERRORS,
    summary="Let one dead job try anew",
)
def requeue(request: HttpRequest, job_id: Path[JobId], query: Query[AskingIn]) -> OneRequeuedOut:
    """With all its attempts ahead of it, and at once."""
    refuse_unknown(request, AskingIn)
    dead_letters.requeue_one(of_request(request), job_id=job_id, now=clock.now(), asking=query.asking(), reason=query.note)
    return OneRequeuedOut(job_id=job_id)


@router.delete(
    "/backfills/{job_id}",
    response=LetterInFullOut,
    openapi_extra=CHANGE_ERRORS,
    summary="Discard a dead job",
)
def discard(request: HttpRequest, job_id: Path[JobId], query: Query[DiscardIn]) -> dict[str, object]:
    """It is kept for 7 days by default and can be undone as long. Without `abandon` the next scan may find the same gap again."""
    refuse_unknown(request, DiscardIn)
    letter = dead_letters.discard_one(
        of_request(request), job_id=job_id, now=clock.now(), reason=query.reason, abandon=query.abandon
    )
    return letter_in_full(letter)


@router.post(
    "/backfills/{job_id}/undo",
    response=LetterInFullOut,
    openapi_extra=CHANGE_ERRORS,
    summary="Make a discarded job dead again",
)
def undo(request: HttpRequest, job_id: Path[JobId]) -> dict[str, object]:
    """An abandonment that came with it is taken back."""
    refuse_unknown(request)
    return letter_in_full(dead_letters.undo_discard(of_request(request), job_id=job_id, now=clock.now()))


@router.get("/stats", response=StatsOut, openapi_extra=READ_ERRORS, summary="How many jobs are dead, since when, and of what")
def stats(request: HttpRequest) -> StatsOut:
    """By tier and interval, and the commonest causes."""
    refuse_unknown(request)  # it is not filtered
    now = clock.now()
    kinds, causes = dead_letters.stats(of_request(request), now=now)
    return StatsOut(
        depth=sum(kind.depth.depth for kind in kinds),
        kinds=[KindOut(**dead_letters.kind_as_json(kind, now=now)) for kind in kinds],
        fingerprints=[FingerprintOut(**dead_letters.cause_as_json(cause)) for cause in causes],
    )
