"""How long a scrape of `/metrics` takes with 10,000 instruments, 100,000 backfill jobs and eight counting processes. The target is absolute.

Once just after a minute closed, as at most scrapes, and once while collection stands still, when each series' newest bar has to be looked up.
python -m benchmarks metrics
"""

import os
import shutil
import time
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import time_machine
from django.db import connection
from django.test import Client

from benchmarks.rows import row
from collector import metrics as collecting
from collector.models import Instrument, Series
from collector.services.calendars import preload_calendars
from marketdata_site.observability.metrics import FOLDER_VARIABLE
from providers import metrics as providing
from providers.errors import MalformedAnswer, Throttled, VendorFault
from providers.market.types import MINUTE_US, Interval, from_us, to_us

INSTRUMENTS, PROCESSES, ROUNDS = 10_000, 8, 20
CLOSED = datetime(2025, 9, 29, 19, 50, tzinfo=UTC)
"""A minute's end in the last hour of a session; scraped ten seconds later."""
SESSIONS = [date(2025, 9, day) for day in (22, 23, 24, 25, 26, 29)]
_JOBS = """
INSERT INTO collector_backfill (series_id, start, "end", slots, lane, tier, state, attempts, due_at, lease, worker, is_solo, lost_alone,
                                pinned_provider, excluded_providers, times_requeued, tries, found_at, finished_at)
SELECT series[1 + n %% %(instruments)s], %(now)s - n * interval '1 hour', %(now)s - n * interval '1 hour' + interval '10 min', 10,
       CASE WHEN n %% 11 < 7 THEN 'recent' ELSE 'history' END, 'T' || n %% 3,
       CASE WHEN n <= 55000 THEN 'queued' WHEN n <= 65000 THEN 'dead' ELSE 'done' END,
       1, %(now)s, 0, '', false, 0, '', '{}', 0, '[]', %(now)s - n * interval '1 second', CASE WHEN n > 55000 THEN %(now)s END
FROM generate_series(1, 100000) n, (SELECT array_agg(id ORDER BY id) AS series FROM collector_series WHERE interval = '1m') s
"""
_LETTERS = """
INSERT INTO collector_deadletter (backfill_id, reason, fingerprint, provider, http_status, message, traceback, missing_minutes, died_at,
                                  discarded_by, discard_reason)
SELECT id, 'out_of_attempts', 'f', 'polygon', 500, 'HTTP 500', '', 10, %s, '', '' FROM collector_backfill WHERE state = 'dead'
"""
_COVERAGE = """
INSERT INTO collector_coverage (series_id, session, held, empty, void)
SELECT s.id, d, tstzmultirange(tstzrange(d + time '13:30', least(d + time '20:00', %s))), '{}', '{}'
FROM collector_series s, unnest(%s::date[]) AS d
"""


def run() -> list[dict[str, Any]]:
    """Medians of several scrapes over a client without a network."""
    with time_machine.travel(CLOSED.replace(second=10), tick=True):
        _fill()
        _count()
        preload_calendars(now=to_us(CLOSED))  # the library behind them takes a second, once in a process
        bytes_, well = _scrapes(from_us(to_us(CLOSED) - MINUTE_US))
        _, still = _scrapes(from_us(to_us(CLOSED) - 60 * MINUTE_US))
    return [
        row("/metrics, 10,000 instruments, 100,000 jobs", ours=well, target="<= 100", unit="ms"),
        row("- while collection stands still", ours=still, unit="ms"),
        row("- its size", ours=bytes_ / 1024, unit="KiB"),
    ]


def _scrapes(answered_through: datetime) -> tuple[int, float]:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE collector_series SET answered_through = %s", [answered_through])
    _vacuum()
    client, took, size = Client(), [], 0
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        answer = client.get("/metrics", headers={"host": "localhost"})
        took.append((time.perf_counter() - begun) * 1_000)
        assert b"\nmetrics_unread_gauges 0.0\n" in answer.content
        assert b'\ningestion_lag_seconds{interval="1m"} ' in answer.content
        size = len(answer.content)
    return size, median(took)


def _fill() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE collector_instrument, collector_backfill CASCADE")  # what other benchmarks left
    instruments = Instrument.objects.bulk_create(
        Instrument(symbol=f"M{number:05d}", mic="XNAS", calendar="XNYS") for number in range(INSTRUMENTS)
    )
    begins = datetime(2025, 1, 1, tzinfo=UTC)
    Series.objects.bulk_create(
        Series(instrument=one, interval=Interval.M1, tier_id=f"T{number % 3}", collect_from=begins)
        for number, one in enumerate(instruments)
    )
    with connection.cursor() as cursor:
        cursor.execute(_COVERAGE, [CLOSED, SESSIONS])
        cursor.execute(_JOBS, {"now": CLOSED, "instruments": INSTRUMENTS})
        cursor.execute(_LETTERS, [CLOSED])


def _vacuum() -> None:
    """As autovacuum leaves tables that live for longer than a benchmark."""
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM ANALYZE collector_instrument, collector_series, collector_coverage, collector_backfill, collector_deadletter"
        )


def _count() -> None:
    """What eight processes count about twelve providers."""
    codes = [Throttled("").code, VendorFault("").code, MalformedAnswer("").code]
    for provider in (f"vendor{number}" for number in range(12)):
        for capability, endpoint in (("bars_1m", "bars"), ("bars_1d", "bars"), ("quotes_l1", "quotes")):
            providing.selected(capability=capability, provider=provider)
            providing.refused(capability=capability, provider=provider, code="circuit_open", requests=1)
            for code in (None, *codes):
                providing.called(provider=provider, endpoint=endpoint, elapsed_ms=70, code=code)
        collecting.job_done(kind="bars", settled={provider: 1})
    collecting.write_batch_ms().observe(12)
    folder = Path(os.environ[FOLDER_VARIABLE])
    for file in list(folder.glob("*_0.db")):
        for number in range(1, PROCESSES):
            shutil.copy(file, folder / file.name.replace("_0", f"_{number}"))
