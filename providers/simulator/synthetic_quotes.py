"""Quotes around the synthetic price path: from (seed, symbol, instant), the same whenever it is asked. Pure.

Each quarter of a second has one quote, at an instant of its own. While the venue is shut the last quote of the session stays. One in
`_ODD_ONES` is locked, crossed, without a bid or without an ask, so that all of these are seen.
"""

from collections.abc import Callable

import numpy as np

from providers.market.types import DAY_US, MINUTE_US, SECOND_US, AssetClass, Interval, Micros
from providers.simulator.quotes import Quote
from providers.simulator.source import Calendar

STEP_US = SECOND_US // 4
_ODD_ONES = 64
_LOCKED, _CROSSED, _NO_BID, _NO_ASK = range(4)
_WIDEST_TICKS = 3
_REACHES = (2 * MINUTE_US, 3_600 * SECOND_US, DAY_US, 4 * DAY_US, 16 * DAY_US)
_LOTS = {AssetClass.FX: 1_000_000.0, AssetClass.EQUITY: 100.0, AssetClass.FUTURE: 1.0, AssetClass.CRYPTO: 0.01}

Noise = Callable[[str, int], int]
"""64 random bits of a channel and a number."""


def last_open_instant(calendar: Calendar, now: Micros) -> Micros | None:
    """`now` while the venue is open, else the last microsecond that it was; None when it was shut for weeks."""
    for reach in _REACHES:
        slots = calendar.slots(Interval.M1, (now - reach) // MINUTE_US * MINUTE_US, now + 1)
        if len(slots):
            return min(now, int(slots[-1]) + MINUTE_US - 1)
    return None


def quote_time(moment: Micros, noise: Noise) -> Micros:
    """When the quote that stands at a moment of an open minute was made: never after it, never before its minute."""
    cell = moment // STEP_US
    at = _instant(cell, noise)
    return max(at if at <= moment else _instant(cell - 1, noise), moment // MINUTE_US * MINUTE_US)


def _instant(cell: int, noise: Noise) -> Micros:
    return cell * STEP_US + noise("quote time", cell) % STEP_US


def quote_around(
    *, at: Micros, opened: int, close: int, ticks_per_unit: int, asset_class: AssetClass, noise: Noise
) -> Quote | None:
    """The quote of an instant in a minute that moves from `opened` to `close` (ticks); an index has none."""
    if asset_class is AssetClass.INDEX:
        return None
    bits = noise("quote", at)
    kind, bits = bits % _ODD_ONES, bits // _ODD_ONES
    spread = {_LOCKED: 0, _CROSSED: -1}.get(kind, 1 + bits % _WIDEST_TICKS)
    bid = opened + (close - opened) * (at % MINUTE_US) // MINUTE_US - max(spread, 0) // 2
    sizes = [float(np.round((1 + bits // shift % 50) * _LOTS[asset_class], 2)) for shift in (_WIDEST_TICKS, 1_000)]
    has_bid, has_ask = kind != _NO_BID, kind != _NO_ASK
    return Quote(
        at=at,
        bid=bid / ticks_per_unit if has_bid else None,
        ask=(bid + spread) / ticks_per_unit if has_ask else None,
        bid_size=sizes[0] if has_bid else None,
        ask_size=sizes[1] if has_ask else None,
    )
