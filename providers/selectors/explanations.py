"""Whom routing would ask at one moment, in which order and how, and why not the others: for operators; nothing is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from providers.breaker import Override
from providers.budget import Room
from providers.lanes import Lane
from providers.market.types import Capability, Micros
from providers.models import Incumbent
from providers.policy import PolicyEntry, Snapshot
from providers.routing import Decision, Use
from providers.services.budgeting import room_of
from providers.services.choosing import Choice, Refusal, look
from providers.standing import Away, Standing, Thresholds


@dataclass(frozen=True, slots=True)
class Explained:
    """One provider of the policy: what routing knew of it, and what it makes of that.

    `uses`: how it would be asked, empty with `reason` saying why not. `forced`: an operator's word that holds now. `room`: what its
    budget would give the lane.
    """

    standing: Standing
    uses: tuple[Use, ...]
    reason: str
    forced: Override | None
    trips: int
    room: Room

    @property
    def provider(self) -> str:
        return self.standing.provider


@dataclass(frozen=True, slots=True)
class Explanation:
    """One choice. `number` is None where no version is active, `policy` where none is about this; then `providers` is empty.

    `first`: who holds the first place by its row, since when and why it was given. `decision.why`: what a job would do with it now.
    """

    capability: Capability
    tier: str
    lane: Lane
    at: Micros
    number: int | None
    thresholds: Thresholds
    policy: PolicyEntry | None
    first: Incumbent | None
    decision: Decision
    providers: tuple[Explained, ...]


def explain(
    snapshot: Snapshot,
    *,
    capability: Capability,
    tier: str,
    lane: Lane,
    now: Micros,
    refusal: Refusal = lambda _: None,
    away: Mapping[str, Away] = MappingProxyType({}),
) -> Explanation:
    """What a job that began now would do. `refusal` says why its query is outside a provider's limits, `away` who is in maintenance."""
    choice = look(snapshot, capability=capability, tier=tier, lane=lane, now=now, refusal=refusal, away=away)
    return Explanation(
        capability=capability,
        tier=tier,
        lane=lane,
        at=now,
        number=snapshot.number,
        thresholds=Thresholds(demote=snapshot.demote, promote=snapshot.promote),
        policy=_policy(snapshot, capability, tier),
        first=Incumbent.objects.select_related("provider").filter(capability=capability, tier=tier).first(),
        decision=choice.decision,
        providers=_explained(choice, now=now),
    )


def _explained(choice: Choice, *, now: Micros) -> tuple[Explained, ...]:
    allowances = {asked.provider_id: asked.allowance for asked in choice.candidates.values()}
    rooms = room_of(allowances, lane=choice.lane, now=now)
    reasons = {skipped.provider: skipped.reason for skipped in choice.decision.skipped}
    found = []
    for standing in choice.standings:
        state = choice.states[standing.provider]
        found.append(
            Explained(
                standing=standing,
                uses=tuple(step.use for step in choice.decision.steps if step.provider == standing.provider),
                reason=reasons.get(standing.provider, ""),
                forced=state.override if standing.is_forced else None,
                trips=state.breaker.trips,
                room=rooms[choice.candidates[standing.provider].provider_id],
            )
        )
    return tuple(found)


def _policy(snapshot: Snapshot, capability: Capability, tier: str) -> PolicyEntry | None:
    """The one that `Snapshot.order` goes by."""
    found = {entry.tier: entry for entry in snapshot.policies if entry.capability == capability and entry.providers}
    return found.get(tier) or found.get("")
