"""What becomes of a job that did not get all it wanted, when it is tried again, and whose turn it is. Pure."""

import hashlib
import re
from collections.abc import Sequence
from enum import StrEnum

from providers.market.types import SECOND_US, Micros

ATTEMPTS = 8
FIRST_DELAY_S = 30
LONGEST_DELAY_S = 1_800
JITTER = 0.2
"""Share by which a delay is longer or shorter, so that what failed together does not come back together."""
PARKED_S = 60
"""How long a job waits where nobody said when somebody can be asked."""
LEAST_PARKED_S = 5
MOST_PARKED_S = 900
"""A moment that a vendor named may be hours away; meanwhile an operator may have changed who is asked."""

REFUSED = "bad_request"
"""The vendor calls the question wrong: of one that is about many symbols, nobody knows which of them it means."""
HOPELESS = frozenset({"unknown_symbol", "not_entitled", "malformed_answer", "unsupported_request", REFUSED})
"""The same question gets the same answer."""
MAINTENANCE = "maintenance"
"""An operator said not to ask that one for a time. It may have what all others lack, so until then no job dies."""
BUSY = frozenset({"over_budget", "throttled", "circuit_open", "out_of_time", MAINTENANCE})
"""Nothing is wrong with the question: it is put when there is somebody to ask."""
OUT_OF_PLAY = frozenset({"switched_off", "isolated", "other_feed", "no_provider"})
"""Providers that wait for an operator, or that a series is not made of: what the others say counts."""

_NUMBERS_AND_NAMES = re.compile(r"\S*(?:\d|[A-Z]{2})\S*|\b[A-Z]\b")
"""Words with a digit or two capitals: numbers, moments, addresses, symbols."""
_REPEATED = re.compile(r"\*(?:[\s,;]+\*)+")


class Fate(StrEnum):
    """What becomes of a job that is still missing something."""

    RETRY = "retry"
    PARK = "park"
    DEAD = "dead"


def fate(codes: Sequence[str], *, attempts: int) -> Fate:
    """By what each provider said or would have said. `attempts`: failed ones, this one included.

    Dead at once only where all who count are hopeless; parked where of the others nobody could be asked, and in place of death
    where one of them is in maintenance.
    """
    telling = [code for code in codes if code not in OUT_OF_PLAY]
    hopeful = [code for code in telling if code not in HOPELESS]
    if all(code in BUSY for code in hopeful):
        return Fate.DEAD if telling and not hopeful else Fate.PARK
    if attempts < ATTEMPTS:
        return Fate.RETRY
    return Fate.PARK if MAINTENANCE in telling else Fate.DEAD


def delay(attempts: int, *, draw: float) -> Micros:
    """How long to wait after so many failed attempts; `draw` in [0, 1) decides the jitter."""
    seconds: int = min(FIRST_DELAY_S << (attempts - 1), LONGEST_DELAY_S)
    return round(seconds * SECOND_US * (1 + JITTER * (2 * draw - 1)))


def parked_until(moments: Sequence[Micros | None], *, now: Micros, draw: float) -> Micros:
    """When to look again: the first moment at which somebody may be askable, within bounds, jittered forwards only."""
    first = min((moment for moment in moments if moment is not None), default=now + PARKED_S * SECOND_US)
    bounded = min(max(first, now + LEAST_PARKED_S * SECOND_US), now + MOST_PARKED_S * SECOND_US)
    return bounded + round((bounded - now) * JITTER * draw)


def turns(tiers: Sequence[str], *, draw: float) -> list[str]:
    """Tiers in the order in which they may claim: each goes first twice as often as the one behind it, so that none starves.

    `tiers` by rank, `draw` in [0, 1).
    """
    weights = [2.0**-rank for rank in range(len(tiers))]
    left = draw * sum(weights)
    for rank, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return [tiers[rank], *tiers[:rank], *tiers[rank + 1 :]]
    return list(tiers)


def fingerprint(*, provider: str, code: str, message: str) -> str:
    """What failures of one cause share: no number and no symbol of the message counts."""
    plain = _REPEATED.sub("*", _NUMBERS_AND_NAMES.sub("*", message)).casefold()
    return hashlib.blake2b("\x00".join((provider, code, plain)).encode(), digest_size=16).hexdigest()
