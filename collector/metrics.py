"""What is counted about collecting."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

from django.db import transaction

from marketdata_site.observability.metrics import MS_BUCKETS, Counter, Histogram
from marketdata_site.observability.trace import maybe_trace

NOBODY = "none"
"""The provider of a job of which nobody settled anything."""

JOBS_PROCESSED = Counter(
    "jobs_processed_total",
    "Jobs that ran to their end, by type and by the provider that settled most of their symbols; none when nobody settled any.",
    ["type", "provider"],
)
GAPS_FOUND = Counter(
    "gaps_found_total",
    "Gaps that scans found and nobody saw to yet, by interval. One that finds no room under a cap counts at each scan.",
    ["interval"],
)
BACKFILLS_ENQUEUED = Counter("backfill_jobs_enqueued_total", "Backfill jobs that scans made, by tier.", ["tier"])
MARKS = Counter(
    "feed_marks_total",
    "Slots of a tier that the feed was told of, by what was said: complete, or overdue with series missing.",
    ["tier", "interval", "state"],
)
GAPS_DROPPED = Counter(
    "gaps_dropped_total", "Gaps that found no room under their cap, by tier; later scans find them again.", ["tier"]
)
_making = threading.Lock()


@cache
def _write_batch_ms() -> Histogram:
    text = "Milliseconds from the begin of a transaction that writes one answer's bars or quotes until it is committed."
    return Histogram("write_batch_ms", text, buckets=MS_BUCKETS)


def write_batch_ms() -> Histogram:
    """Made by the first write: a metric without labels begins to count when it is made, and most processes that load this never write."""
    with _making:
        return _write_batch_ms()


@contextmanager
def one_write() -> Iterator[None]:
    """A transaction of the write path, timed and traced until it is committed; one that is rolled back is not counted.

    Both are ended by the first thing to be done on commit: telling the feed comes after it and is none of a write's time.
    """
    begun, trace = time.monotonic(), maybe_trace("write")

    def is_committed() -> None:
        write_batch_ms().observe((time.monotonic() - begun) * 1_000)
        trace.end()

    with trace, transaction.atomic():
        transaction.on_commit(is_committed, robust=True)
        yield


def gaps_found(*, interval: str, count: int) -> None:
    """Count gaps that a scan found and nobody saw to."""
    GAPS_FOUND.labels(interval).inc(count)


def backfills_enqueued(*, tier: str, count: int) -> None:
    """Count new jobs."""
    BACKFILLS_ENQUEUED.labels(tier).inc(count)


def gaps_dropped(*, tier: str, count: int) -> None:
    """Count gaps that found no room under a cap."""
    GAPS_DROPPED.labels(tier).inc(count)


def mark_told(*, tier: str, interval: str, is_complete: bool) -> None:
    """Count a mark."""
    MARKS.labels(tier, interval, "complete" if is_complete else "overdue").inc()


def job_done(*, kind: str, settled: Mapping[str, int]) -> None:
    """Count a job's end, once. `kind` is `bars`, `quotes` or `backfill`; `settled`: symbols by the provider that settled them."""
    most = max(settled, key=lambda name: (settled[name], name), default=NOBODY)
    JOBS_PROCESSED.labels(kind, most if settled.get(most) else NOBODY).inc()


BACKFILL_JOBS_COMPLETED = Counter(
    "backfill_jobs_completed_total", "Backfill jobs that ended, by tier and how: done or dead.", ["tier", "status"]
)


def backfill_completed(*, tier: str, status: str, count: int = 1) -> None:
    """Count the ends of jobs."""
    BACKFILL_JOBS_COMPLETED.labels(tier, status).inc(count)
