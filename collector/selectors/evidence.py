"""What we already know of series when an answer about them is judged: how densely they trade, and whose silence was doubted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from django.db import connection

from collector.core.spans import NO_SPANS, Spans, from_multirange, spans_of, to_literal, union
from collector.models import Bar, DailyBar
from providers.market.calendar import Calendar
from providers.market.types import Interval, Micros, from_us

DENSITY_SESSIONS = 5
DENSITY_DAYS_BACK = 21
"""Long enough for five sessions around any holidays."""


def densities(*, series_ids: Sequence[int], calendar: Calendar, interval: Interval, before: Micros) -> dict[int, float]:
    """Share of known slots that have a bar, over each series' last sessions up to `before`.

    Known: held or proven empty. A slot that nobody answered for says nothing: counted as empty, a vendor that stays mute long enough
    would make any series look thin, and then be believed. Series without a known slot are left out of the answer.
    """
    last = from_us(before).date()
    slots, days = calendar.session_slots(interval, last - timedelta(days=DENSITY_DAYS_BACK), last)
    slots, days = slots[slots < before], days[slots < before]
    sessions = np.unique(days)[-DENSITY_SESSIONS:]
    if not len(sessions) or not series_ids:
        return {}
    recent = spans_of(slots[days >= sessions[0]], interval.us)
    return {series_id: float(held) / float(known) for series_id, held, known in _seconds(series_ids, sessions.tolist(), recent)}


def _seconds(series_ids: Sequence[int], days: list[int], expected: Spans) -> list[tuple[int, float, float]]:
    """(series, seconds held, seconds held or empty) within the expected spans, of series that have any."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT series_id, held, known FROM (
                 SELECT c.series_id,
                        sum((SELECT sum(extract(epoch FROM upper(r) - lower(r))) FROM unnest(c.held * %(expected)s::tstzmultirange) r)) AS held,
                        sum((SELECT sum(extract(epoch FROM upper(r) - lower(r)))
                             FROM unnest((c.held + c.empty) * %(expected)s::tstzmultirange) r)) AS known
                 FROM collector_coverage c WHERE c.series_id = ANY(%(ids)s) AND c.session = ANY(%(days)s) GROUP BY 1) s
               WHERE known > 0""",
            {
                "expected": to_literal(expected),
                "ids": list(series_ids),
                "days": [date(1970, 1, 1) + timedelta(days=day) for day in days],
            },
        )
        return [(series_id, held or 0, known) for series_id, held, known in cursor.fetchall()]


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
    return _spans("held + empty", series_ids=series_ids, start=start, end=end)


def held(*, series_ids: Sequence[int], start: Micros, end: Micros) -> dict[int, Spans]:
    """Series → spans within `[start, end)` that have bars; series with none are left out."""
    return _spans("held", series_ids=series_ids, start=start, end=end)


def _spans(what: str, *, series_ids: Sequence[int], start: Micros, end: Micros) -> dict[int, Spans]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT series_id, range_agg(({what}) * tstzmultirange(tstzrange(%(start)s, %(end)s)))
                FROM collector_coverage
                WHERE series_id = ANY(%(ids)s) AND session BETWEEN %(first)s AND %(last)s GROUP BY 1""",  # noqa: S608 - one of two expressions
            {
                "ids": list(series_ids),
                "start": from_us(start),
                "end": from_us(end),
                "first": from_us(start).date() - timedelta(days=2),  # a session's date may lie a day past its first slot
                "last": from_us(end).date() + timedelta(days=2),
            },
        )
        return {series_id: from_multirange(spans) for series_id, spans in cursor.fetchall() if spans}


def sent_before(
    *, series_ids: Sequence[int], provider_id: int, interval: Interval, start: Micros, end: Micros
) -> frozenset[int]:
    """Those of the series of which bars in `[start, end)` are held from this provider; what was taken back is not."""
    if not series_ids:
        return frozenset()
    table = DailyBar if interval is Interval.D1 else Bar
    held = table.objects.filter(
        series_id__in=list(series_ids),
        provider_id=provider_id,
        start__gte=from_us(start),
        start__lt=from_us(end),
        withdrawn_by=None,
    )
    return frozenset(held.values_list("series_id", flat=True).distinct())
