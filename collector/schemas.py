"""What may enter a queue. Jobs are pydantic models, frozen, forbidding unknown fields; nothing invalid is ever enqueued (R4).

Fixtures of each kind are importable from here and run by CI.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from providers.market.types import Adjustment, Hours, Interval

MAX_SYMBOLS = 1000

Symbol = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
TierCode = Annotated[str, StringConstraints(min_length=1, max_length=8)]
ProviderName = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]{1,40}$")]


class Priority(StrEnum):
    """Why a job exists; decides its queue."""

    LIVE = "live"
    RECENT = "recent"
    HISTORY = "history"
    VERIFY = "verify"
    """Whole sessions are read again: what is held and no longer sent is taken back."""


class _Job(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tier: TierCode
    priority: Priority


class _ManySymbols(_Job):
    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=MAX_SYMBOLS)]
    mic: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}$")] | None = None
    provider: ProviderName | None = Field(default=None, description="Ask only this one, whatever the policy says.")
    expires_at: AwareDatetime | None = Field(
        default=None, description="Not to be run any more then: a newer plan asks for the same."
    )

    @model_validator(mode="after")
    def _no_symbol_twice(self) -> Self:
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("a symbol stands twice in symbols")
        return self


class _Window(BaseModel):
    start: AwareDatetime = Field(description="Inclusive.")
    end: AwareDatetime = Field(description="Exclusive.")

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"expected start < end, got [{self.start.isoformat()}, {self.end.isoformat()})")
        return self


class BarsFetchJob(_ManySymbols, _Window):
    """Fetch bars of `[start, end)` of up to 1000 symbols that share interval, hours and adjustment."""

    interval: Interval
    hours: Hours = Hours.REGULAR
    adjustment: Adjustment = Adjustment.RAW
    exclude: list[ProviderName] = Field(default=[], description="Not to be asked, whatever the policy says.")


class QuotesFetchJob(_ManySymbols):
    """Fetch the latest quotes of up to 1000 symbols."""


FetchJob = BarsFetchJob | QuotesFetchJob
"""What a worker of live collection runs."""


class BackfillJob(_Job, _Window):
    """Fill what is missing of one symbol in `[start, end)`."""

    symbol: Symbol
    interval: Interval = Interval.M1


def fixture_bars_job() -> BarsFetchJob:
    """A valid job of two symbols over five minutes."""
    return BarsFetchJob(
        tier="T0",
        priority=Priority.LIVE,
        symbols=["AAPL", "MSFT"],
        interval=Interval.M1,
        start=datetime(2025, 10, 8, 13, 30, tzinfo=UTC),
        end=datetime(2025, 10, 8, 13, 35, tzinfo=UTC),
    )


def fixture_quotes_job() -> QuotesFetchJob:
    """A valid job of two symbols."""
    return QuotesFetchJob(tier="T1", priority=Priority.LIVE, symbols=["AAPL", "MSFT"])


def fixture_backfill_job() -> BackfillJob:
    """A valid job of one regular session."""
    return BackfillJob(
        tier="T2",
        priority=Priority.RECENT,
        symbol="AAPL",
        start=datetime(2025, 10, 8, 13, 30, tzinfo=UTC),
        end=datetime(2025, 10, 8, 20, 0, tzinfo=UTC),
    )
