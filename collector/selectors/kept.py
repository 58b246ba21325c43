"""From when on things are kept: the one answer for who writes, who reads, who looks for gaps and who drops.

Intraday bars are dropped by whole months and quotes by whole days (UTC), so the answer is the beginning of one: it stays the same until
the next begins. `1d` bars are never dropped.
"""

from datetime import datetime

import numpy as np
from django.conf import settings

from providers.api_errors import ApiError
from providers.market.types import DAY_US, Interval, Micros, from_us, to_us


def bars_kept_from(now: Micros, interval: Interval) -> Micros | None:
    """The first instant of which bars are kept, None for ever: the beginning of the month that `BAR_KEEP_DAYS` reach back into."""
    if interval is Interval.D1:
        return None
    return months_kept_from(now)


def months_kept_from(now: Micros) -> Micros | None:
    """The same for all intervals but `1d`."""
    days: int = settings.BAR_KEEP_DAYS
    if not days:
        return None
    oldest = np.datetime64(now // DAY_US - days, "D").astype("datetime64[M]")
    return int(oldest.astype("datetime64[us]").astype(np.int64))


def refuse_forgotten(*, as_of: datetime, start: datetime, interval: Interval, now: Micros) -> None:
    """Raises: ApiError where an answer as of that moment would lack what is deleted, and so claim that it was not known."""
    known, kept = known_from(now), bars_kept_from(now, interval)
    if known is not None and to_us(as_of) < known:
        said = f"as_of: what was held before {from_us(known):%Y-%m-%d %H:%M} UTC is not known any more (MARKETDATA_REVISION_KEEP_DAYS)"
        raise ApiError(said, code="not_kept", field="as_of")
    if kept is not None and to_us(start) < kept:
        said = f"start: bars are kept from {from_us(kept):%Y-%m-%d %H:%M} UTC on (MARKETDATA_BAR_KEEP_DAYS), also those of then"
        raise ApiError(said, code="not_kept", field="start")


def quotes_kept_from(now: Micros) -> Micros:
    """The first instant of which quotes are kept."""
    return (now // DAY_US - settings.QUOTE_DAYS) * DAY_US


def known_from(now: Micros) -> Micros | None:
    """The earliest moment of which it is still known what was held then, None: every one."""
    days: int = settings.REVISION_KEEP_DAYS
    return now - days * DAY_US if days else None
