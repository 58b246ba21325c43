"""When a whole session is read again. Pure (design 3b)."""

from providers.market.types import SECOND_US, Micros

AFTER_CLOSE_US = (20 * 60 * SECOND_US, 12 * 3600 * SECOND_US)
"""Behind the corrections that vendors make within their usual overlap of 15 minutes, and behind those that they make overnight."""
GIVEN_UP_US = 48 * 3600 * SECOND_US
"""No reading is begun later: whoever has not answered for two days has more wrong with it."""
PATIENCE_US = 2 * 3600 * SECOND_US
"""Vendors that answer for so long, and always in a way that proves nothing, say the same for ever: each try costs calls."""


def readings_due(close: Micros, *, now: Micros) -> int:
    """How many readings of a session that closed at `close` should be done by now. One that is late counts for those that it was late for."""
    return sum(close + after <= now for after in AFTER_CLOSE_US)


def is_given_up(close: Micros, *, now: Micros) -> bool:
    """Whether it is too late to begin one."""
    return now > close + GIVEN_UP_US


def is_patience_over(close: Micros, *, now: Micros) -> bool:
    """Whether the newest reading that is due has been for so long that an answer which proves nothing is the answer."""
    due = [close + after for after in AFTER_CLOSE_US if close + after <= now]
    return bool(due) and now - due[-1] >= PATIENCE_US
