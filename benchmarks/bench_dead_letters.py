"""How fast operators see and requeue dead jobs: 100,000 letters in lists and counts, 20,000 requeued at once. All targets are absolute.

python -m benchmarks dead_letters
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

from benchmarks.rows import row
from collector.models import Backfill, BackfillState, Instrument, Series, Tier
from collector.selectors.dead_letters import LetterFilter, letter_as_json
from ops import dead_letters
from ops.actors import of_command
from ops.bulk import operating, reading
from ops.bulk.advancing import advance
from ops.models import BulkKind

LETTERS, SERIES, AT_ONCE = 100_000, 1_000, 20_000
ROUNDS = 20
NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
_JOBS = """
INSERT INTO collector_backfill (series_id, start, "end", slots, lane, tier, state, attempts, due_at, lease, worker, is_solo, lost_alone,
                                pinned_provider, excluded_providers, times_requeued, tries, found_at, finished_at)
SELECT series[1 + n %% %s], %s::timestamptz - n * interval '1 hour', %s::timestamptz - n * interval '1 hour' + interval '10 min', 10, 'recent',
       'T' || n / 1000 %% 2, 'dead', 8, %s, 0, '', false, 0, '', '{}', 0,
       '[{"at": null, "provider": "polygon", "code": "http_500", "message": "HTTP 500", "http_status": 500}]', %s, %s
FROM generate_series(1, %s) n,
     (SELECT array_agg(s.id) AS series FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id WHERE i.symbol LIKE 'D_____') s
"""
_LETTERS = """
INSERT INTO collector_deadletter (backfill_id, reason, fingerprint, provider, http_status, message, traceback, missing_minutes, died_at,
                                  discarded_by, discard_reason)
SELECT id, 'out_of_attempts', 'f' || id %% 40, 'polygon', 500, 'polygon answered HTTP 500', '', 10, %s::timestamptz - id * interval '1 second', '', ''
FROM collector_backfill
"""


def run() -> list[dict[str, Any]]:
    """The 95th percentile of several rounds; the requeue once."""
    _fill()
    actor = of_command()
    named = [
        ("dead letters, list of 100", lambda: _list(LetterFilter())),
        ("- filtered by symbol and tier", lambda: _list(LetterFilter(symbol="D00007", tier="T0"))),
        ("- filtered by fingerprint", lambda: _list(LetterFilter(fingerprint="f7"))),
        ("- stats", lambda: dead_letters.stats(actor, now=NOW)),
    ]
    rows = [row(name, ours=_p95(work), target="<= 300", unit="ms") for name, work in named]
    begun = time.perf_counter()
    done = dead_letters.requeue_many(actor, which=LetterFilter(tier="T0"), limit=AT_ONCE, now=NOW)
    seconds = time.perf_counter() - begun
    assert done.requeued == Backfill.objects.filter(state=BackfillState.QUEUED).count() == AT_ONCE
    return [*rows, row("- requeue-all of 20,000", ours=seconds, target="<= 5", unit="s"), *_bulk()]


def _bulk() -> list[dict[str, Any]]:
    """A bulk operation on 20,000 others, as operators meet it, and the first chunk of a discard, whose chunks are the largest."""
    actor = of_command()
    newest = LetterFilter(tier="T1", newer_than=NOW - timedelta(seconds=2 * AT_ONCE))
    begun = time.perf_counter()
    started = operating.start(actor, kind=BulkKind.DISCARD, fitting=newest, now=NOW)
    accepted = time.perf_counter() - begun
    assert started.matched == AT_ONCE
    begun = time.perf_counter()
    advance(operation_id=started.pk, now=NOW)
    chunk = 1_000 * (time.perf_counter() - begun)
    return [
        row("- bulk operation on 20,000, to accept", ours=accepted, target="<= 5", unit="s"),
        row("- a chunk of 1,000", ours=chunk, unit="ms"),
        row("- its progress", ours=_p95(lambda: reading.show(actor, operation_id=started.pk)), target="<= 300", unit="ms"),
    ]


def _list(fitting: LetterFilter) -> None:
    page = dead_letters.page(of_command(), fitting=fitting)
    assert [letter_as_json(letter) for letter in page.letters]


def _p95(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        took.append(1_000 * (time.perf_counter() - begun))
    return float(np.percentile(took, 95))


def _fill() -> None:
    Tier.objects.filter(code="T0").update(backfill_cap=2 * AT_ONCE)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE collector_backfill CASCADE")
        instruments = Instrument.objects.bulk_create(
            Instrument(symbol=f"D{number:05d}", mic="XNAS", calendar="XNYS") for number in range(SERIES)
        )
        Series.objects.bulk_create(Series(instrument=one, tier_id="T0") for one in instruments)
        cursor.execute(_JOBS, [SERIES, NOW, NOW, NOW, NOW, NOW, LETTERS])
        cursor.execute(_LETTERS, [NOW])
        cursor.execute("ANALYZE collector_backfill")
        cursor.execute("ANALYZE collector_deadletter")
