"""What is due now: one plan a tier and boundary in the whole fleet, however many beats fire."""

import logging
from collections.abc import Iterable
from itertools import groupby

from django.conf import settings
from django.db import connection, transaction

from collector.core.live import split, window_of
from collector.core.running import over_until
from collector.core.spans import spans_of
from collector.models import Tier
from collector.schemas import MAX_SYMBOLS, BarsFetchJob, Priority
from collector.selectors.expected import EXPECTED, parameters, up
from collector.selectors.overrides import read_closures
from collector.services.boundaries import Rhythm, claim
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, SECOND_US, Adjustment, Capability, Hours, Interval, Micros, from_us
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
    since = boundary - window_of(interval, cadence=tier.cadence_seconds * SECOND_US, least=least)
    overlap = _overlap(snapshot, interval, tier.code)
    venue = get_calendar(calendar, hours)
    slots = venue.slots(interval, since - overlap, over_until(venue, interval, boundary) - interval.us + 1)
    if not len(slots) or slots[-1] < since:
        return
    lost = read_closures(since=since - overlap).vanished(venue, interval, start=since - overlap, end=boundary)
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE,
            parameters(slots=spans_of(slots, interval.us), interval=interval, now=boundary, lost=lost)
            | {
                "since": from_us(since),
                "overlap": f"{overlap} us",
                "first": from_us(int(slots[0]) - 2 * DAY_US).date(),
                "last": from_us(boundary + 2 * DAY_US).date(),
                "tier": tier.code,
                "calendar": calendar,
                "interval": interval.value,
                "hours": hours.value,
            },
        )
        rows = cursor.fetchall()
    for mic, adjustment, symbol, start in rows:
        yield (calendar, mic, interval.value, hours.value, adjustment), symbol, round(start * SECOND_US)


# One statement a calendar: expected minus held minus empty; 10,000 series take about 50 ms. Each is read from the first of its
# expected slots within the overlap: never from a time before its life, nor from one at which the venue was shut.
_DUE = f"""
SELECT i.mic, s.adjustment, i.symbol,
       extract(epoch FROM lower(expected.spans * tstzmultirange(tstzrange({up("lower(m.missing) - %(overlap)s::interval")}, NULL))))
FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
{EXPECTED}
CROSS JOIN LATERAL (
  SELECT expected.spans * tstzmultirange(tstzrange({up("%(since)s::timestamptz")}, NULL))
         - coalesce((SELECT range_agg(c.held + c.empty) FROM collector_coverage c
                     WHERE c.series_id = s.id AND c.session BETWEEN %(first)s AND %(last)s), '{{}}') AS missing
  OFFSET 0) m
WHERE s.tier_id = %(tier)s AND s.is_active AND i.calendar = %(calendar)s AND s.interval = %(interval)s
  AND s.hours = %(hours)s AND NOT isempty(m.missing)
"""  # noqa: S608 - made of constants; values are bound
