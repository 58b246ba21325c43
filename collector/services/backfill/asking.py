"""What a batch asks the providers for: its span, and where silence alone proves nothing, a span with the bars held on either side."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db import connection

from collector.models import Bar, DailyBar
from collector.models.backfills import Backfill, Lane
from collector.schemas import BarsFetchJob, Priority
from collector.services.collecting import collect_bars
from collector.services.failover import Unanswered
from marketdata_site.observability.clock import now_us
from providers.loop import EventLoopThread
from providers.market.types import Adjustment, Hours, Interval, Micros, from_us, to_us

Span = tuple[Micros, Micros]
MOST_BRACKETS = 20
"""Questions with different brackets that one batch asks; what is left over then waits for its next try."""
REACH = timedelta(days=7)
REACH_DAILY = timedelta(days=60)
"""How far away a bar may lie that brackets a silence."""
_PRIORITIES = {Lane.RECENT: Priority.RECENT, Lane.HISTORY: Priority.HISTORY}
Whys = dict[int, tuple[Unanswered, ...]]


def ask(jobs: Sequence[Backfill], *, span: Span, loop: EventLoopThread, until: float) -> Whys:
    """Ask for that span of the jobs' series, which have all else in common; why some are unanswered, by job.

    `until`: on the monotonic clock, when nobody is to be asked for anything more.
    """
    first = jobs[0]
    by_symbol = {job.series.instrument.symbol: job.pk for job in jobs}
    question = BarsFetchJob(
        tier=first.tier,
        priority=_PRIORITIES[Lane(first.lane)],
        symbols=list(by_symbol),
        mic=first.series.instrument.mic,
        provider=first.pinned_provider or None,
        exclude=first.excluded_providers,
        interval=Interval(first.series.interval),
        hours=Hours(first.series.hours),
        adjustment=Adjustment(first.series.adjustment),
        start=from_us(span[0]),
        end=from_us(span[1]),
    )
    collected = collect_bars(question, now=now_us(), loop=loop, kind="backfill", until=until)
    return {by_symbol[name]: why.everyone for name, why in collected.unanswered.items() if name in by_symbol}


def ask_with_brackets(jobs: Sequence[Backfill], *, loop: EventLoopThread, until: float) -> Whys:
    """Ask again from the bar held before the span to the bar held behind it, one question for all jobs with the same two.

    A vendor that sends those two and nothing between them is not mute.
    """
    whys: Whys = {}
    for span, members in list(_by_bracket(jobs).items())[:MOST_BRACKETS]:
        if time.monotonic() >= until:
            break
        whys |= ask(members, span=span, loop=loop, until=until)
    return whys


def span_of(job: Backfill) -> Span:
    """The job's span in µs."""
    return to_us(job.start), to_us(job.end)


def _by_bracket(jobs: Sequence[Backfill]) -> Mapping[Span, list[Backfill]]:
    """Jobs by their bracket, the most at once first; those that no held bar brackets are left out."""
    found = _brackets(jobs)
    grouped: dict[Span, list[Backfill]] = {}
    for job in jobs:
        if found[job.series_id] != span_of(job):
            grouped.setdefault(found[job.series_id], []).append(job)
    return dict(sorted(grouped.items(), key=lambda item: -len(item[1])))


def _brackets(jobs: Sequence[Backfill]) -> dict[int, Span]:
    """Series → from the newest bar before the jobs' span to the end of the oldest behind it; the span's own end where there is none."""
    first, interval = jobs[0], Interval(jobs[0].series.interval)
    table, reach = (DailyBar, REACH_DAILY) if interval is Interval.D1 else (Bar, REACH)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT s.id,
                  (SELECT max(b.start) FROM {table._meta.db_table} b
                   WHERE b.series_id = s.id AND b.start >= %(low)s AND b.start < %(start)s AND b.withdrawn_by IS NULL),
                  (SELECT min(b.start) FROM {table._meta.db_table} b
                   WHERE b.series_id = s.id AND b.start >= %(end)s AND b.start < %(high)s AND b.withdrawn_by IS NULL)
                FROM unnest(%(ids)s::bigint[]) AS s(id)""",  # noqa: S608 - one of two tables; values are bound
            {
                "ids": [job.series_id for job in jobs],
                "low": first.start - reach,
                "start": first.start,
                "end": first.end,
                "high": first.end + reach,
            },
        )
        start, end = span_of(first)
        return {
            series_id: (to_us(before) if before else start, to_us(behind) + interval.us if behind else end)
            for series_id, before, behind in cursor.fetchall()
        }
