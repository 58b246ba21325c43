"""Endpoints about the configuration that runs: reload, roll back, and see what is active, what would change and who lags behind.

A refused candidate is answered with 200 and `"ok": false`: the request was understood and carried out, and its answer is the
verdict. A 4xx would have to be in the one shape of all errors, which has no room for it. Programs look at `ok`; scripts that want an
exit status use `manage.py reload_config`.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from ninja import Path, Query, Router

from marketdata_site.observability import clock
from ops.actors import of_request
from ops.config_schemas import (
    ActiveOut,
    AttemptOut,
    ChangeOut,
    DiffIn,
    DiffOut,
    DryRunOut,
    Number,
    ProcessOut,
    ReloadIn,
    ReloadOut,
    RollbackOut,
    StatusOut,
    VersionOut,
    VersionsIn,
    VersionsOut,
)
from providers.api_errors import NotFound, refuse_unknown
from providers.models import PolicyVersion
from providers.policy import Change
from providers.selectors import versions as reading
from providers.services import policies
from providers.services.process_versions import report_process

router = Router(tags=["configuration"])


@router.post(
    "/reload",
    response=DryRunOut | ReloadOut,
    summary="Check the draft as a whole and make it the active version",
)
def reload(request: HttpRequest, query: Query[ReloadIn]) -> DryRunOut | ReloadOut:
    """With `dry_run` nothing is stored, and the answer names every fault and change."""
    refuse_unknown(request, ReloadIn)
    result = policies.reload(author=of_request(request).who, through="api", now=clock.now(), dry_run=query.dry_run)
    if not query.dry_run:
        return ReloadOut(ok=result.ok, policy_version=result.policy_version, error=result.error)
    return DryRunOut(
        ok=result.ok, policy_version=None, error=result.error, errors=list(result.faults), changes=_changes(result.changes)
    )


@router.post(
    "/rollback/{number}",
    response=RollbackOut,
    summary="Make a stored version the active one again",
)
def rollback(request: HttpRequest, number: Path[Number]) -> RollbackOut:
    """The draft stays as it is: the next reload would bring it back."""
    refuse_unknown(request)  # such as a dry_run, which it has not
    try:
        result = policies.activate(number, author=of_request(request).who, through="api", now=clock.now())
    except PolicyVersion.DoesNotExist:
        raise _unknown(number) from None
    return RollbackOut(
        ok=result.ok, policy_version=result.policy_version, error=result.error, draft_differs=policies.draft_differs()
    )


@router.get("/status", response=StatusOut, summary="The active version, what a reload would change, and who lags behind")
def status(request: HttpRequest) -> StatusOut:
    """This process takes the active version up as it answers, and is in the list itself."""
    refuse_unknown(request)
    now = clock.now()
    policies.current()
    report_process(now=now, every=timedelta(0))
    found = reading.status(now=now)
    return StatusOut(
        active=ActiveOut.from_orm(found.active) if found.active else None,
        last_attempt=AttemptOut.from_orm(found.last_attempt) if found.last_attempt else None,
        draft_differs=found.draft_differs,
        errors=list(found.faults),
        changes=_changes(found.changes),
        processes=[ProcessOut.from_orm(process) for process in found.processes],
    )


@router.get("/versions", response=VersionsOut, summary="Stored versions, newest first")
def versions(request: HttpRequest, query: Query[VersionsIn]) -> VersionsOut:
    """One page; hand `next` back as `after`."""
    refuse_unknown(request, VersionsIn)
    rows = reading.versions(limit=query.limit + 1, before=query.after)
    page, active = rows[: query.limit], policies.current().number
    return VersionsOut(
        versions=[_version(row, is_active=row.number == active) for row in page],
        next=str(page[-1].number) if len(rows) > len(page) else None,
    )


@router.get("/versions/{number}/diff", response=DiffOut, summary="What a version changes of another one")
def difference(request: HttpRequest, number: Path[Number], query: Query[DiffIn]) -> DiffOut:
    """Against the active version when `against` is left out: what rolling back to `number` would change."""
    refuse_unknown(request, DiffIn)
    for one in (number, query.against):
        if one is not None and not PolicyVersion.objects.filter(pk=one).exists():
            raise _unknown(one)
    against = policies.current().number if query.against is None else query.against
    return DiffOut(
        policy_version=str(number),
        against=None if against is None else str(against),
        changes=_changes(reading.difference(number, against=query.against)),
    )


def _unknown(number: int) -> NotFound:
    return NotFound(f"there is no policy version {number}", code="unknown_version", field="number")


def _version(row: PolicyVersion, *, is_active: bool) -> VersionOut:
    return VersionOut(
        policy_version=str(row.number),
        is_active=is_active,
        created_at=row.created_at,
        author=row.author,
        through=row.through,
        checksum=row.checksum,
        changes=[_stored(change) for change in row.diff],
    )


def _stored(change: Mapping[str, Any]) -> ChangeOut:
    return ChangeOut(**change)


def _changes(changes: Iterable[Change]) -> list[ChangeOut]:
    return [ChangeOut.from_orm(change) for change in changes]
