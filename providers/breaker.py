"""When a provider is not asked any more, and how it comes back. Pure; the row it lives in is `ProviderState`.

    closed ──trip──▶ open ──open_until──▶ half-open ──3 successes──▶ closed
                      ▲                       └──────one failure──────▶ open, for longer

Trips: 5 failures in a row, or half of at least 10 calls within a minute, or 8 of the last 10 calls slow. Time opens the door to
half-open, and so does an answer to live work that could not wait; only probes leave it. What was sent before a phase began says
nothing about it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from providers.market.types import MINUTE_US, SECOND_US, Micros
from providers.outcomes import FAILURES, SUCCESSES, Outcome, Seen

TRIP_IN_A_ROW = 5
"""By chance once in three million calls of a vendor that fails one in twenty."""
TRIP_CALLS = 10
TRIP_SHARE = 0.5
"""A vendor that fails every other call never fails five in a row; below ten calls a share is an accident."""
LAST_CALLS = 10
TRIP_SLOW = 8
CLOSE_AFTER = 3
"""Successes of probes: one may be luck, and a vendor that fails half its calls gets three in a row once in eight."""
OPEN_STEP_US = 30 * SECOND_US
OPEN_MOST_US = 300 * SECOND_US
"""Half a minute at first, so that a hiccup costs one job; at most 5 minutes, so that a vendor that is back is found soon."""
JITTER = 0.1
"""Upwards only: providers that trip together are probed apart, and no probe comes before its time."""
FORGIVE_AFTER_US = 20 * MINUTE_US
"""Closed this long, a breaker counts its trips from none again. Longer than it takes to get the first place back (docs/routing.md):
a vendor that fails whenever it is trusted is left alone for longer each time."""
SLOT_US = 5 * SECOND_US
SLOTS = 12
"""The minute of the share rule is kept in a dozen slots, whatever the number of calls."""


class Phase(StrEnum):
    """As `ProviderState.phase` says it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """One breaker. `since`: when the phase began; `trips`: in a row, see `FORGIVE_AFTER_US`; `successes`: of probes, half-open.

    `recent`: (slot, calls, failures) of the last minute; `slow`: whether each of the last calls was.
    """

    phase: Phase = Phase.CLOSED
    since: Micros = 0
    open_until: Micros | None = None
    trips: int = 0
    failures_in_a_row: int = 0
    successes: int = 0
    recent: tuple[tuple[int, int, int], ...] = ()
    slow: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """An operator's word above the breaker, for a time.

    Raises: ValueError for a kind other than open and closed.
    """

    kind: Phase
    until: Micros
    reason: str
    by: str

    def __post_init__(self) -> None:
        if self.kind is Phase.HALF_OPEN:
            raise ValueError("a breaker can be forced open or closed, got half_open")


def effective(breaker: Breaker, override: Override | None, *, now: Micros) -> Phase:
    """The phase that counts: the operator's while the override holds, else the breaker's own, which goes on underneath."""
    if override is not None and now < override.until:
        return override.kind
    return at(breaker, now=now).phase


def at(breaker: Breaker, *, now: Micros) -> Breaker:
    """The breaker as time alone leaves it: half-open from the moment its time is over, whoever looks and whenever."""
    if breaker.phase is Phase.OPEN and breaker.open_until is not None and now >= breaker.open_until:
        return Breaker(phase=Phase.HALF_OPEN, since=breaker.open_until, trips=breaker.trips)
    if breaker.phase is Phase.CLOSED and breaker.trips and now - breaker.since >= FORGIVE_AFTER_US:
        return replace(breaker, trips=0)
    return breaker


def observe(
    breaker: Breaker,
    seen: Iterable[Seen],
    *,
    now: Micros,
    jitter: float,
    is_probe: bool = False,
    is_gentle: bool = False,
    network_is_ours: bool = False,
) -> Breaker:
    """The breaker after some calls, in the order in which they were sent. `jitter`: a random number from 0 to 1.

    `is_probe`: they were made under the fleet's one probe. `is_gentle`: they were live work that could not wait for the end of an
    open phase; an answer ends it, a failure changes nothing. While `network_is_ours` nothing counts and nothing moves: neither
    failures nor successes say anything about a vendor then.
    """
    if network_is_ours:
        return breaker
    breaker = at(breaker, now=now)
    for call in sorted(seen, key=lambda call: call.at):
        sent = min(call.at, now)
        if sent < breaker.since or call.outcome not in SUCCESSES | FAILURES:
            continue
        if breaker.phase is Phase.CLOSED:
            breaker = _counted(breaker, call.outcome, sent=sent, now=now)
            if call.outcome is not Outcome.OK and _trips(breaker):  # the good tenth call must not complete a bad share
                breaker = _opened(breaker, now=now, jitter=jitter)
        elif breaker.phase is Phase.HALF_OPEN and is_probe:
            breaker = _probed(breaker, call.outcome, now=now, jitter=jitter)
        elif breaker.phase is Phase.OPEN and is_gentle and call.outcome in SUCCESSES:
            breaker = Breaker(phase=Phase.HALF_OPEN, since=now, trips=breaker.trips)
    return breaker


def calls_at_once(breaker: Breaker, *, most: int) -> int:
    """How many calls may be on their way now, of `most` in good times.

    Each failure in a row takes one away, so that a vendor that dies costs what was on its way and no more.
    """
    if breaker.phase is Phase.CLOSED:
        return max(1, most - breaker.failures_in_a_row)
    return 1 if breaker.phase is Phase.HALF_OPEN else 0


def _counted(breaker: Breaker, outcome: Outcome, *, sent: Micros, now: Micros) -> Breaker:
    failed = outcome in FAILURES
    slots = {slot: (calls, failures) for slot, calls, failures in breaker.recent}
    calls, failures = slots.get(sent // SLOT_US, (0, 0))
    slots[sent // SLOT_US] = (calls + 1, failures + failed)
    oldest = now // SLOT_US - SLOTS + 1
    return replace(
        breaker,
        failures_in_a_row=breaker.failures_in_a_row + 1 if failed else 0,
        recent=tuple((slot, *counts) for slot, counts in sorted(slots.items()) if slot >= oldest),
        slow=(*breaker.slow, outcome is Outcome.SLOW)[-LAST_CALLS:],
    )


def _trips(breaker: Breaker) -> bool:
    calls = sum(calls for _, calls, _ in breaker.recent)
    failures = sum(failures for _, _, failures in breaker.recent)
    return (
        breaker.failures_in_a_row >= TRIP_IN_A_ROW
        or (calls >= TRIP_CALLS and failures >= TRIP_SHARE * calls)
        or sum(breaker.slow) >= TRIP_SLOW
    )


def _probed(breaker: Breaker, outcome: Outcome, *, now: Micros, jitter: float) -> Breaker:
    if outcome in FAILURES:
        return _opened(breaker, now=now, jitter=jitter)
    if breaker.successes + 1 < CLOSE_AFTER:
        return replace(breaker, successes=breaker.successes + 1)
    return Breaker(since=now, trips=breaker.trips)


def _opened(breaker: Breaker, *, now: Micros, jitter: float) -> Breaker:
    trips = breaker.trips + 1
    length = min(OPEN_MOST_US, round(OPEN_STEP_US * trips * (1 + JITTER * jitter)))
    return Breaker(phase=Phase.OPEN, since=now, open_until=now + length, trips=trips)


def to_json(breaker: Breaker) -> dict[str, Any]:
    """For `ProviderState.memory`: what has no column of its own."""
    return {
        "failures_in_a_row": breaker.failures_in_a_row,
        "successes": breaker.successes,
        "recent": [list(slot) for slot in breaker.recent],
        "slow": list(breaker.slow),
    }


def from_json(stored: Mapping[str, Any], *, phase: str, since: Micros | None, open_until: Micros | None, trips: int) -> Breaker:
    """What `to_json` made, with the row's columns; a row that was never written is closed."""
    return Breaker(
        phase=Phase(phase),
        since=since or 0,
        open_until=open_until,
        trips=trips,
        failures_in_a_row=stored.get("failures_in_a_row", 0),
        successes=stored.get("successes", 0),
        recent=tuple((slot, calls, failures) for slot, calls, failures in stored.get("recent", [])),
        slow=tuple(stored.get("slow", [])),
    )
