"""Whose quotes are asked for now: those of instruments whose venue trades, once a tier's quote cadence."""

import logging
from collections.abc import Iterable, Iterator
from itertools import groupby

from django.db import transaction
from django.db.models import Q

from collector.core.live import split
from collector.models import QuoteSeries, Tier
from collector.schemas import MAX_SYMBOLS, Priority, QuotesFetchJob
from collector.selectors.overrides import read_closures
from collector.services.boundaries import Rhythm, claim
from providers.market.calendar import get_calendar
from providers.market.types import SECOND_US, Hours, Micros, from_us

log = logging.getLogger(__name__)

RHYTHM = Rhythm(
    lock=0x6D64_7175_6F74,  # "mdquot"
    mark="quotes_planned_through",
    cadence=lambda tier: tier.quote_cadence_seconds,
    lateness=lambda _: 0,  # a quote does not close: now is as good as later
)


def plan_quotes(*, now: Micros) -> list[QuotesFetchJob]:
    """Jobs for all quotes that are due. Empty when this boundary was planned already. A lost job is made up for by the next one."""
    with transaction.atomic():
        return [job for tier, boundary in claim(RHYTHM, now=now) for job in _tier_jobs(tier, boundary)]


def _tier_jobs(tier: Tier, boundary: Micros) -> Iterator[QuotesFetchJob]:
    next_plan = boundary + tier.quote_cadence_seconds * SECOND_US
    for mic, members in groupby(sorted(_due(tier, boundary)), key=lambda row: row[0]):
        for symbols, _ in split([(symbol, 0) for _, symbol in members], most=MAX_SYMBOLS):
            yield QuotesFetchJob(
                tier=tier.code, priority=Priority.LIVE, symbols=symbols, mic=mic, expires_at=from_us(next_plan)
            )


def _due(tier: Tier, boundary: Micros) -> Iterable[tuple[str, str]]:
    """(MIC, symbol) of what trades at the boundary. A calendar that can't be had costs its own instruments only."""
    at = from_us(boundary)
    rows = QuoteSeries.objects.filter(
        Q(instrument__listed_at=None) | Q(instrument__listed_at__lte=at),
        Q(instrument__delisted_at=None) | Q(instrument__delisted_at__gt=at),
        tier=tier,
        is_active=True,
    ).order_by("instrument__calendar", "hours")
    closures = read_closures(since=boundary)
    named = rows.values_list("instrument__calendar", "hours", "instrument__mic", "instrument__symbol", "instrument_id")
    for (calendar, hours), members in groupby(named, key=lambda row: row[:2]):
        try:
            venue = get_calendar(calendar, Hours(hours))
        except ValueError as error:
            log.error("no plan for %s quotes on %s: %s", tier.code, calendar, error, extra={"action": "calendar_unusable"})
            continue
        if venue.is_market_open(boundary):
            yield from (
                (mic, symbol)
                for _, _, mic, symbol, number in members
                if not closures.is_closed(boundary, calendar=venue, mic=mic, instrument=number)
            )
