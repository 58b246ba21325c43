"""What `GET /coverage` gives."""

from datetime import date, datetime

from ninja import Field, Schema

from collector.core.causes import Cause
from collector.core.missing import State, Wait
from collector.models.backfills import BackfillState
from providers.market.types import Adjustment, Hours, Interval


class WitnessOut(Schema):
    """A provider that was silent about a slot."""

    provider: str
    feed_scope: str
    rule: str = Field(description="By which its silence was believed or doubted.")


class EmptySpanOut(Schema):
    """Adjoining empty slots with the same witnesses."""

    start: datetime
    end: datetime = Field(description="Exclusive.")
    slots: int
    by: list[WitnessOut]


class JobOut(Schema):
    """The backfill job that has the span."""

    job_id: int
    state: BackfillState
    due_at: datetime | None = Field(description="Its next try at the earliest; null while it runs and when it is dead.")
    attempts: int = Field(description="Tries that failed.")


class SaidOut(Schema):
    """The word that decided in the job's newest try, or its dead letter's."""

    provider: str | None = Field(description="Null: our own word.")
    code: str
    message: str


class AbandonedOut(Schema):
    """Who gave the span up."""

    who: str
    why: str
    until: datetime | None = Field(description="Null: for good.")


class MissingSpanOut(Schema):
    """Adjoining missing slots with the same state and cause."""

    start: datetime
    end: datetime = Field(description="Exclusive.")
    slots: int
    state: State
    cause: Cause | None = Field(description="Null for what was abandoned.")
    job: JobOut | None
    said: SaidOut | None
    abandoned: AbandonedOut | None
    waits_for: Wait | None = Field(description="Of a pending span: why nobody has it yet.")
    doubted: list[WitnessOut] = Field(description="Who was silent about some of it and was not believed.")


class SessionCoverageOut(Schema):
    """One series' slots of one session that have already closed."""

    symbol: str
    mic: str
    interval: Interval
    hours: Hours
    adjustment: Adjustment
    session: date
    expected: int = Field(description="held + empty + missing")
    held: int
    empty: int = Field(description="Credibly answered without a bar: no trade.")
    missing: int = Field(description="filling + dead + abandoned + pending")
    filling: int
    dead: int
    abandoned: int
    pending: int
    withdrawn: int = Field(description="Slots whose bar was taken back; they are among the empty and the missing ones.")
    missing_spans: list[MissingSpanOut]
    empty_spans: list[EmptySpanOut]


class CoverageOut(Schema):
    """Sessions by symbol, oldest first."""

    coverage: list[SessionCoverageOut]
