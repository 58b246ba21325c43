"""Which held bars has their vendor taken back? Pure (design 3b).

A bar that a vendor sent once and no longer sends was withdrawn, unless the answer is a bad one. So a bar counts as withdrawn only

- when the answer has bars of its series on both sides of it, or had a day to get complete: the end of an answer may be cut off,
- when the answer was whole and undelayed, and every row of the series could be read: nobody knows which slot an unreadable one was for,
- when the answer lacks no more than a fifth of the series' bars (one of them at least): a vendor that lost a part of its feed looks
  the same, and what it lost was not withdrawn.
"""

from dataclasses import dataclass

import numpy as np

from collector.core.evidence import EDGE_TRUSTED_AFTER_US, EMPTY_TOGETHER_SHARE
from providers.market.types import Micros, MicrosArray


@dataclass(frozen=True, slots=True, eq=False)
class Reread:
    """Bars of one series that an answer lacks although they are held. `is_doubted`: the answer is no evidence, somebody else should be asked."""

    withdrawn: MicrosArray
    is_doubted: bool


def reread(
    *, held: MicrosArray, sent: MicrosArray, step: int, settled_before: Micros, judged_at: Micros, is_whole: bool
) -> Reread:
    """What to make of `held` slots that an answer `sent` no row for (of refused rows too); all of one series and window, ascending.

    `settled_before`: slots that end later may still be on their way. `is_whole`: every row was there and could be read.
    """
    lacking = held[~np.isin(held, sent) & (held + step <= settled_before)]
    if not len(lacking):
        return Reread(lacking, is_doubted=False)
    if not is_whole or not len(sent) or len(lacking) > max(1.0, EMPTY_TOGETHER_SHARE * len(held)):
        return Reread(lacking[:0], is_doubted=True)
    bracketed = (lacking > sent.min()) & (lacking < sent.max())
    believed = bracketed | (lacking + step + EDGE_TRUSTED_AFTER_US <= judged_at)
    return Reread(lacking[believed], is_doubted=not bool(believed.all()))
