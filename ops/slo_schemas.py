"""What the endpoint of objectives takes and gives."""

from datetime import datetime

from ninja import Field, Schema

from collector.api_schemas import Code
from providers.market.types import Interval

MOST_HOURS = 90 * 24


class SloIn(Schema):
    """Parameters of `GET /ops/slo`."""

    tier: Code | None = None
    interval: Interval | None = None
    hours: int = Field(1, ge=1, le=MOST_HOURS, description="How much history.")


class WorstOut(Schema):
    """A series that was behind."""

    symbol: str
    mic: str
    last: datetime | None = Field(description="Up to when something was known of it; null: nothing at all.")


class ObjectiveOut(Schema):
    """How one tier and interval stood at the newest run."""

    tier: str
    interval: Interval
    objective: float | None = Field(description="The highest share that may be behind; null when the tier is gone.")
    sampled: int = Field(description="Series that were looked at.")
    violating: int = Field(description="Those that were behind by more than two intervals of trading time.")
    rate: float
    met: bool
    interior_missing: int = Field(description="Slots of the last session hour that the looked-at series lack.")
    expected_slots_total: int = Field(description="Slots that fell due, over all runs.")
    good_slots_total: int = Field(description="Those that were there by then.")
    worst: list[WorstOut] = Field(description="The worst five at most.")


class PointOut(Schema):
    """The runs of a stretch of time."""

    at: datetime = Field(description="Its beginning.")
    rate: float = Field(description="Over all of its runs.")
    highest: float = Field(description="Of one of its rows: a run, or the runs of five minutes once they are a week old.")
    sampled: int
    expected: int
    good: int
    interior_missing: int = Field(description="The most at one run.")


class HistoryOut(Schema):
    """Oldest first. Stretches without a run are left out."""

    tier: str
    interval: Interval
    points: list[PointOut]


class SloOut(Schema):
    """The newest run, and how it went before."""

    at: datetime | None = Field(description="The newest run, in the service's time; null before the first one.")
    ran_at: datetime | None = Field(description="The same by the database's clock.")
    stale: bool = Field(description="The newest run is too old to say something of now, or there is none.")
    objectives: list[ObjectiveOut]
    step_seconds: int = Field(description="The length of a stretch.")
    history: list[HistoryOut]
