"""H, the expected share of useful answers, from what a provider's calls add up to. Pure.

    A = (good + 5·p) / (calls + 5)        availability; p = 0.9 in the slow window, the slow A in the fast one
    C = (answered + 5·p) / (asked + 5)    completeness; p = 1, then the slow C
    F = (fresh + 5·p) / (due + 5)         freshness; p = 1, then the slow F
    S = slow / (calls + 5)                share of slow calls; p = 0, then the slow S
    R = A · C · F^phi · (1 - 0.4·S)       in either window; phi = 1 live, 0 history
    H = Q · min(R fast, R slow)           Q = the quota's share, see `providers.budget`

Silence of more than `SILENCE_US` drifts to the prior: the fast window to the slow one within minutes, the slow one to 0.9 within
half an hour or so.
"""

from dataclasses import asdict, dataclass

from providers.health import FAST_TAU_US, SLOW_TAU_US, Health, Window, kept
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros

PRIOR_WEIGHT = 5.0
"""Calls (or symbols) that the prior counts for: as many as the failures in a row that trip a breaker."""
PRIOR_AVAILABILITY = 0.9
"""Above promote (0.85), so that a new provider may be used, and below what any good one reaches: doubt enough to be outranked."""
SLOW_COST = 0.4
"""A vendor all of whose answers are slow is worth 0.6: below demote (0.70), yet better than one that fails every other call."""
SILENCE_US = 90 * SECOND_US
"""Silence forgives after one and a half jobs at one job a minute. From the first second on, it would forgive a bulk vendor two
failing jobs in a row before the third one looks."""


@dataclass(frozen=True, slots=True)
class Score:
    """H (`value`) with all its parts. `fast` and `slow` are R of either window; `calls` is what the slow window rests on."""

    value: float
    fast: float
    slow: float
    availability_fast: float
    availability_slow: float
    completeness_fast: float
    completeness_slow: float
    freshness_fast: float
    freshness_slow: float
    slowness_fast: float
    slowness_slow: float
    quota: float
    phi: float
    calls: float

    def to_json(self) -> dict[str, float]:
        """For `ProviderState.parts` and samples."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def phi_of(lane: Lane) -> float:
    """How much freshness counts: nothing in history, where bars are old by nature."""
    return 1.0 if lane is Lane.LIVE else 0.0


def score(health: Health, *, now: Micros, quota: float = 1.0, phi: float = 1.0) -> Score:
    """H as of `now`; asking twice at the same time gives the same."""
    slow = _parts(health.slow, now, SLOW_TAU_US, _Parts(PRIOR_AVAILABILITY, 1.0, 1.0, 0.0))
    fast = _parts(health.fast, now, FAST_TAU_US, slow)
    r_fast, r_slow = useful(fast, phi=phi), useful(slow, phi=phi)
    return Score(
        value=quota * min(r_fast, r_slow),
        fast=r_fast,
        slow=r_slow,
        availability_fast=fast.availability,
        availability_slow=slow.availability,
        completeness_fast=fast.completeness,
        completeness_slow=slow.completeness,
        freshness_fast=fast.freshness,
        freshness_slow=slow.freshness,
        slowness_fast=fast.slowness,
        slowness_slow=slow.slowness,
        quota=quota,
        phi=phi,
        calls=health.slow.calls * kept(health.slow, now=now - SILENCE_US, tau=SLOW_TAU_US),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    availability: float
    completeness: float
    freshness: float
    slowness: float


def useful(parts: _Parts, *, phi: float) -> float:
    """R: the share of useful answers that the parts let expect."""
    freshness = parts.freshness**phi
    return float(parts.availability * parts.completeness * freshness * (1 - SLOW_COST * parts.slowness))


def _parts(window: Window, now: Micros, tau: Micros, prior: _Parts) -> _Parts:
    left = kept(window, now=now - SILENCE_US, tau=tau)
    return _Parts(
        availability=_share(window.good * left, window.calls * left, prior.availability),
        completeness=_share(window.answered * left, window.asked * left, prior.completeness),
        freshness=_share(window.fresh * left, window.due * left, prior.freshness),
        slowness=_share(window.slow * left, window.calls * left, prior.slowness),
    )


def _share(hits: float, of: float, prior: float) -> float:
    return (hits + PRIOR_WEIGHT * prior) / (of + PRIOR_WEIGHT)


def weakest(score: Score) -> str:
    """The part that costs most, with its number, for a sentence an operator reads."""
    parts = {
        "availability": min(score.availability_fast, score.availability_slow),
        "completeness": min(score.completeness_fast, score.completeness_slow),
        "freshness": min(score.freshness_fast, score.freshness_slow) ** score.phi,
        "speed": 1 - SLOW_COST * max(score.slowness_fast, score.slowness_slow),
        "quota": score.quota,
    }
    name = min(parts, key=lambda part: parts[part])
    return f"{name} {parts[name]:.2f}"


def good_since(before: Micros | None, *, value: float, promote: float, is_closed: bool, now: Micros) -> Micros | None:
    """Since when a provider has been good: closed, and at or above promote.

    Time spent open does not count: silence alone lifts the score then.
    """
    if not is_closed or value < promote:
        return None
    return now if before is None else before
