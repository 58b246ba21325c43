"""What we already know of series when an answer about them is judged: how densely they trade, and whose silence was doubted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from django.db import connection

from collector.core.spans import NO_SPANS, Spans, from_multirange, spans_of, to_literal, union
from providers.market.calendar import Calendar
from providers.market.types import Interval, Micros, from_us

DENSITY_SESSIONS = 5
DENSITY_DAYS_BACK = 21
"""Long enough for five sessions around any holidays."""


def densities(*, series_ids: Sequence[int], calendar: Calendar, interval: Interval, before: Micros) -> dict[int, float]:
    """Share of expected slots that have a bar, over each series' last sessions up to `before`.

    Only sessions that the series has a coverage row for count; series without any are left out of the answer.
    """
    last = from_us(before).date()
    slots, days = calendar.session_slots(interval, last - timedelta(days=DENSITY_DAYS_BACK), last)
    slots, days = slots[slots < before], days[slots < before]
    sessions = np.unique(days)[-DENSITY_SESSIONS:]
    if not len(sessions) or not series_ids:
        return {}
    recent = slots[days >= sessions[0]]
    expected = dict(zip(*(values.tolist() for values in np.unique(days, return_counts=True)), strict=True))
    held: dict[int, float] = defaultdict(float)
    asked: dict[int, int] = defaultdict(int)
    for series_id, day, seconds in _held_seconds(series_ids, sessions.tolist(), spans_of(recent, interval.us)):
        held[series_id] += float(seconds)
        asked[series_id] += expected[day]
    return {series_id: held[series_id] * 1e6 / interval.us / count for series_id, count in asked.items()}


def _held_seconds(series_ids: Sequence[int], days: list[int], expected: Spans) -> list[tuple[int, int, float]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.series_id, c.session - '1970-01-01'::date,
                      coalesce((SELECT sum(extract(epoch FROM upper(r) - lower(r)))
                                FROM unnest(c.held * %s::tstzmultirange) r), 0)
               FROM collector_coverage c WHERE c.series_id = ANY(%s) AND c.session = ANY(%s)""",
            [to_literal(expected), list(series_ids), [date(1970, 1, 1) + timedelta(days=day) for day in days]],
        )
        rows: list[tuple[int, int, float]] = cursor.fetchall()
        return rows


def doubts(*, series_ids: Sequence[int], start: Micros, end: Micros) -> Mapping[int, Mapping[int, Spans]]:
    """Series → provider → spans within `[start, end)` where that provider's silence was not believed."""
    found: dict[int, dict[int, Spans]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT series_id, provider_id, range_agg(spans * tstzmultirange(tstzrange(%(start)s, %(end)s)))
               FROM collector_absence
               WHERE series_id = ANY(%(ids)s) AND NOT is_believed AND spans && tstzrange(%(start)s, %(end)s)
               GROUP BY 1, 2""",
            {"ids": list(series_ids), "start": from_us(start), "end": from_us(end)},
        )
        for series_id, provider_id, spans in cursor.fetchall():
            found[series_id][provider_id] = from_multirange(spans)
    return found


def doubted_by_others(doubted: Mapping[int, Spans], provider_id: int) -> Spans:
    """Union of what providers other than this one were doubted for."""
    others = [spans for other, spans in doubted.items() if other != provider_id]
    return union(*others) if others else NO_SPANS


def covered(*, series_ids: Sequence[int], start: Micros, end: Micros) -> dict[int, Spans]:
    """Series → spans within `[start, end)` that are held or proven empty; series with none are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT series_id, range_agg((held + empty) * tstzmultirange(tstzrange(%(start)s, %(end)s)))
               FROM collector_coverage
               WHERE series_id = ANY(%(ids)s) AND session BETWEEN %(first)s AND %(last)s GROUP BY 1""",
            {
                "ids": list(series_ids),
                "start": from_us(start),
                "end": from_us(end),
                "first": from_us(start).date() - timedelta(days=2),  # a session's date may lie a day past its first slot
                "last": from_us(end).date() + timedelta(days=2),
            },
        )
        return {series_id: from_multirange(spans) for series_id, spans in cursor.fetchall() if spans}
