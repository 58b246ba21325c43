"""What the endpoints about ranges take and give."""

from datetime import date
from typing import Annotated, Any, Self

from ninja import Field, Schema
from pydantic import ConfigDict, PlainValidator, WithJsonSchema, model_validator

from collector.api_schemas import Code, Mic, Symbols
from collector.core.times import parse_bound
from ops.backfills import Range
from ops.dlq_schemas import Reason
from providers.market.types import Interval

Bound = Annotated[
    date,
    PlainValidator(parse_bound),  # whole: pydantic's own date takes an instant at midnight for a session, and refuses any other
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}, mode="validation"
    ),
]


class RangeIn(Schema):
    """Of which series, and which range of them."""

    symbol: Symbols = Field([], description="1 to 100. Without them a tier is needed.")
    tier: Code | None = None
    mic: Mic | None = None
    interval: Interval | None = Field(None, description="Default: all that are collected.")
    start: Bound = Field(description="First session date, or the first instant (RFC 3339 with a zone).")
    end: Bound = Field(description="Last session date, included, or the instant before which slots start.")

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.symbol and self.tier is None:
            raise ValueError("name symbols, a tier, or both")
        return self

    def range(self) -> Range:
        """The same for the service."""
        return Range(symbols=self.symbol, tier=self.tier, mic=self.mic, interval=self.interval, start=self.start, end=self.end)


class BackfillIn(RangeIn):
    """And whether to ask for it, or only what it would cost."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="Only say what it would cost.")
    note: Reason = ""


class VendorCostOut(Schema):
    """What one provider is asked for, by the policy and the budgets of this moment."""

    provider: str
    slots: int
    calls: int = Field(description="Requests, pages included, where each slot has a bar.")
    tokens: int = Field(description="What they take of its rate limit.")
    seconds: int | None = Field(description="At least; null: all of its budget is kept for live work.")


class CostOut(Schema):
    """What filling the range takes, but for what somebody sees to already."""

    slots: int
    jobs: int
    seconds: int | None = Field(description="The slowest provider's.")
    vendors: list[VendorCostOut]
    notes: list[str] = Field(description="Who is passed over for whom, or can't be asked at the moment, and why.")


class EstimateOut(Schema):
    """The answer of a dry run."""

    series: int
    missing: int
    attended: int = Field(description="Missing slots that a job, live collection or an abandonment sees to.")
    cost: CostOut
    outside: list[str] = Field(description="Series that have nothing in the range, and their bounds.")


class RequestedOut(EstimateOut):
    """The range is wanted from now on. `enqueued` + `merged` + `dropped` gaps found a job, widened one, or wait for room."""

    widened: int = Field(description="Series of which the range was not wanted before.")
    enqueued: int
    merged: int
    dropped: int = Field(description="Made jobs by themselves when there is room.")


class ProgressOut(Schema):
    """How far the range is. `held`, `empty` and `missing` add up to `expected`."""

    expected: int
    held: int
    empty: int
    missing: int
    unattended: int = Field(description="Missing slots without a job yet.")
    jobs: dict[str, int] = Field(description="Open and dead jobs in the range, by state.")
    said: str | None = Field(description="What the job that waits and tried last was told.")
    is_over: bool = Field(description="Nothing more comes by itself.")


def _error(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ErrorOut"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


ERRORS = {"responses": {"403": _error("Staff without the permission."), "404": _error("Nothing of that name is collected.")}}
