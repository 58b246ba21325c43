"""How long quotes are kept: whole days, dropped with their partitions."""

import logging
from datetime import datetime

from django.conf import settings

from collector.partitions import QUOTES, drop_partitions
from providers.market.types import DAY_US, Micros, to_us

log = logging.getLogger(__name__)

GRACE_DAYS = 1
"""A partition goes this long after the write path has stopped to write into it: another machine's clock may be behind."""


def kept_from(now: Micros) -> Micros:
    """The first instant of which quotes are kept: the beginning of a day (UTC)."""
    return (now // DAY_US - settings.QUOTE_DAYS) * DAY_US


def drop_old_quotes(*, now: datetime) -> list[str]:
    """Drop the partitions of days that are no longer kept; returns their names."""
    before = kept_from(to_us(now)) // DAY_US - GRACE_DAYS
    dropped = drop_partitions(QUOTES, before=before)
    if dropped:
        log.info(
            "dropped the quotes of %d days, %s to %s: they are kept for %d days",
            len(dropped), dropped[0], dropped[-1], settings.QUOTE_DAYS,
            extra={"action": "quotes_dropped"},
        )  # fmt: skip
    return dropped
