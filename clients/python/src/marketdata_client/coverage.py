"""What `GET /coverage` and `GET /coverage/gaps` tell, as frozen values. docs/coverage.md says what the words mean."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeVar

from marketdata_client.models import Json, Value, read

T = TypeVar("T", bound=Value)

State = Literal["filling", "dead", "abandoned", "pending"]
Cause = Literal[
    "vendor_outage",
    "rate_starved",
    "not_entitled",
    "unknown_symbol",
    "rejected",
    "unproven",
    "internal",
    "worker_lost",
    "pending",
]
Wait = Literal["settling", "live", "next_scan", "inactive"]
JobState = Literal["queued", "running", "retry_wait", "parked", "done", "dead", "discarded"]


@dataclass(frozen=True, slots=True)
class Witness:
    """A provider that was silent about a slot, and by which rule its silence was believed or doubted."""

    provider: str
    feed_scope: str
    rule: str


@dataclass(frozen=True, slots=True)
class Job:
    """The backfill job that has a span. `due_at`: its next try at the earliest, None while it runs and when it is dead."""

    job_id: int
    state: JobState
    due_at: datetime | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Said:
    """The word that decided in the job's newest try, or its dead letter's. `provider` None: the service's own."""

    provider: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Who gave the span up, why, and until when; None: for good."""

    who: str
    why: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """Adjoining slots that are missing, of one state, job and cause."""

    start: datetime
    end: datetime
    slots: int
    state: State
    cause: Cause | None
    """None for what was abandoned."""
    job: Job | None
    said: Said | None
    """None: nobody was asked yet."""
    abandoned: Abandoned | None
    waits_for: Wait | None
    """Why nobody has a pending span yet."""
    doubted: tuple[Witness, ...]
    """Who was silent about some of it and was not believed."""


@dataclass(frozen=True, slots=True)
class EmptySpan:
    """Adjoining slots where vendors answered credibly that there was no trade; `by`: the witnesses."""

    start: datetime
    end: datetime
    slots: int
    by: tuple[Witness, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of one series and session is expected, held, proven empty and missing.

    `expected == held + empty + missing`, and `missing == filling + dead + abandoned + pending`.
    """

    symbol: str
    mic: str
    interval: str
    hours: str
    adjustment: str
    session: date
    expected: int
    held: int
    empty: int
    missing: int
    filling: int
    dead: int
    abandoned: int
    pending: int
    withdrawn: int
    """Slots whose bar was taken back; they are among the empty and the missing ones."""
    missing_spans: tuple[MissingSpan, ...]
    empty_spans: tuple[EmptySpan, ...]


@dataclass(frozen=True, slots=True)
class MissingRange:
    """A gap of one series, as `GET /coverage/gaps` lists them."""

    symbol: str
    mic: str
    interval: str
    hours: str
    adjustment: str
    tier: str
    session: date
    start: datetime
    end: datetime
    slots: int


def read_coverage(entry: Json) -> Coverage:
    """An entry of `GET /coverage`."""
    spans = {
        "missing_spans": tuple(_missing_span(span) for span in entry["missing_spans"]),
        "empty_spans": tuple(read(EmptySpan, {**span, "by": _witnesses(span["by"])}) for span in entry["empty_spans"]),
    }
    return read(Coverage, {**entry, **spans, "session": date.fromisoformat(entry["session"])})


def read_missing(entry: Json) -> MissingRange:
    """An entry of `GET /coverage/gaps`."""
    return read(MissingRange, {**entry, "session": date.fromisoformat(entry["session"])})


def _missing_span(span: Json) -> MissingSpan:
    parts = {
        "job": _if_any(Job, span["job"]),
        "said": _if_any(Said, span["said"]),
        "abandoned": _if_any(Abandoned, span["abandoned"]),
        "doubted": _witnesses(span["doubted"]),
    }
    return read(MissingSpan, {**span, **parts})


def _witnesses(found: list[Json]) -> tuple[Witness, ...]:
    return tuple(read(Witness, one) for one in found)


def _if_any(kind: type[T], found: Json | None) -> T | None:
    return None if found is None else read(kind, found)
