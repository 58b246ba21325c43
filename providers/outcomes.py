"""What one call says about its vendor: eight classes, and how an error finds its own. Pure.

ok, slow               successes
vendor_error           5xx, broken bodies, time-outs, answers in no known shape
local_error            DNS, refused connection, TLS: a failure like the vendor's, unless the network is ours
suspicious             a complete answer that is hard to believe: a failure; only the caller can tell
throttled              quota, not illness: the budget's matter
config_error           a key or plan: isolates the provider
ignored                says nothing about the vendor: our question was wrong, or no call was made
"""

from dataclasses import dataclass
from enum import StrEnum

from providers.errors import (
    AuthFailed,
    BadRequest,
    CircuitOpen,
    LocalFault,
    NotEntitled,
    OutOfTime,
    OverBudget,
    ProviderError,
    Throttled,
    UnknownSymbol,
    UnsupportedRequest,
)
from providers.lanes import Lane
from providers.market.types import Micros


class Outcome(StrEnum):
    """The class of one call."""

    OK = "ok"
    SLOW = "slow"
    VENDOR_ERROR = "vendor_error"
    LOCAL_ERROR = "local_error"
    THROTTLED = "throttled"
    CONFIG_ERROR = "config_error"
    IGNORED = "ignored"
    SUSPICIOUS = "suspicious"


SUCCESSES = frozenset({Outcome.OK, Outcome.SLOW})
FAILURES = frozenset({Outcome.VENDOR_ERROR, Outcome.LOCAL_ERROR, Outcome.SUSPICIOUS})


@dataclass(frozen=True, slots=True)
class Seen:
    """One call. `at` is when it was sent: an answer that comes late still speaks of that moment."""

    at: Micros
    outcome: Outcome


_CLASSES: tuple[tuple[tuple[type[ProviderError], ...], Outcome], ...] = (
    (
        (OverBudget, CircuitOpen, OutOfTime, UnknownSymbol, UnsupportedRequest, BadRequest),
        Outcome.IGNORED,
    ),  # first: OverBudget is a Throttled
    ((Throttled,), Outcome.THROTTLED),
    ((AuthFailed,), Outcome.CONFIG_ERROR),
    ((LocalFault,), Outcome.LOCAL_ERROR),
)


def outcome_of(error: ProviderError | None, *, elapsed_s: float, slow_after_s: float, lane: Lane) -> Outcome:
    """The class of a call that ended with `error`, or with a complete answer after `elapsed_s`.

    `BadRequest` is ignored: one odd symbol of ours must not trip a vendor that is well. A vendor that refuses everything as
    malformed is found by completeness instead, because the symbols of such calls stay among those asked (`Tally.asked`).
    """
    if error is None:
        return Outcome.SLOW if elapsed_s > slow_after_s else Outcome.OK
    if isinstance(error, NotEntitled):  # plans end at windows: an old or a too recent one is refused while the rest is served
        return Outcome.CONFIG_ERROR if lane is Lane.LIVE else Outcome.IGNORED
    return next((outcome for kinds, outcome in _CLASSES if isinstance(error, kinds)), Outcome.VENDOR_ERROR)
