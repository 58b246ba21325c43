"""What a budget is made of, and the spans of time that it works with. Pure."""

from dataclasses import dataclass

from providers.market.types import DAY_US, MINUTE_US, SECOND_US, Micros

BLOCK_LIFE = SECOND_US
"""A token that was not used for so long after it was granted is void: long enough to save transactions, short enough to lose little."""
MAX_SKEW = 2 * SECOND_US
"""How far each machine's clock may be off. It also covers how unevenly requests travel where clocks are better than that."""
KEPT = MINUTE_US + 2 * MAX_SKEW + BLOCK_LIFE
DAY_EDGE = MAX_SKEW + BLOCK_LIFE
"""Tokens of so long before midnight may be used after it: they count in both days, and a day ends so much later."""
CLOCK_SET_BACK = 2 * MINUTE_US
"""A budget that is so far ahead of us was written by a clock that has been set back since; the rest waits to be caught up with."""
FIRST_WAIT = 15 * SECOND_US
LONGEST_WAIT = 300 * SECOND_US
LONGEST_BELIEVED_WAIT = DAY_US
"""What a vendor says beyond that is a mistake: no quota is longer than a day but a month's, which is asked after once a day."""
PROBE_LIFE = 30 * SECOND_US
"""The one request that may be out after a refusal is given up after that: its worker is no more."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an account may ask: in any 60 seconds, in a day (None: no such quota), and the share of both that is kept for live work."""

    per_minute: int
    live_reserve_percent: int = 50
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens that were granted within one second (epoch seconds)."""

    second: int
    live: int = 0
    history: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """What is known of one provider's allowance.

    `last`: the newest clock that has written; the budget's time never runs backwards. `strikes`: refusals since the last success,
    above 0 requests go out one at a time, `probing_since` is when the one that is out was granted. `day`: days since 1970 with its
    tokens by lane. `vendor_left` until `vendor_reset_at`: what the vendor itself said, less what was granted since.
    """

    last: Micros = 0
    spent: tuple[Spent, ...] = ()
    blocked_until: Micros | None = None
    blocked_reason: str = ""
    strikes: int = 0
    probing_since: Micros | None = None
    day: int = 0
    day_live: int = 0
    day_history: int = 0
    vendor_left: int | None = None
    vendor_reset_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What came of asking. Without tokens `reason` says why and `retry_at` when there may be some.

    `granted_at` is what `give_back` wants to know. `is_probe`: the one request after a refusal, whose outcome everybody waits for.
    """

    count: int
    granted_at: Micros
    retry_at: Micros | None = None
    reason: str = ""
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """What a lane could get now. `blocked_until` is set where waiting for the window does not help: the vendor said to wait, or a day's
    quota is used up. `quota_share`: what is left of the day, 1 where there is no such quota."""

    count: int
    retry_at: Micros | None
    reason: str
    blocked_until: Micros | None
    quota_share: float
