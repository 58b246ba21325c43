"""Endpoints about operations on many dead letters. Each makes one call of `ops.bulk`."""

from collections.abc import Callable

from django.http import HttpRequest
from ninja import Path, Query, Router

from marketdata_site.observability import clock
from ops.actors import of_request
from ops.bulk import operating, planning, reading
from ops.bulk.reading import operation_as_json
from ops.bulk_schemas import (
    BulkIn,
    NoteIn,
    OperationId,
    OperationOut,
    OperationsIn,
    OperationsOut,
    PlanOut,
)
from ops.dlq_schemas import CHANGE_ERRORS, READ_ERRORS
from ops.models import BulkOperation
from providers.api_errors import refuse_unknown

router = Router(tags=["dead letters"])


@router.get("/preview", response=PlanOut, openapi_extra=READ_ERRORS, summary="What an operation would be about")
def preview_bulk(request: HttpRequest, query: Query[BulkIn]) -> dict[str, object]:
    """How many match, a sample, and how long it would take at the throttle. Nothing is changed."""
    refuse_unknown(request, BulkIn)
    plan = planning.preview(
        of_request(request), kind=query.kind, fitting=query.filter(), now=clock.now(), asking=query.asking()
    )
    return plan.as_json()


@router.post(
    "",
    response=OperationOut,
    openapi_extra=CHANGE_ERRORS,
    summary="Requeue or discard all dead jobs that fit, in the background",
)
def start_bulk(request: HttpRequest, query: Query[BulkIn]) -> dict[str, object]:
    """It is about the jobs that fit now; those that die later are not swept in."""
    refuse_unknown(request, BulkIn)
    now = clock.now()
    operation = operating.start(
        of_request(request),
        kind=query.kind,
        fitting=query.filter(),
        now=now,
        asking=query.asking(),
        abandon=query.abandon,
        reason=query.note,
    )
    return operation_as_json(operation, now=now)


@router.get("", response=OperationsOut, openapi_extra=READ_ERRORS, summary="Operations on dead jobs, newest first")
def list_bulk(request: HttpRequest, query: Query[OperationsIn]) -> dict[str, object]:
    """One page; hand `next` back as `after`."""
    refuse_unknown(request, OperationsIn)
    page = reading.page(of_request(request), limit=query.limit, after=query.after)
    now = clock.now()
    return {"operations": [operation_as_json(one, now=now) for one in page.operations], "next": page.next}


@router.get("/{operation_id}", response=OperationOut, openapi_extra=READ_ERRORS, summary="How far one operation is")
def show_bulk(request: HttpRequest, operation_id: Path[OperationId]) -> dict[str, object]:
    """As its last tick left it."""
    refuse_unknown(request)
    return operation_as_json(reading.show(of_request(request), operation_id=operation_id), now=clock.now())


@router.post(
    "/{operation_id}/pause",
    response=OperationOut,
    openapi_extra=CHANGE_ERRORS,
    summary="Let an operation rest",
)
def pause_bulk(request: HttpRequest, operation_id: Path[OperationId], query: Query[NoteIn]) -> dict[str, object]:
    """Until it is resumed."""
    return _changed(operating.pause, request, operation_id, query)


@router.post(
    "/{operation_id}/resume",
    response=OperationOut,
    openapi_extra=CHANGE_ERRORS,
    summary="Let a paused operation go on",
)
def resume_bulk(request: HttpRequest, operation_id: Path[OperationId], query: Query[NoteIn]) -> dict[str, object]:
    """One that paused itself does not do so again."""
    return _changed(operating.resume, request, operation_id, query)


@router.post(
    "/{operation_id}/cancel",
    response=OperationOut,
    openapi_extra=CHANGE_ERRORS,
    summary="End an operation",
)
def cancel_bulk(request: HttpRequest, operation_id: Path[OperationId], query: Query[NoteIn]) -> dict[str, object]:
    """What is left stays dead."""
    return _changed(operating.cancel, request, operation_id, query)


def _changed(act: Callable[..., BulkOperation], request: HttpRequest, operation_id: int, query: NoteIn) -> dict[str, object]:
    refuse_unknown(request, NoteIn)
    now = clock.now()
    return operation_as_json(act(of_request(request), operation_id=operation_id, now=now, reason=query.note), now=now)
