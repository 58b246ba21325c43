"""What a provider's calls of late add up to: decayed sums over two windows. Pure; `providers.scoring` reads them.

A sum forgets with its window's time constant tau: a call that is tau old counts 1/e. Nothing else is remembered, so a row stays
small whatever happens.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import exp
from typing import Any

from providers.market.types import SECOND_US, Micros
from providers.outcomes import FAILURES, SUCCESSES, Outcome, Seen

FAST_TAU_US = 60 * SECOND_US
"""About one job at one job a minute: blame is a matter of the last minute or two."""
SLOW_TAU_US = 600 * SECOND_US
"""About ten jobs: who failed for long earns trust back over minutes, not with the next answer."""
MAX_SYMBOL_WEIGHT = 20
"""Symbols that one call counts for at most. One bulk call of 300 must neither weigh as little as one of a single symbol nor drown
the hour before it; 20 is four times the prior, so one mute bulk call is enough to lose the first place."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one report adds.

    `asked`, `answered`: symbols of the calls that came back, with an answer or refused as malformed; not those of failed calls,
    which `seen` counts already, nor unknown symbols. `due`, `fresh`: symbols that should have had something new, and did.

    Raises: ValueError when more was answered than asked, or more fresh than due.
    """

    seen: tuple[Seen, ...] = ()
    asked: int = 0
    answered: int = 0
    due: int = 0
    fresh: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.answered <= self.asked and 0 <= self.fresh <= self.due):
            raise ValueError(f"expected 0 <= answered <= asked and 0 <= fresh <= due, got {self}")


@dataclass(frozen=True, slots=True)
class Window:
    """Decayed sums as of `at`: calls that counted, those that succeeded, those that were slow; symbols as in `Tally`."""

    at: Micros = 0
    calls: float = 0.0
    good: float = 0.0
    slow: float = 0.0
    asked: float = 0.0
    answered: float = 0.0
    due: float = 0.0
    fresh: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """The two windows: the fast one blames, the slow one forgives."""

    fast: Window = field(default_factory=Window)
    slow: Window = field(default_factory=Window)


def add(health: Health, tally: Tally, *, now: Micros, network_is_ours: bool = False) -> Health:
    """The health after a report. Times never run backwards: a report of a machine whose clock is late counts as of the last one.

    `network_is_ours`: local errors say nothing while our own network is what fails.
    """
    return Health(
        fast=_added(health.fast, tally, now, FAST_TAU_US, network_is_ours),
        slow=_added(health.slow, tally, now, SLOW_TAU_US, network_is_ours),
    )


def kept(window: Window, *, now: Micros, tau: Micros) -> float:
    """The share of a window's sums that is left at `now`."""
    return exp((window.at - now) / tau) if now > window.at else 1.0


def _added(window: Window, tally: Tally, now: Micros, tau: Micros, network_is_ours: bool) -> Window:
    at = max(now, window.at)
    left = kept(window, now=at, tau=tau)
    calls = good = slow = 0.0
    for seen in tally.seen:
        if not _counts(seen.outcome, network_is_ours):
            continue
        weight = exp((seen.at - at) / tau) if seen.at < at else 1.0
        calls += weight
        good += weight * (seen.outcome in SUCCESSES)
        slow += weight * (seen.outcome is Outcome.SLOW)
    most = MAX_SYMBOL_WEIGHT * max(1, len(tally.seen))
    of_asked = min(1.0, most / max(1, tally.asked))
    of_due = min(1.0, most / max(1, tally.due))
    return Window(
        at=at,
        calls=window.calls * left + calls,
        good=window.good * left + good,
        slow=window.slow * left + slow,
        asked=window.asked * left + tally.asked * of_asked,
        answered=window.answered * left + tally.answered * of_asked,
        due=window.due * left + tally.due * of_due,
        fresh=window.fresh * left + tally.fresh * of_due,
    )


def _counts(outcome: Outcome, network_is_ours: bool) -> bool:
    if outcome is Outcome.LOCAL_ERROR and network_is_ours:
        return False
    return outcome in SUCCESSES or outcome in FAILURES


def to_json(health: Health) -> dict[str, Any]:
    """For `ProviderState.memory`."""
    return asdict(health)


def from_json(stored: Mapping[str, Any]) -> Health:
    """What `to_json` made; a row that was never written (`{}`) is a provider nothing is known of."""
    return Health(fast=Window(**stored.get("fast", {})), slow=Window(**stored.get("slow", {})))
