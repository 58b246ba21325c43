"""Why something is missing, in nine words that operators can act on, made of the codes in a job's tries or its dead letter. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from collector.core.retry import BUSY, HOPELESS, OUT_OF_PLAY


class Cause(StrEnum):
    """What stands between a missing span and its bars."""

    VENDOR_OUTAGE = "vendor_outage"
    """Vendors are down, in maintenance, mute, out of reach, or answer in no known form: it passes, or a breaker lets others be asked."""
    RATE_STARVED = "rate_starved"
    """Nobody had budget or quota left, or the rate did not let all be asked in a job's time."""
    NOT_ENTITLED = "not_entitled"
    """No provider may serve it: its key, plan, feed or limits do not cover it, or it is switched off."""
    UNKNOWN_SYMBOL = "unknown_symbol"
    """The vendor does not know the symbol: the mapping is wrong."""
    REJECTED = "rejected"
    """A row came and was refused by our checks."""
    UNPROVEN = "unproven"
    """Vendors answered without it, and their silence was not believed."""
    INTERNAL = "internal"
    """Our own doing: an error of ours, or a question that the vendor calls malformed."""
    WORKER_LOST = "worker_lost"
    """The worker that had it was killed."""
    PENDING = "pending"
    """Nobody was asked yet."""


OF_CODE: Mapping[str, Cause] = {
    "circuit_open": Cause.VENDOR_OUTAGE,
    "vendor_fault": Cause.VENDOR_OUTAGE,
    "vendor_timeout": Cause.VENDOR_OUTAGE,
    "local_fault": Cause.VENDOR_OUTAGE,
    "maintenance": Cause.VENDOR_OUTAGE,
    "malformed_answer": Cause.VENDOR_OUTAGE,
    "throttled": Cause.RATE_STARVED,
    "over_budget": Cause.RATE_STARVED,
    "out_of_time": Cause.RATE_STARVED,
    "auth_failed": Cause.NOT_ENTITLED,
    "not_entitled": Cause.NOT_ENTITLED,
    "unsupported_request": Cause.NOT_ENTITLED,
    "switched_off": Cause.NOT_ENTITLED,
    "isolated": Cause.NOT_ENTITLED,
    "other_feed": Cause.NOT_ENTITLED,
    "no_provider": Cause.NOT_ENTITLED,
    "unknown_symbol": Cause.UNKNOWN_SYMBOL,
    "rejected": Cause.REJECTED,
    "unproven": Cause.UNPROVEN,
    "bad_request": Cause.INTERNAL,
    "internal_error": Cause.INTERNAL,
    "worker_lost": Cause.WORKER_LOST,
    "requeued": Cause.PENDING,
}
"""Every code that a try or a dead letter can hold (`tests/unit/collector/core/test_causes.py` finds them in the code)."""


def cause_of(codes: Sequence[str], *, reason: str = "", has_refused_row: bool = False) -> Cause:
    """Of a job: by its dead letter's `reason`, else by what the providers said in its newest try.

    `has_refused_row`: a row within its span was refused, which says more than that something is missing. A code of an adapter of
    somebody's own that nobody mapped is its vendor's failure, as far as we can tell.
    """
    if reason:
        return _of(reason)
    if not codes:
        return Cause.PENDING
    cause = _of(codes[telling(codes)])
    return Cause.REJECTED if cause is Cause.UNPROVEN and has_refused_row else cause


def telling(codes: Sequence[str]) -> int:
    """The position of the word that decided what became of the job: the last one of a failure that may pass, else of somebody
    who was busy, else the last."""
    may_pass = [at for at, code in enumerate(codes) if code not in HOPELESS | BUSY | OUT_OF_PLAY]
    busy = [at for at, code in enumerate(codes) if code in BUSY]
    return (may_pass or busy or [len(codes) - 1])[-1]


def _of(code: str) -> Cause:
    return OF_CODE.get(code, Cause.VENDOR_OUTAGE)
