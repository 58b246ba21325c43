"""Whom to ask now, in which order and how, and why not the others. Pure: rows and leases are `providers.services`' matter."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from providers.breaker import CLOSE_AFTER, Phase
from providers.incumbency import first_place
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros, from_us
from providers.standing import Standing, Thresholds

PROBE_SYMBOLS = CLOSE_AFTER
"""Symbols of a probe, one a call and one call at a time: as many as it takes to close, so that a vendor that is well again is back
in use with one job."""
TRIAL_SYMBOLS = 3
"""Symbols of a trial, in as few calls as the vendor takes them: enough to tell it from a mute one, little enough for five calls a
minute."""
TRIAL_EVERY_US = 20 * SECOND_US
"""A trial only when nothing was heard for so long: one a job at one job a minute, not one for each of a hundred backfill jobs."""


class Use(StrEnum):
    """How a step asks its provider.

    NORMAL: for all that is missing. PROBE: half-open, under the fleet's one lease, `PROBE_SYMBOLS` one by one. TRIAL: closed but
    displaced, `TRIAL_SYMBOLS` so that it can earn its way back. GENTLE: all are out and it is live: for all that is missing, one
    call at a time, and no more after the first failure.
    """

    NORMAL = "normal"
    PROBE = "probe"
    GENTLE = "gentle"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Step:
    """One asking. Who fails in a probe or trial is not asked again in the same job."""

    provider: str
    use: Use


@dataclass(frozen=True, slots=True)
class Skipped:
    """A provider that is not asked, with the reason as the end of a sentence that begins with its name."""

    provider: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, in order: each provider of the policy is in `steps` or in `skipped`, never in both.

    A provider may have two steps, first a small one and later one for what is still missing. `incumbent`: who holds the first
    place from now on; None leaves the row as it is. `retry_at`: with nobody to ask as usual, the first time at which that may
    change by itself.
    """

    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]
    incumbent: str | None
    why: str
    retry_at: Micros | None = None


def decide(
    standings: Sequence[Standing],
    *,
    incumbent: str | None,
    thresholds: Thresholds,
    now: Micros,
    lane: Lane,
    probe_free: AbstractSet[str],
) -> Decision:
    """The steps of one job. `probe_free`: providers whose probe lease can be had."""
    first, why = first_place(standings, incumbent=incumbent, thresholds=thresholds, now=now)
    obstacles = {s.provider: _obstacle(s, now=now, probe_free=probe_free) for s in standings}
    askable = sorted((s for s in standings if obstacles[s.provider] is None), key=lambda s: s.rank)
    probes = [s for s in askable if s.phase is Phase.HALF_OPEN]
    normal = sorted(
        (s for s in askable if s.phase is Phase.CLOSED),
        key=lambda s: (s.score.value < thresholds.demote, not s.has_tokens, s.provider != first, s.rank),
    )
    gentle = [] if normal or lane is not Lane.LIVE else _gentle(standings, probes, now=now)
    steps = (
        *(Step(s.provider, Use.PROBE) for s in probes),
        *(Step(s.provider, Use.TRIAL) for s in _trials(normal, first, thresholds, now)),
        *(Step(s.provider, Use.NORMAL) for s in normal),
        *(Step(s.provider, Use.GENTLE) for s in gentle),
    )
    asked = {step.provider for step in steps}
    skipped = tuple(
        Skipped(s.provider, obstacles[s.provider] or "")
        for s in sorted(standings, key=lambda s: s.rank)
        if s.provider not in asked
    )
    return Decision(
        steps=steps,
        skipped=skipped,
        incumbent=first,
        why=_why(why, first=first, normal=normal, gentle=gentle, obstacles=obstacles),
        retry_at=None if normal else _retry_at(standings, now=now),
    )


def _obstacle(standing: Standing, *, now: Micros, probe_free: AbstractSet[str]) -> str | None:
    """Why a provider is not asked as usual or by a probe; None when it can be."""
    if (ban := _ban(standing, now=now)) is not None:
        return ban
    if standing.phase is Phase.OPEN:
        until = f" until {_clock(standing.open_until)}" if standing.open_until is not None else ""
        return f"its breaker is open{until}, then a probe asks whether it is back"
    if standing.phase is Phase.HALF_OPEN:
        if standing.provider not in probe_free:
            return "its breaker is half-open and its one probe is out"
        if not standing.has_tokens:
            return "its breaker is half-open and its budget has nothing left for a probe at the moment"
    return None


def _ban(standing: Standing, *, now: Micros) -> str | None:
    """What forbids any call, a gentle one included."""
    if not standing.is_enabled:
        return "it is switched off"
    if standing.isolated_reason:
        return f"it is isolated until a reload or an operator readmits it: {standing.isolated_reason}"
    if standing.refusal is not None:
        return f"the query is outside its limits: {standing.refusal}"
    if standing.away is not None and now < standing.away.until:
        return f"it is in maintenance until {from_us(standing.away.until):%Y-%m-%d %H:%M:%S} UTC: {standing.away.reason}"
    if standing.phase is Phase.OPEN and standing.is_forced:
        return f"its breaker is forced open by an operator: {standing.forced_reason or 'no reason given'}"
    is_blocked = standing.blocked_until is not None and now < standing.blocked_until
    return (
        f"its budget allows no request before {_clock(standing.blocked_until)}: {standing.blocked_reason}"
        if is_blocked
        else None
    )


def _trials(normal: Sequence[Standing], first: str | None, thresholds: Thresholds, now: Micros) -> list[Standing]:
    rank = next((s.rank for s in normal if s.provider == first), -1)
    return [
        s
        for s in normal[1:]
        if (s.score.value < thresholds.demote or s.rank < rank)
        and s.has_tokens
        and (s.used_at is None or now - s.used_at >= TRIAL_EVERY_US)
        and not (s.score.quota < 1 and min(s.score.fast, s.score.slow) >= thresholds.promote)  # no trial earns quota
    ]


def _gentle(standings: Sequence[Standing], probes: Sequence[Standing], *, now: Micros) -> list[Standing]:
    """The best of those that a breaker alone keeps out; one whose probe goes first is worth more than a score of old."""
    able = [s for s in standings if s.phase is not Phase.CLOSED and _ban(s, now=now) is None]
    best = max(able, key=lambda s: (s in probes, s.has_tokens, s.score.value, -s.rank), default=None)
    return [] if best is None else [best]


def _why(
    why: str, *, first: str | None, normal: Sequence[Standing], gentle: Sequence[Standing], obstacles: dict[str, str | None]
) -> str:
    if normal and normal[0].provider != first and first is not None:
        reason = obstacles.get(first) or "its budget has nothing left at the moment"
        return f"{why}; now {normal[0].provider} goes before it, because {reason}"
    if normal:
        return why
    if gentle:
        return f"{why}; live work can't wait, so {gentle[0].provider} is asked gently"
    return f"{why}; the work waits"


def _retry_at(standings: Sequence[Standing], *, now: Micros) -> Micros | None:
    times = (
        max(s.open_until or 0, s.blocked_until or 0, s.away.until if s.away else 0)
        for s in standings
        if s.is_enabled and not s.isolated_reason and s.refusal is None
    )
    return min((time for time in times if time > now), default=None)


def _clock(at: Micros | None) -> str:
    return "an unknown time" if at is None else f"{from_us(at):%H:%M:%S} UTC"
