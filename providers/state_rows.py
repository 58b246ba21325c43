"""What a `ProviderState` row holds, as the values that the pure modules work with."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from providers import breaker as breakers
from providers import health as healths
from providers.breaker import Breaker, Override, Phase
from providers.health import Health
from providers.market.types import Micros, from_us, to_us
from providers.models import ProviderState
from providers.usual import Usual


@dataclass(frozen=True, slots=True)
class State:
    """One provider at one capability. A row that was never written is a provider nothing is known of."""

    health: Health = field(default_factory=Health)
    breaker: Breaker = field(default_factory=Breaker)
    usual: Usual = field(default_factory=Usual)
    override: Override | None = None
    good_since: Micros | None = None
    isolated_reason: str | None = None
    used_at: Micros | None = None
    probe_until: Micros | None = None


def read(row: ProviderState) -> State:
    """The row's values."""
    memory = row.memory
    return State(
        health=healths.from_json(memory.get("health", {})),
        breaker=breakers.from_json(
            memory.get("breaker", {}),
            phase=row.phase,
            since=_micros(row.phase_since),
            open_until=_micros(row.open_until),
            trips=row.trips,
        ),
        usual=Usual(**memory.get("usual", {})),
        override=_override(row),
        good_since=_micros(row.good_since),
        isolated_reason=row.isolated_reason or "no reason was given" if row.isolated_at is not None else None,
        used_at=_micros(row.used_at),
        probe_until=_micros(row.probe_until),
    )


def write(row: ProviderState, state: State) -> None:
    """Put what outcomes change into the row, unsaved; overrides, isolation and the probe's lease have writers of their own."""
    row.memory = {
        "health": healths.to_json(state.health),
        "breaker": breakers.to_json(state.breaker),
        "usual": asdict(state.usual),
    }
    row.phase = state.breaker.phase.value
    row.phase_since = from_us(state.breaker.since) if state.breaker.since else None
    row.open_until = None if state.breaker.open_until is None else from_us(state.breaker.open_until)
    row.trips = state.breaker.trips
    row.good_since = None if state.good_since is None else from_us(state.good_since)
    row.used_at = None if state.used_at is None else from_us(state.used_at)


def at(state: State, *, now: Micros) -> State:
    """The state as time alone leaves it."""
    return replace(state, breaker=breakers.at(state.breaker, now=now))


def _override(row: ProviderState) -> Override | None:
    if not row.forced or row.forced_until is None:
        return None
    return Override(Phase(row.forced), to_us(row.forced_until), reason=row.forced_reason, by=row.forced_by)


def _micros(moment: datetime | None) -> Micros | None:
    return None if moment is None else to_us(moment)
