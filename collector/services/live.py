"""What is due now: one plan a tier and boundary in the whole fleet, however many beats fire."""

import logging
from collections.abc import Iterable
from itertools import groupby

from django.conf import settings
from django.db import connection, transaction

from collector.core.live import split, window_of
from collector.core.spans import spans_of, to_literal
from collector.models import Tier
from collector.schemas import MAX_SYMBOLS, BarsFetchJob, Priority
from collector.services.boundaries import Rhythm, claim
from providers.market.calendar import Calendar, get_calendar
from providers.market.types import SECOND_US, Adjustment, Capability, Hours, Interval, Micros, from_us
from providers.policy import Snapshot
from providers.selectors import route
from providers.services import policies

log = logging.getLogger(__name__)

RHYTHM = Rhythm(
    lock=0x6D64_706C_616E,  # "mdplan"
    mark="planned_through",
    cadence=lambda tier: tier.cadence_seconds,
    lateness=lambda tier: tier.lateness_seconds,
)

# What a job's series share: (calendar, mic, interval, hours, adjustment), then the symbol and the slot to read from.
_Due = tuple[tuple[str, str, str, str, str], str, Micros]


def plan(*, now: Micros) -> list[BarsFetchJob]:
    """Jobs for all series with a closed slot that is not covered yet. Empty when this boundary was planned already.

    A plan whose messages are lost is repeated at the next boundary, because slots stay uncovered.
    """
    jobs: list[BarsFetchJob] = []
    snapshot: Snapshot | None = None
    with transaction.atomic():
        for tier, boundary in claim(RHYTHM, now=now):
            snapshot = snapshot or policies.current()
            jobs.extend(_tier_jobs(tier, boundary, snapshot))
    return jobs


def _tier_jobs(tier: Tier, boundary: Micros, snapshot: Snapshot) -> Iterable[BarsFetchJob]:
    due = sorted(_due(tier, boundary, snapshot))
    next_plan = boundary + (tier.cadence_seconds + tier.lateness_seconds) * SECOND_US
    for (_, mic, interval, hours, adjustment), members in groupby(due, key=lambda row: row[0]):
        for symbols, start in split([(symbol, start) for _, symbol, start in members], most=MAX_SYMBOLS):
            yield BarsFetchJob(
                tier=tier.code,
                priority=Priority.LIVE,
                symbols=symbols,
                mic=mic,
                interval=Interval(interval),
                hours=Hours(hours),
                adjustment=Adjustment(adjustment),
                start=from_us(start),
                end=from_us(boundary),
                expires_at=from_us(next_plan),
            )


def _overlap(snapshot: Snapshot, interval: Interval, tier: str) -> Micros:
    """How far behind the first open slot to read for late corrections: the longest that a provider of the route asks for."""
    return max((c.overlap for c in route(snapshot, capability=Capability.of_bars(interval), tier=tier)), default=0)


def _due(tier: Tier, boundary: Micros, snapshot: Snapshot) -> Iterable[_Due]:
    """Series of a tier with a closed, uncovered slot in the live window, and from which slot on each is to be read.

    A calendar that can't be had (a name gone from the library, hours that it lacks) costs its own series only.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT i.calendar, s.interval, s.hours FROM collector_series s
               JOIN collector_instrument i ON i.id = s.instrument_id WHERE s.tier_id = %s AND s.is_active""",
            [tier.code],
        )
        rows = cursor.fetchall()
    for calendar, interval, hours in rows:
        try:
            yield from _due_of_calendar(tier, calendar, Interval(interval), Hours(hours), boundary, snapshot=snapshot)
        except ValueError as error:
            log.error("no plan for %s series on %s: %s", tier.code, calendar, error, extra={"action": "calendar_unusable"})


def _due_of_calendar(
    tier: Tier, calendar: str, interval: Interval, hours: Hours, boundary: Micros, *, snapshot: Snapshot
) -> Iterable[_Due]:
    least = settings.LIVE_WINDOW_SECONDS * SECOND_US
    window = window_of(interval, cadence=tier.cadence_seconds * SECOND_US, least=least)
    venue = get_calendar(calendar, hours)
    slots = venue.slots(interval, boundary - window, boundary - interval.us + 1)
    if not len(slots):
        return
    with connection.cursor() as cursor:
        # One statement a calendar: expected minus held minus empty, clipped to each series' life; 10,000 series take about 50 ms.
        cursor.execute(
            """SELECT i.mic, s.adjustment, i.symbol, extract(epoch FROM lower(m.missing)), extract(epoch FROM life.low)
               FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
               CROSS JOIN LATERAL (  -- a slot belongs to the life that its start lies in: both ends up to the grid
                 SELECT date_bin(%(step)s::interval, greatest(s.collect_from, i.listed_at) + %(rest)s::interval, 'epoch') AS low,
                        date_bin(%(step)s::interval, least(s.collect_until, i.delisted_at) + %(rest)s::interval, 'epoch') AS high) life
               CROSS JOIN LATERAL (
                 SELECT (%(expected)s::tstzmultirange * tstzmultirange(
                          -- delisted before it was collected: no life, where a range that runs backwards would be an error
                          CASE WHEN life.high <= life.low THEN 'empty' ELSE tstzrange(life.low, life.high) END))
                        - coalesce((SELECT range_agg(c.held + c.empty) FROM collector_coverage c
                                    WHERE c.series_id = s.id AND c.session BETWEEN %(first)s AND %(last)s), '{}') AS missing) m
               WHERE s.tier_id = %(tier)s AND s.is_active AND i.calendar = %(calendar)s AND s.interval = %(interval)s
                 AND s.hours = %(hours)s AND NOT isempty(m.missing)""",
            {
                "expected": to_literal(spans_of(slots, interval.us)),
                "first": from_us(int(slots[0]) - 2 * 86_400 * SECOND_US).date(),
                "last": from_us(boundary + 2 * 86_400 * SECOND_US).date(),
                "step": f"{interval.us} us",
                "rest": f"{interval.us - 1} us",
                "tier": tier.code,
                "calendar": calendar,
                "interval": interval.value,
                "hours": hours.value,
            },
        )
        rows = cursor.fetchall()
    overlap, starts = _overlap(snapshot, interval, tier.code), {}
    for mic, adjustment, symbol, first, low in rows:
        if (first, low) not in starts:
            starts[first, low] = _read_from(venue, interval, round(first * SECOND_US), round(low * SECOND_US), overlap)
        yield (calendar, mic, interval.value, hours.value, adjustment), symbol, starts[first, low]


def _read_from(venue: Calendar, interval: Interval, first: Micros, low: Micros, overlap: Micros) -> Micros:
    """The first slot of the series' life within the overlap; never a time at which the venue was shut."""
    return int(venue.slots(interval, max(first - overlap, low), first + 1)[0])
