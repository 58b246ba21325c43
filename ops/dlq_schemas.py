"""What the dead letters' endpoints take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import AfterValidator

from collector.api_schemas import Code, Cursor, Instant, Prefix
from collector.selectors.dead_letters import LetterFilter
from collector.services.dead_letters import Asking
from ops.dead_letters import LIMIT, MOST_AT_ONCE
from providers.market.types import Adjustment, Hours, Interval

MOST_LETTERS = 1_000
JobId = Annotated[int, Field(ge=1, lt=2**63, description="The job's number.")]


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("expected text without NUL")
    return text


Reason = Annotated[str, Field(max_length=300, description="Kept with the action's record."), AfterValidator(_storable)]
ProviderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
ProviderOrNone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,40}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


def _errors(*statuses: str) -> dict[str, Any]:
    texts = {
        "403": "Staff without the permission.",
        "409": "The job is not in the state, or has not the room, that this needs.",
    }
    schema = {"$ref": "#/components/schemas/ErrorOut"}
    return {
        "responses": {
            status: {"description": texts[status], "content": {"application/json": {"schema": schema}}} for status in statuses
        }
    }


READ_ERRORS = _errors("403")
CHANGE_ERRORS = _errors("409")


class FilterIn(Schema):
    """Which dead letters; what is left out restricts nothing."""

    tier: Code | None = None
    interval: Interval | None = None
    symbol: Prefix | None = Field(None, description="Whole; capitals matter.")
    provider: ProviderName | None = Field(None, description="The one that was asked last.")
    reason: Word | None = Field(None, description="Such as rejected, unknown_symbol, worker_lost.")
    fingerprint: Word | None = Field(None, description="Of provider, error class and message.")
    older_than: Instant | None = Field(None, description="Died before. RFC 3339 with a zone.")
    newer_than: Instant | None = Field(None, description="Died at or after. RFC 3339 with a zone.")

    def filter(self) -> LetterFilter:
        """The same for the service."""
        named = {name: getattr(self, name) for name in FilterIn.model_fields}
        return LetterFilter(**{**named, "interval": self.interval and self.interval.value})


class LettersIn(FilterIn):
    """Which page of which letters."""

    state: Literal["dead", "discarded"] = "dead"
    limit: int = Field(LIMIT, ge=1, le=MOST_LETTERS)
    after: Cursor | None = None


class AskingIn(Schema):
    """Whom requeued jobs ask."""

    pin: ProviderOrNone | None = Field(None, description="Ask only this provider; empty: as routing says again.")
    exclude: list[ProviderOrNone] | None = Field(None, description="Never ask these; empty: exclude nobody any more.")
    note: Reason = ""

    def asking(self) -> Asking:
        """The same for the service."""
        return Asking(pin=self.pin, exclude=None if self.exclude is None else [name for name in self.exclude if name])


class RequeueAllIn(FilterIn, AskingIn):
    """Which dead jobs, and how many."""

    limit: int = Field(LIMIT, ge=1, le=MOST_AT_ONCE, description="Those that died first are taken first.")
    dry_run: bool = Field(False, description="Only say what would be requeued.")


class DiscardIn(Schema):
    """Why, and whether the gap may be found again."""

    reason: Reason = ""
    abandon: bool = Field(False, description="Nobody wants the span any more: no scan finds the gap again.")


class LetterOut(Schema):
    """A dead job and why it died. Times are RFC 3339, UTC."""

    job_id: int
    state: str = Field(description="dead or discarded")
    symbol: str
    mic: str
    interval: Interval
    hours: Hours
    adjustment: Adjustment
    tier: str
    lane: str
    start: datetime
    end: datetime = Field(description="Exclusive.")
    slots: int = Field(description="Missing slots in the span when it was found.")
    missing_minutes: int
    reason: str
    fingerprint: str
    provider: str | None
    http_status: int | None
    message: str
    attempts: int
    times_requeued: int
    found_at: datetime
    died_at: datetime


class TryOut(Schema):
    """One try of a job, or a requeue between tries (code `requeued`)."""

    at: str | None
    provider: str | None
    code: str | None
    message: str | None
    http_status: int | None


class LetterInFullOut(LetterOut):
    """The same with its newest tries, oldest first."""

    traceback: str
    pinned_provider: str | None
    excluded_providers: list[str]
    discarded_at: datetime | None
    discarded_by: str | None
    discard_reason: str | None
    tries: list[TryOut]


class LettersOut(Schema):
    """One page, newest first."""

    backfills: list[LetterOut]
    next: str | None = Field(description="Hand it back as `after`; null on the last page.")


class OneRequeuedOut(Schema):
    """The job waits for a worker."""

    job_id: int
    state: Literal["queued"] = "queued"


class RequeuedOut(Schema):
    """`matched` = `requeued` + `at_cap` + the sum of `skipped`."""

    matched: int
    requeued: int
    at_cap: int = Field(description="Stay dead: as many jobs are open as their tiers may have.")
    skipped: dict[str, int] = Field(description="By cause: over_limit, series_inactive, abandoned, busy.")


class KindOut(Schema):
    """Dead jobs of one tier and interval."""

    tier: str
    interval: str
    depth: int
    oldest_age_seconds: float | None
    missing_minutes: int
    in_last_hour: int = Field(description="Died within the hour and are still dead.")
    out_last_hour: int = Field(description="Requeued or discarded by operators within the hour.")


class FingerprintOut(Schema):
    """Dead jobs of one cause."""

    fingerprint: str
    reason: str
    provider: str | None
    message: str = Field(description="Of the newest one.")
    depth: int
    oldest_died_at: datetime
    newest_died_at: datetime


class StatsOut(Schema):
    """By tier and interval; and the ten commonest causes."""

    depth: int
    kinds: list[KindOut]
    fingerprints: list[FingerprintOut]
