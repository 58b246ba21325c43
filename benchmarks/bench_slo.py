"""How long one run of the objectives' monitor takes among 10,000 instruments, in the middle of a session: all of them, and a sample.

Rival: the same question asked a series at a time, by `coverage_of`, which counts slots in Python; of some of the series, scaled up.
python -m benchmarks slo
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from statistics import median
from typing import Any

from django.db import connection
from django.test import override_settings

from benchmarks.rows import row
from collector.core.spans import spans_of, to_literal
from collector.models import Instrument, Series
from collector.selectors.coverage import coverage_of
from ops.models import SloSample
from ops.slo.running import run as run_monitor
from providers.market.calendar import get_calendar
from providers.market.types import MINUTE_US, SECOND_US, Interval, to_us
from providers.policy import Snapshot

SERIES, RIVAL_SERIES, ROUNDS = 10_000, 100, 9
FIRST, LAST = date(2025, 9, 22), date(2025, 9, 29)
NOON = to_us(datetime(2025, 9, 29, 16, tzinfo=UTC))
TARGET = "<= 0.25"


def run() -> list[dict[str, Any]]:
    """Medians. One series in ten lacks a minute of the last hour, one in a hundred is behind."""
    series = _fill()
    times = (NOON + at * 30 * SECOND_US for at in count())
    with override_settings(SLO_SAMPLE=0):
        _run(next(times))
        ours = median(_seconds(lambda: _run(next(times))) for _ in range(ROUNDS))
        newest = SloSample.objects.latest("at")
        assert (newest.sampled, newest.violating) == (SERIES, SERIES // 100)
    with override_settings(SLO_SAMPLE=200):
        sampled = median(_seconds(lambda: _run(next(times))) for _ in range(ROUNDS))
    rival = median(_seconds(lambda: _one_by_one(series)) for _ in range(ROUNDS)) * SERIES / RIVAL_SERIES
    return [
        row(
            "SLO run over 10,000 instruments, all looked at",
            ours=ours,
            rival=rival,
            ratio=rival / ours,
            target=TARGET,
            unit="s",
        ),
        row("- a sample of 200", ours=sampled, target=TARGET, unit="s"),
    ]


def _run(now: int) -> None:
    assert run_monitor(snapshot=Snapshot(), now=now) == 1


def _one_by_one(series: list[Series]) -> None:
    for one in series:
        coverage_of(series=[one], first=LAST, last=LAST, now=NOON)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _fill() -> list[Series]:
    """A week of coverage until beyond the last run; the first series with their instruments."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE collector_coverage, collector_series, ops_slosample, ops_slocount, ops_slorun CASCADE")
    instruments = Instrument.objects.bulk_create(
        Instrument(symbol=f"L{number:05d}", mic="XNAS", calendar="XNYS") for number in range(SERIES)
    )
    begins = datetime(2025, 1, 1, tzinfo=UTC)
    series = Series.objects.bulk_create(Series(instrument=one, tier_id="T0", collect_from=begins) for one in instruments)
    starts, days = get_calendar("XNYS").session_slots(Interval.M1, FIRST, LAST)
    known = starts < NOON + 20 * MINUTE_US
    starts, days = starts[known], days[known]
    ids = [one.pk for one in series]
    with connection.cursor() as cursor:
        for day in sorted(set(days.tolist())):
            held = starts[days == day]
            for number, part in (
                (0, held[held < NOON - 30 * MINUTE_US]),
                *((n, _holed(held, n)) for n in range(1, 11)),
                (11, held),
            ):
                cursor.execute(
                    """INSERT INTO collector_coverage (series_id, session, held, empty, void)
                       SELECT id, date '1970-01-01' + %s, %s::tstzmultirange, '{}', '{}' FROM unnest(%s::bigint[]) id""",
                    [
                        day,
                        to_literal(spans_of(part, MINUTE_US)),
                        [pk for place, pk in enumerate(ids) if _kind(place) == number],
                    ],
                )
        cursor.execute("ANALYZE collector_coverage, collector_series, collector_instrument")
    return series[:RIVAL_SERIES]


def _kind(place: int) -> int:
    """0: behind; 1 to 10: without a minute of the last hour; 11: complete."""
    if place % 100 == 0:
        return 0
    return place // 10 % 10 + 1 if place % 10 == 1 else 11


def _holed(held: Any, number: int) -> Any:
    return held[held != NOON - number * 4 * MINUTE_US]
