"""What the endpoints about providers take and give."""

from datetime import datetime

from ninja import Field, Schema

from providers.breaker import Phase
from providers.market.types import Capability

MOST_HOURS = 720


class ForcedOut(Schema):
    """An operator's word above the breaker."""

    until: datetime
    reason: str
    by: str


class IsolatedOut(Schema):
    """Not asked before a reload or an operator readmits it."""

    at: datetime
    reason: str


class CapabilityOut(Schema):
    """One provider at one capability."""

    capability: Capability
    score: float = Field(description="H, from 0 to 1; 0.9 where nothing is known yet.")
    parts: dict[str, float] = Field(description="What the score is made of.")
    phase: Phase = Field(description="Of the breaker; what an operator forces counts.")
    open_until: datetime | None = Field(description="Not asked before, then one probe at a time.")
    forced: ForcedOut | None
    isolated: IsolatedOut | None
    used_at: datetime | None = Field(description="When an outcome was last reported; null: never.")
    first_for: list[str] = Field(description="The tiers in which it holds the first place.")


class RoomOut(Schema):
    """What the budget would give now to one kind of work."""

    requests: int
    retry_at: datetime | None = Field(description="Without room: when there may be some.")
    blocked_until: datetime | None = Field(description="Set where a minute's wait does not help.")
    reason: str = Field(description="Why there is no room; empty where there is.")


class BudgetOut(Schema):
    """`history`: backfill and everything else that is not live."""

    live: RoomOut
    history: RoomOut
    quota_left: float = Field(description="Share of the day's quota, 1 where there is none.")


class ProviderOut(Schema):
    """One account."""

    name: str
    adapter: str
    is_enabled: bool
    capabilities: list[CapabilityOut] = Field(description="Those that policies use it for.")
    budget: BudgetOut


class ProvidersOut(Schema):
    """All providers of the active version, by name."""

    policy_version: str | None
    providers: list[ProviderOut]


class HistoryIn(Schema):
    """Of what, and since when."""

    capability: Capability | None = Field(None, description="Default: the worst one in use at each time.")
    hours: int | None = Field(
        None, ge=1, le=MOST_HOURS, description="The last so many hours instead of the last 60 samples; 2,000 points at most."
    )


class PointOut(Schema):
    """The score at one time."""

    timestamp: float = Field(description="Epoch seconds.")
    score: float


class PartsPointOut(PointOut):
    """The score at one time, of one capability."""

    parts: dict[str, float]
    phase: Phase


class HistoryOut(Schema):
    """Oldest first; points have `parts` and `phase` when a capability is named."""

    provider: str
    history: list[PartsPointOut] | list[PointOut]
