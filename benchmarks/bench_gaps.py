"""How fast what is missing is found among 10,000 series and 20 sessions of minutes, and how far the newest minutes are complete.

Rival: the same question asked a series at a time, by `coverage_of`, which counts slots in Python; of some of the series, scaled up.
python -m benchmarks gaps
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from statistics import median
from typing import Any

from django.db import connection

from benchmarks.rows import row
from collector.core.spans import spans_of, to_literal
from collector.models import Instrument, Series
from collector.selectors.coverage import coverage_of
from collector.selectors.gaps import Gap, find_gaps
from collector.selectors.marks import recent_slots
from collector.selectors.scopes import Scope
from providers.market.calendar import get_calendar
from providers.market.types import MINUTE_US, Interval, to_us
from providers.policy import Snapshot

SERIES, RIVAL_SERIES, SESSIONS = 10_000, 100, 20
FIRST, LAST = date(2025, 9, 2), date(2025, 9, 29)
NOW = to_us(datetime(2025, 9, 30, 12, tzinfo=UTC))
ROUNDS = 5


def run() -> list[dict[str, Any]]:
    """Medians of several rounds: a tenth of the series lacks something, then nothing is held at all."""
    series = _fill()
    found = _scan()
    rival_found = _one_by_one(series)
    assert {g.series_id for g in found if g.series_id <= series[-1].pk} == rival_found, "ours and the rival differ"
    ours = median(_seconds(_scan) for _ in range(ROUNDS))
    rival = median(_seconds(lambda: _one_by_one(series)) for _ in range(ROUNDS)) * SERIES / RIVAL_SERIES
    marks = median(_seconds(_count) for _ in range(ROUNDS))
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE collector_coverage")
    nothing_held = median(_seconds(_scan) for _ in range(ROUNDS))
    return [
        row("gap scan, 10,000 series × 20 sessions", ours=ours, rival=rival, ratio=rival / ours, target="<= 1", unit="s"),  # noqa: RUF001
        row("- when nothing at all is held (200,000 gaps)", ours=nothing_held, unit="s"),
        row("marks, last hour of 10,000 series", ours=marks, unit="s"),
    ]


def _scan() -> list[Gap]:
    return list(find_gaps(scope=Scope(), snapshot=Snapshot(), now=NOW, start=FIRST, end=LAST))


def _count() -> None:
    """As at the end of each live job, ten minutes before the end of the last session."""
    now = to_us(datetime(2025, 9, 29, 19, 50, tzinfo=UTC))
    counts = recent_slots(tier="T0", interval=Interval.M1, since=now - 60 * MINUTE_US, grace=0, snapshot=Snapshot(), now=now)
    assert {one.expected for one in counts} == {SERIES}


def _one_by_one(series: list[Series]) -> set[int]:
    """Series that lack something."""
    found = (coverage_of(series=[one], first=FIRST, last=LAST, now=NOW)[0] for one in series)
    return {one.pk for one, sessions in found if any(session.missing for session in sessions)}


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _fill() -> list[Series]:
    """Complete coverage, but for ten minutes of one session of each tenth series; the first series with their instruments."""
    instruments = Instrument.objects.bulk_create(
        Instrument(symbol=f"G{number:05d}", mic="XNAS", calendar="XNYS") for number in range(SERIES)
    )
    begins = datetime(2025, 1, 1, tzinfo=UTC)
    series = Series.objects.bulk_create(Series(instrument=one, tier_id="T0", collect_from=begins) for one in instruments)
    starts, days = get_calendar("XNYS").session_slots(Interval.M1, FIRST, LAST)
    sessions = sorted(set(days.tolist()))
    assert len(sessions) == SESSIONS
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE collector_coverage")
        for number, day in enumerate(sessions):
            held = starts[days == day]
            cursor.execute(
                """INSERT INTO collector_coverage (series_id, session, held, empty, void)
                   SELECT id, date '1970-01-01' + %s, CASE WHEN id %% 10 = 0 AND id / 10 %% %s = %s THEN %s ELSE %s END::tstzmultirange, '{}', '{}'
                   FROM collector_series WHERE id = ANY(%s)""",
                [
                    day, SESSIONS, number, to_literal(spans_of(held[(held < held[100]) | (held >= held[110])], MINUTE_US)),
                    to_literal(spans_of(held, MINUTE_US)), [one.pk for one in series],
                ],
            )  # fmt: skip
        cursor.execute("ANALYZE collector_coverage")
    return series[:RIVAL_SERIES]
