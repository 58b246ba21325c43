"""Versions of the policy: checked as a whole, stored, made active by one UPDATE, and followed by every process at its next job.

The draft is what the rows and variables say now; editing them changes nothing that runs. One advisory lock orders all that moves the
active version. Storing and activating are one transaction: a crash between them leaves the version before, and no trace.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max

from providers.models import ActivePolicy, Incumbent, PolicyVersion, Provider, ProviderState, ReloadAttempt, RoutingPolicy
from providers.overrides import forget_file, read_overrides
from providers.policy import (
    Change,
    Draft,
    Overrides,
    ProviderEntry,
    Snapshot,
    build,
    checksum,
    diff,
    from_json,
    to_json,
    validate,
)
from providers.policy.building import row_entry
from providers.selectors.routes import env_file

log = logging.getLogger(__name__)

ATTEMPTS_KEPT = timedelta(days=90)
_LOCK = 0x6D64_706F_6C69  # "mdpoli"

_Key = tuple[int, datetime, str]
_seen: tuple[_Key, Snapshot] | None = None


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """What became of a candidate. `error` is the first of `faults`; a dry run makes no version. `changes`: against the active one."""

    ok: bool
    policy_version: str | None = None
    faults: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def error(self) -> str | None:
        return self.faults[0] if self.faults else None


def current() -> Snapshot:
    """The active version; an empty one, by which nobody is asked, where none is.

    One query by primary keys; the version itself is read when it is another than before. A task calls this once and hands it down.
    """
    global _seen  # noqa: PLW0603  # versions never change, so one copy a process is enough
    key = _active_key()
    if key is None:
        _seen = None
        return Snapshot()
    seen = _seen
    if seen is None or seen[0] != key:
        seen = key, version(key[0])
        forget_file()
        _seen = seen
    return seen[1]


def running_version() -> int | None:
    """The number that this process runs, as of its last `current()`."""
    seen = _seen
    return seen[0][0] if seen else None


def is_held_active(number: int | None) -> bool:
    """Whether a version is the active one, and stays it until the caller's transaction ends.

    For what a job writes that a reload clears away: a reload either comes before and is seen, or after and clears it.
    """
    return ActivePolicy.objects.select_for_update().values_list("version_id", flat=True).first() == number


def version(number: int) -> Snapshot:
    """A stored version. Raises: PolicyVersion.DoesNotExist."""
    return from_json(PolicyVersion.objects.values_list("content", flat=True).get(pk=number), number=number)


def draft(*, overrides: Overrides | None = None) -> Draft:
    """What the rows, the env file and this process' environment say now; `overrides` stand in for the latter two."""
    return build(
        providers=[_entry(row) for row in Provider.objects.all()],
        policies=[row_entry(capability=p.capability, tier=p.tier, providers=p.providers) for p in RoutingPolicy.objects.all()],
        overrides=read_overrides(file=env_file(), environ=os.environ) if overrides is None else overrides,
    )


def validate_draft() -> list[str]:
    """Everything that a reload would refuse now; empty when it would go through."""
    return _faults(draft())


def changes() -> list[Change]:
    """What a reload would change now."""
    return diff(current(), draft().snapshot)


def draft_differs() -> bool:
    """Whether a reload would change anything, or would be refused for a variable that can't be read."""
    now = draft()
    return bool(now.faults) or checksum(now.snapshot) != checksum(current())


def reload(
    *, author: str, through: str, now: datetime, dry_run: bool = False, overrides: Overrides | None = None
) -> ReloadResult:
    """Make the draft the active version, or say why not. A refused candidate and a dry run change nothing that runs."""
    with transaction.atomic():
        if not dry_run:
            _lock()
        candidate = draft(overrides=overrides)
        faults = tuple(_faults(candidate))
        difference = tuple(diff(_active(), candidate.snapshot))
        if faults and not dry_run:
            _refuse(faults, author=author, through=through, now=now)
        if faults or dry_run:
            return ReloadResult(ok=not faults, faults=faults, changes=difference)
        number = _store(candidate.snapshot, difference, author=author, through=through, now=now)
        _activate(number, author=author, through=through, now=now)
    return ReloadResult(ok=True, policy_version=str(number), changes=difference)


def activate(number: int, *, author: str, through: str, now: datetime) -> ReloadResult:
    """Go back (or forth) to a stored version, under its own number. The draft stays as it is: see `draft_differs`.

    Refused when the version would not pass today: a provider's row or adapter is gone since.
    Raises: PolicyVersion.DoesNotExist.
    """
    with transaction.atomic():
        _lock()
        snapshot = version(number)
        faults = (*_gone(snapshot), *validate(snapshot))
        difference = tuple(diff(_active(), snapshot))
        if faults:
            _refuse(faults, author=author, through=through, now=now)
            return ReloadResult(ok=False, faults=faults, changes=difference)
        _activate(number, author=author, through=through, now=now)
    return ReloadResult(ok=True, policy_version=str(number), changes=difference)


def start(*, author: str, now: datetime) -> ReloadResult | None:
    """Activate the draft where no version ever was, so that a first start collects. None where there is nothing to do."""
    with transaction.atomic():
        _lock()
        if _active_key() is not None:
            return None
        first = draft()
        if not first.snapshot.policies and not first.faults:
            return None
        return reload(author=author, through="start", now=now)


def move(*, base_urls: Mapping[str, str], author: str, now: datetime) -> ReloadResult | None:
    """Activate the running version with other addresses of some providers, whatever else the draft says; None when none is other.

    For simulated vendors, whose port changes from start to start: an operator's unfinished edits are not activated along with it.
    """
    with transaction.atomic():
        _lock()
        active = _active()
        moved = {
            name: replace(entry, base_url=base_urls[name])
            for name, entry in active.providers.items()
            if base_urls.get(name, entry.base_url) != entry.base_url
        }
        if not moved:
            return None
        snapshot = replace(active, providers={**active.providers, **moved})
        difference = tuple(diff(active, snapshot))
        number = _store(snapshot, difference, author=author, through="start", now=now)
        _activate(number, author=author, through="start", now=now)
    return ReloadResult(ok=True, policy_version=str(number), changes=difference)


def _active_key() -> _Key | None:
    rows = ActivePolicy.objects.filter(pk=1).values_list("version_id", "activated_at", "version__checksum")
    return next(iter(rows), None)


def _active() -> Snapshot:
    key = _active_key()
    return Snapshot() if key is None else version(key[0])


def _entry(row: Provider) -> ProviderEntry:
    return ProviderEntry(**{name: getattr(row, name) for name in ProviderEntry.__slots__})


def _faults(candidate: Draft) -> list[str]:
    return [*candidate.faults, *validate(candidate.snapshot)]


def _gone(snapshot: Snapshot) -> list[str]:
    """Bars could not be written under the id of a row that is no more."""
    there = set(Provider.objects.values_list("pk", flat=True))
    return [f"provider {entry.name!r} was deleted since" for entry in snapshot.providers.values() if entry.id not in there]


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _store(snapshot: Snapshot, difference: tuple[Change, ...], *, author: str, through: str, now: datetime) -> int:
    last = PolicyVersion.objects.aggregate(last=Max("number"))["last"] or 0
    return PolicyVersion.objects.create(
        number=max(int(now.timestamp()), last + 1),
        content=to_json(snapshot),
        checksum=checksum(snapshot),
        author=author,
        through=through,
        created_at=now,
        diff=[asdict(change) for change in difference],
    ).number


def _activate(number: int, *, author: str, through: str, now: datetime) -> None:
    before = _active()
    values = {"version_id": number, "activated_at": now, "activated_by": author}
    if not ActivePolicy.objects.filter(pk=1).update(**values):
        ActivePolicy.objects.create(pk=1, **values)
    _forget_first_places(before, version(number))
    # Who was left alone for a bad key or a missing entitlement gets another chance: that is what a reload is often made for.
    ProviderState.objects.exclude(isolated_at=None).update(isolated_at=None, isolated_reason="")
    _remember(is_ok=True, version=number, author=author, through=through, now=now)
    log.info("policy version %d is active, by %s", number, author, extra={"action": "policy_activated"})


def _forget_first_places(before: Snapshot, after: Snapshot) -> None:
    """Where the order changed, the new one holds at once: its first choice need not earn the place of the old one's."""
    for held in Incumbent.objects.all():
        if before.order(held.capability, held.tier) != after.order(held.capability, held.tier):
            held.delete()


def _refuse(faults: tuple[str, ...], *, author: str, through: str, now: datetime) -> None:
    _remember(is_ok=False, error=faults[0], author=author, through=through, now=now)
    log.warning("a policy by %s is refused: %s", author, "; ".join(faults), extra={"action": "policy_refused"})


def _remember(*, is_ok: bool, error: str = "", version: int | None = None, author: str, through: str, now: datetime) -> None:
    ReloadAttempt.objects.filter(at__lt=now - ATTEMPTS_KEPT).delete()
    ReloadAttempt.objects.create(at=now, is_ok=is_ok, error=error, version=version, author=author, through=through)
