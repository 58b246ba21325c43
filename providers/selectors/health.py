"""How each provider of a version stands now: for operators, so the numbers of all its capabilities at once. Nothing is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from providers import state_rows
from providers.breaker import Override, Phase, effective
from providers.budget import Room
from providers.lanes import Lane
from providers.market.types import Capability, Micros, from_us
from providers.models import Incumbent, ProviderState
from providers.policy import ProviderEntry, Snapshot
from providers.scoring import Score, score
from providers.selectors.routes import allowance_of
from providers.services.budgeting import room_of
from providers.services.choosing import quota_of
from providers.state_rows import State

_WORST_FIRST = (Phase.OPEN, Phase.HALF_OPEN, Phase.CLOSED)


@dataclass(frozen=True, slots=True)
class CapabilityHealth:
    """One provider at one capability. `phase` is the one that counts: `forced` is the operator's word while it holds, None otherwise.

    `used_at` None: it was never asked, so the score is only what any new provider has. `first_for`: the tiers in which it holds the
    first place.
    """

    capability: Capability
    score: Score
    phase: Phase
    phase_since: datetime | None
    open_until: datetime | None
    forced: Override | None
    isolated_at: datetime | None
    isolated_reason: str
    used_at: datetime | None
    first_for: tuple[str, ...]

    @property
    def is_out(self) -> bool:
        """Whether it is not asked as usual."""
        return self.isolated_at is not None or self.phase is not Phase.CLOSED


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """One provider with the capabilities that the version's policies use it for, and what its budget would give either lane now."""

    entry: ProviderEntry
    capabilities: tuple[CapabilityHealth, ...]
    rooms: Mapping[Lane, Room]

    @property
    def worst(self) -> CapabilityHealth | None:
        """The capability that an operator has to look at first; None where no policy names the provider."""
        return min(
            self.capabilities,
            key=lambda c: (c.isolated_at is None, _WORST_FIRST.index(c.phase), c.score.value),
            default=None,
        )


def providers_health(snapshot: Snapshot, *, now: Micros, with_unused: bool = False) -> list[ProviderHealth]:
    """All providers of a version by name, in four queries; `with_unused`: also at capabilities that no policy names any more."""
    entries = sorted(snapshot.providers.values(), key=lambda entry: entry.name)
    rows = {
        (row.provider_id, row.capability): row
        for row in ProviderState.objects.filter(provider_id__in=[entry.id for entry in entries])
    }
    firsts = list(Incumbent.objects.order_by("tier").values_list("capability", "tier", "provider_id"))
    named = {entry.name: capabilities_of(snapshot, entry.name) for entry in entries}
    allowances = {entry.id: allowance_of(entry) for entry in entries}
    rooms = {lane: room_of(allowances, lane=lane, now=now) for lane in Lane}
    return [
        ProviderHealth(
            entry=entry,
            capabilities=tuple(
                _capability(
                    capability,
                    row=rows.get((entry.id, capability)),
                    quota=quota_of(rooms[Lane.LIVE][entry.id]),
                    first_for=tuple(t for c, t, held in firsts if (c, held) == (capability, entry.id)),
                    now=now,
                )
                for capability in Capability
                if capability in named[entry.name] or (with_unused and (entry.id, capability) in rows)
            ),
            rooms={lane: rooms[lane][entry.id] for lane in Lane},
        )
        for entry in entries
    ]


def capabilities_of(snapshot: Snapshot, provider: str) -> list[Capability]:
    """What the policies of a version may ask a provider for."""
    named = {policy.capability for policy in snapshot.policies if provider in policy.providers}
    return [capability for capability in Capability if capability in named]


def _capability(
    capability: Capability, *, row: ProviderState | None, quota: float, first_for: tuple[str, ...], now: Micros
) -> CapabilityHealth:
    state = State() if row is None else state_rows.at(state_rows.read(row), now=now)
    override = state.override if state.override is not None and now < state.override.until else None
    breaker = state.breaker
    return CapabilityHealth(
        capability=capability,
        score=score(state.health, now=now, quota=quota),
        phase=effective(breaker, override, now=now),
        phase_since=from_us(breaker.since) if breaker.since and override is None else None,
        open_until=from_us(breaker.open_until) if breaker.open_until is not None and override is None else None,
        forced=override,
        isolated_at=None if row is None else row.isolated_at,
        isolated_reason=state.isolated_reason or "",
        used_at=None if row is None else row.used_at,
        first_for=first_for,
    )
