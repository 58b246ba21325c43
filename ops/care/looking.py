"""What there is, and what of it is past its age, by estimates: nothing is counted as a whole, nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.services.partitions_ahead import AHEAD, missing_ahead
from ops.care.kinds import KINDS, Kind
from ops.care.periods import Periods, Size, sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One kind. `due_rows`: rows past their age, up to 10,001; `due`: partitions past it."""

    kind: Kind
    sizes: list[Size]
    oldest: datetime | None = None
    kept_from: datetime | None = None
    due: list[Size] = field(default_factory=list)
    due_rows: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """All kinds, how many partitions there should be ahead, and which of them are missing."""

    states: list[State]
    ahead: int
    missing: list[str]


def look(*, now: datetime, kinds: Sequence[Kind] = KINDS) -> Look:
    """Look at everything; some hundred milliseconds, whatever the tables hold."""
    return Look([_state(kind, now) for kind in kinds], sum(len(one.periods(now)) for one in AHEAD), missing_ahead(now=now))


def _state(kind: Kind, now: datetime) -> State:
    held, how, age = sizes(list(kind.tables)), kind.how, kind.age
    if how is None:
        return State(kind=kind, sizes=held)
    if isinstance(how, Periods):
        return State(kind=kind, sizes=held, oldest=how.oldest_kept(), kept_from=how.kept_from_at(now), due=sizes(how.due(now)))
    if age is None:
        return State(kind=kind, sizes=held, oldest=how.oldest_kept())
    return State(kind=kind, sizes=held, oldest=how.oldest_kept(), kept_from=now - age, due_rows=how.count_due(now - age))
