"""What the endpoints of bulk operations take and give."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Field, Schema

from ops.bulk.reading import LIMIT
from ops.dlq_schemas import AskingIn, FilterIn, LetterOut, Reason
from ops.models import BulkKind, BulkState

MOST_OPERATIONS = 200
OperationId = Annotated[int, Field(ge=1, lt=2**63, description="The operation's number.")]


class BulkIn(FilterIn, AskingIn):
    """Which dead jobs, and what is to become of them."""

    kind: BulkKind
    abandon: bool = Field(False, description="Of a discard: no scan finds the gaps again.")


class OperationsIn(Schema):
    """Which page."""

    limit: int = Field(LIMIT, ge=1, le=MOST_OPERATIONS)
    after: OperationId | None = None


class NoteIn(Schema):
    """Why."""

    note: Reason = ""


class PlanOut(Schema):
    """`matched` = `eligible` + the sum of `skipped`."""

    kind: BulkKind
    matched: int
    eligible: int
    at_cap: int = Field(description="Of the eligible: no room under their tiers' caps at this moment.")
    skipped: dict[str, int] = Field(description="By cause: series_inactive, abandoned.")
    calls: int = Field(description="What they take of the vendors that are asked first, at least.")
    chunk: int = Field(description="Jobs every 5 seconds at the present throttle.")
    estimated_seconds: int = Field(description="If there is room for all and the first jobs are filled.")
    sample: list[LetterOut] = Field(description="The first ten, in the order of their turn.")


class OperationOut(Schema):
    """`matched` = `done` + `left` + the sum of `skipped`. Times are RFC 3339, UTC."""

    operation_id: int
    kind: BulkKind
    state: BulkState
    why: str | None = Field(description="Why it is paused or does not move at present.")
    filter: dict[str, str]
    pin: str | None
    exclude: list[str] | None
    abandon: bool
    who: str
    through: Literal["api", "admin", "command"]
    reason: str
    matched: int = Field(description="Dead jobs that fitted when it was started; it is about no others.")
    done: int = Field(description="Requeued or discarded.")
    left: int
    at_cap: int = Field(description="Of the left: no room under their tiers' caps when it last looked.")
    skipped: dict[str, int] = Field(description="By cause: gone, series_inactive, abandoned.")
    filled: int | None = Field(None, description="Requeued jobs that are done since.")
    dead_again: int | None = Field(None, description="Requeued jobs that are dead again.")
    open: int | None = Field(None, description="Requeued jobs that have not ended.")
    chunk: int = Field(description="Jobs every 5 seconds at the present throttle.")
    estimated_seconds: int | None = Field(description="At the present throttle, if there is room for all; null after its end.")
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class OperationsOut(Schema):
    """One page, newest first."""

    operations: list[OperationOut]
    next: int | None = Field(description="Hand it back as `after`; null on the last page.")
