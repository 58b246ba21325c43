"""One turn: make partitions ahead, then drop what is past its age, kind by kind. Beat's task and `manage.py care` both do this."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError

from collector.feed.ring import FeedUnavailable
from collector.services.partitions_ahead import make_ahead
from ops.care.kinds import KINDS, Kind
from ops.care.periods import GRACE, Periods, Size
from ops.health.database import seconds_ahead

log = logging.getLogger(__name__)

SECONDS_A_KIND = 20.0
"""A turn works on each kind for so long; what is left waits for the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What became of one kind. `is_whole`: nothing past its age is left; `fault`: why it could not be looked after."""

    kind: str
    partitions: list[Size] = field(default_factory=list)
    rows: int = 0
    is_whole: bool = True
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What was done: the partitions made, and each kind. `fault`: what went wrong with all of it, in a sentence."""

    made: list[str]
    dropped: list[Dropped]
    fault: str = ""


def take_care(*, now: datetime, kinds: Sequence[Kind] = KINDS, seconds: float = SECONDS_A_KIND) -> Turn:
    """Do a turn. Killed or run by several at once it does no harm; call it outside of a transaction."""
    made, fault = _make(now)
    if (ahead := seconds_ahead()) > GRACE.total_seconds():
        fault = f"nothing is dropped: this machine's clock is {timedelta(seconds=round(ahead))} ahead of that of Postgres"
        log.error("%s", fault, extra={"action": "care_failed"})
        return Turn(made, [], fault)
    return Turn(made, [_drop(kind, now, seconds) for kind in kinds], fault)


def _make(now: datetime) -> tuple[list[str], str]:
    """What was made, and why the rest was not. A full disk takes no new tables, and only what is dropped makes room on it."""
    try:
        made = make_ahead(now=now)
    except DatabaseError as error:
        fault = f"partitions could not be made ahead: {str(error).strip()}"
        log.error("%s", fault, extra={"action": "care_failed"})
        return [], fault
    if made:
        log.info("made the partitions %s", ", ".join(made), extra={"action": "partitions_made"})
    return made, ""


def _drop(kind: Kind, now: datetime, seconds: float) -> Dropped:
    """One that fails does not hold up the others."""
    age, how = kind.age, kind.how
    if age is None or how is None:
        return Dropped(kind=kind.name)
    ends_at = time.monotonic() + seconds
    try:
        if isinstance(how, Periods):
            partitions, is_whole = how.drop(now, is_over=lambda: time.monotonic() > ends_at)
            return Dropped(kind=kind.name, partitions=partitions, is_whole=is_whole)
        rows, is_whole = how.drop(now - age, is_over=lambda: time.monotonic() > ends_at)
    except (DatabaseError, FeedUnavailable) as error:
        log.warning("%s could not be looked after: %s", kind.name, error, extra={"action": "care_failed"})
        return Dropped(kind=kind.name, is_whole=False, fault=str(error).strip())
    if rows:
        log.info("deleted %d rows of %s: they are kept for %s", rows, how.table, age, extra={"action": "rows_deleted"})
    return Dropped(kind=kind.name, rows=rows, is_whole=is_whole)
