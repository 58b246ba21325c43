"""Asking for history: a range of some series is wanted from now on, and what is missing of it becomes jobs.

Nothing is remembered but `Series.history`: whatever becomes of jobs, of the broker or of whoever asked, scans find what is missing.
"""

from collections.abc import Sequence

from django.db import connection, transaction

from collector.schemas import BackfillJob, Priority
from collector.selectors.asked_ranges import Window
from collector.selectors.grids import Bound
from collector.selectors.scopes import Scope
from collector.services.gap_scan import Scanned, scan
from providers.market.types import Interval, Micros, from_us
from providers.policy import Snapshot

# What lies in collection needs no asking; what was asked for before is not written again.
_WIDEN = """
UPDATE collector_series s SET history = s.history + w.wanted
FROM (SELECT s.id, tstzmultirange(tstzrange(g.start, g."end")) - tstzmultirange(tstzrange(s.collect_from, s.collect_until)) AS wanted
      FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS g(id, start, "end") JOIN collector_series s ON s.id = g.id) w
WHERE s.id = w.id AND NOT s.history @> w.wanted
"""


def want(windows: Sequence[Window]) -> int:
    """Make each window part of its series' history, as far as it lies outside of collection; returns of how many series it was not yet.

    Series are locked in the order of their numbers. Raises: pydantic.ValidationError where a window could be no job.
    """
    jobs = [_job(window) for window in windows]
    ids = [window.series.pk for window in windows]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM collector_series WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [ids])
        cursor.execute(_WIDEN, [ids, [job.start for job in jobs], [job.end for job in jobs]])
        return int(cursor.rowcount)


def make_jobs(windows: Sequence[Window], *, start: Bound, end: Bound, now: Micros, snapshot: Snapshot) -> Scanned:
    """Jobs of what is missing of the windows and nobody sees to, within the caps, as the regular scans would."""
    scope = Scope(series_ids=[window.series.pk for window in windows])
    return scan(scope=scope, now=now, snapshot=snapshot, lane=None, start=start, end=end)


def _job(window: Window) -> BackfillJob:
    series = window.series
    return BackfillJob(
        tier=series.tier_id,
        priority=Priority.HISTORY,
        symbol=series.instrument.symbol,
        interval=Interval(series.interval),
        start=from_us(window.start),
        end=from_us(window.end),
    )
