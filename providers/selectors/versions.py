"""Reads about versions of the policy: which is active, what each changed, who runs which, how the last reload ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from providers.models import ActivePolicy, PolicyVersion, ProcessVersion, ReloadAttempt
from providers.policy import Change, Snapshot, diff
from providers.services import policies

GONE_AFTER = timedelta(minutes=5)
"""Longer than a job may take: who has been silent for so long works no more, or has nothing to do."""


class Following(StrEnum):
    """How a process stands to the active version. `lagging`: it has not begun a job since; `gone`: silent for 5 minutes."""

    CURRENT = "current"
    LAGGING = "lagging"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process, as it last said."""

    process: str
    host: str
    role: str
    version: int | None
    seen_at: datetime
    following: Following
    code: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What an operator asks first. `faults`: why a reload would be refused now; `changes`: what it would change."""

    active: ActivePolicy | None
    last_attempt: ReloadAttempt | None
    faults: Sequence[str]
    changes: Sequence[Change]
    processes: Sequence[ProcessStatus]

    @property
    def draft_differs(self) -> bool:
        return bool(self.faults or self.changes)


def status(*, now: datetime) -> Status:
    """The active version, the draft beside it, the last attempt, and every process that reported within a day."""
    active = ActivePolicy.objects.select_related("version").filter(pk=1).first()
    number = active.version_id if active else None
    return Status(
        active=active,
        last_attempt=ReloadAttempt.objects.first(),
        faults=policies.validate_draft(),
        changes=policies.changes(),
        processes=processes(active=number, now=now),
    )


def processes(*, active: int | None, now: datetime) -> list[ProcessStatus]:
    """Every process that reported within a day, beside the active version."""
    return [_process(row, active=active, now=now) for row in ProcessVersion.objects.all()]


def versions(*, limit: int, before: int | None = None) -> list[PolicyVersion]:
    """Newest first, without their content; `before` leaves out that number and newer ones."""
    rows = PolicyVersion.objects.defer("content")
    return list((rows if before is None else rows.filter(number__lt=before))[:limit])


def difference(number: int, *, against: int | None = None) -> list[Change]:
    """What a version changes of another one, by default of the one that is active. Raises: PolicyVersion.DoesNotExist."""
    old: Snapshot = policies.current() if against is None else policies.version(against)
    return diff(old, policies.version(number))


def _process(row: ProcessVersion, *, active: int | None, now: datetime) -> ProcessStatus:
    following = Following.CURRENT if row.version == active else Following.LAGGING
    if now - row.seen_at > GONE_AFTER:
        following = Following.GONE
    return ProcessStatus(row.process, row.host, row.role, row.version, row.seen_at, following, row.code)
