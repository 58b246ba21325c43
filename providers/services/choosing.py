"""Whom to ask now: the policy, the standings and the budgets of one moment, decided by `providers.routing`, and the first place kept."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from django.db import transaction

from providers import state_rows
from providers.breaker import Breaker, Phase, effective
from providers.budget import Room
from providers.lanes import Lane
from providers.market.types import Capability, Micros, from_us
from providers.models import Incumbent, ProviderState
from providers.policy import ProviderEntry, Snapshot
from providers.registry import adapter_names
from providers.routing import Decision, Skipped, Step, Use, decide
from providers.scoring import phi_of, score
from providers.selectors import Candidate, candidate
from providers.services.budgeting import room_of
from providers.services.policies import is_held_active
from providers.services.standings import refreshed
from providers.standing import Away, Standing, Thresholds
from providers.state_rows import State
from providers.watch import Watch

log = logging.getLogger(__name__)

QUOTA_AT_EASE = 0.20
"""Share of a day's quota below which a provider counts as less and less worth."""
Refusal = Callable[[Candidate], str | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision with what it was made from, ready to be carried out. `version`: the policy's number."""

    capability: Capability
    tier: str
    lane: Lane
    decision: Decision
    standings: tuple[Standing, ...]
    candidates: Mapping[str, Candidate]
    states: Mapping[str, State]
    version: int | None = None

    def watch(self, step: Step) -> Watch:
        """What looks on while a step is carried out."""
        asked, state = self.candidates[step.provider], self.states[step.provider]
        is_forced = step.use is Use.NORMAL and state.breaker.phase is not Phase.CLOSED
        return Watch(
            provider=step.provider,
            breaker=Breaker() if is_forced else state.breaker,  # one that is open would let no call out
            use=step.use,
            lane=self.lane,
            slow_after_s=asked.slow_after_s,
            is_usually_fresh=state.usual.is_fresh,
        )


def choose(
    snapshot: Snapshot,
    *,
    capability: Capability,
    tier: str,
    lane: Lane,
    now: Micros,
    only: str | None = None,
    refusal: Refusal = lambda _: None,
    away: Mapping[str, Away] = MappingProxyType({}),
) -> Choice:
    """The steps of one job. `only` pins a provider, in the policy or not; `refusal` says why a query is outside one's limits; `away`:
    who is in maintenance, by name.

    Moves the first place where the decision says so.
    """
    choice = look(snapshot, capability=capability, tier=tier, lane=lane, now=now, only=only, refusal=refusal, away=away)
    if only is None and lane is Lane.LIVE:  # freshness counts in live work only: two scores of one provider would take turns
        _keep(choice, now=now)
    return choice


def look(
    snapshot: Snapshot,
    *,
    capability: Capability,
    tier: str,
    lane: Lane,
    now: Micros,
    only: str | None = None,
    refusal: Refusal = lambda _: None,
    away: Mapping[str, Away] = MappingProxyType({}),
) -> Choice:
    """What `choose` would decide now, changing nothing."""
    names = [only] if only else list(snapshot.order(capability, tier))
    named = [snapshot.providers[name] for name in names if name in snapshot.providers]
    entries = [entry for entry in named if entry.adapter in adapter_names()]
    candidates = {entry.name: candidate(entry, rank=rank) for rank, entry in enumerate(entries)}
    states = _states(entries, capability, now)
    rooms = room_of({c.provider_id: c.allowance for c in candidates.values()}, lane=lane, now=now)
    thresholds = Thresholds(demote=snapshot.demote, promote=snapshot.promote)
    standings = tuple(
        _standing(
            asked,
            state=states[name],
            room=rooms[asked.provider_id],
            is_enabled=snapshot.providers[name].is_enabled,
            refusal=refusal(asked),
            away=away.get(name),
            lane=lane,
            promote=thresholds.promote,
            now=now,
        )
        for name, asked in candidates.items()
    )
    decision = decide(
        standings,
        incumbent=_incumbent(capability, tier, entries),
        thresholds=thresholds,
        now=now,
        lane=lane,
        probe_free={name for name, state in states.items() if state.probe_until is None or state.probe_until <= now},
    )
    decision = replace(decision, skipped=(*decision.skipped, *_without_adapter(named)))
    return Choice(capability, tier, lane, decision, standings, candidates, states, version=snapshot.number)


def _without_adapter(named: list[ProviderEntry]) -> list[Skipped]:
    """A version outlives the code it was made for: who lost its file must not keep the others from being asked."""
    lost = [entry for entry in named if entry.adapter not in adapter_names()]
    return [Skipped(entry.name, f"this process has no adapter {entry.adapter!r}") for entry in lost]


def _states(entries: list[ProviderEntry], capability: Capability, now: Micros) -> dict[str, State]:
    rows = {
        row.provider_id: row
        for row in ProviderState.objects.filter(provider_id__in=[entry.id for entry in entries], capability=capability)
    }
    return {
        entry.name: state_rows.at(state_rows.read(rows[entry.id]), now=now) if entry.id in rows else State()
        for entry in entries
    }


def _standing(
    asked: Candidate,
    *,
    state: State,
    room: Room,
    is_enabled: bool,
    refusal: str | None,
    away: Away | None,
    lane: Lane,
    promote: float,
    now: Micros,
) -> Standing:
    phase = effective(state.breaker, state.override, now=now)
    is_forced = state.override is not None and now < state.override.until
    return Standing(
        provider=asked.name,
        rank=asked.rank,
        score=score(state.health, now=now, quota=quota_of(room), phi=phi_of(lane)),
        is_enabled=is_enabled,
        good_since=refreshed(state, promote=promote, now=now).good_since,
        phase=phase,
        open_until=_open_until(state, is_forced=is_forced) if phase is Phase.OPEN else None,
        is_forced=is_forced,
        forced_reason=state.override.reason if state.override is not None else "",
        isolated_reason=state.isolated_reason,
        refusal=refusal,
        away=away,
        blocked_until=room.blocked_until,
        blocked_reason=room.reason,
        has_tokens=room.count > 0,
        used_at=state.used_at,
    )


def _open_until(state: State, *, is_forced: bool) -> Micros | None:
    return state.override.until if is_forced and state.override is not None else state.breaker.open_until


def quota_of(room: Room) -> float:
    """What a quota that runs out leaves of a score: all of it down to the share at ease, then less and less."""
    return min(1.0, room.quota_share / QUOTA_AT_EASE)


def _incumbent(capability: Capability, tier: str, entries: list[ProviderEntry]) -> str | None:
    held = Incumbent.objects.filter(capability=capability, tier=tier).values_list("provider_id", flat=True).first()
    return next((entry.name for entry in entries if entry.id == held), None)


def _keep(choice: Choice, *, now: Micros) -> None:
    """Write the first place when it moved. Two jobs that decide at once decide alike; the later one's word stays."""
    first = choice.decision.incumbent
    if first is None:
        return
    held = choice.candidates[first].provider_id
    rows = Incumbent.objects.filter(capability=choice.capability, tier=choice.tier)
    if rows.filter(provider_id=held).exists():
        return
    with transaction.atomic():
        if not is_held_active(choice.version):  # a job of the version before would bring back the place that the reload cleared
            return
        _, is_new = Incumbent.objects.update_or_create(
            capability=choice.capability,
            tier=choice.tier,
            defaults={"provider_id": held, "since": from_us(now), "why": choice.decision.why[:300]},
        )
    level = logging.INFO if is_new else logging.WARNING
    log.log(level, "%s of %s: %s", choice.capability, choice.tier, choice.decision.why, extra={"action": "first_place_moved"})
