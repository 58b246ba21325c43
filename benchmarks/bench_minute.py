"""From the close of a minute to a client's socket, by way of everything that runs in between, and what the processes then take.

Real are: beat, workers, web process, Postgres, Valkey, as `up` runs them, and one client. Simulated are the vendors, over HTTP, who publish a
bar one second after its close; the tier asks no sooner. The clock is moved on to shortly before each close. No rivals: targets are absolute.
python -m benchmarks minute
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Max

from benchmarks.minute.client import Watcher, watching
from benchmarks.minute.service import Service, running_service
from benchmarks.minute.universe import LATENESS_S, add
from benchmarks.rows import row
from collector.models import Backfill, FeedBatch
from collector.queues import ring_drain
from collector.services.gap_scan import scan_recent
from marketdata_site.observability.clock import now, now_us
from providers.services import policies

Row = dict[str, Any]
SESSION = datetime(2025, 10, 8, 15, 0, 10, tzinfo=UTC)
FEW, MANY = 1_000, 10_000
MINUTES, MANY_MINUTES = 6, 2
BEFORE = timedelta(minutes=8)
"""So much of a new symbol's past is collected at once: later minutes then read their overlap again, as in the middle of a session."""
OUTAGE_S, PATIENCE_S = 1_500, 120


def run() -> list[Row]:
    """A thousand symbols, then ten thousand of them, then what an outage left."""
    with running_service(SESSION) as service, watching(f"ws://127.0.0.1:{service.port}/ws/feed", "bars.1m.*") as client:
        add(0, FEW, collect_from=_whole(now()) - BEFORE)
        few = _after_close(service, client)
        add(FEW, MANY, collect_from=_whole(now()) - BEFORE)
        many = _end_to_end(service, client)
        return [*few, *many, *_memory(service)]


def _after_close(service: Service, client: Watcher) -> list[Row]:
    """Of every bar of some minutes, after one that also brought the past."""
    _pass(service, client, FEW)
    late = np.concatenate([np.repeat(*zip(*_pass(service, client, FEW), strict=True)) for _ in range(MINUTES)])
    p50, p99 = (float(np.percentile(late, share)) for share in (50, 99))
    name = f"minute's close to a client, {FEW:,} symbols, published after 1 s, asked for after {LATENESS_S} s"
    return [row(f"{name}, p50", ours=p50, unit="s"), row(f"{name}, p99", ours=p99, target="<= 2", unit="s")]


def _end_to_end(service: Service, client: Watcher) -> list[Row]:
    """The slowest of some minutes, from when the plan is due, again after one that brought the past."""
    _pass(service, client, MANY)
    commits, bars = [], []
    for _ in range(MANY_MINUTES):
        bars.append(max(late for late, _ in _pass(service, client, MANY)) - LATENESS_S)
        commits.append(_last_commit())
    return [
        row(
            f"a minute of {MANY:,} symbols, from its plan to the last bar at a client", ours=max(bars), target="<= 15", unit="s"
        ),
        row("- to the last commit", ours=max(commits), target="<= 15", unit="s"),
    ]


def _pass(service: Service, client: Watcher, symbols: int) -> list[tuple[float, int]]:
    """A minute to its end, and until the client has all of its bars: how long after the close so many came."""
    start = service.to_the_end_of_the_minute()
    came = client.wait(start, bars=symbols)
    return [(at - service.closed_at(start), count) for at, count in came]


def _last_commit() -> float:
    """Seconds since the last minute's plan was due, as the publisher saw it. A batch of one is a mark.

    The client has a batch before its row has the time: without all of them the newest would be one of the minute before.
    """
    _wait(lambda: not FeedBatch.objects.filter(published_at=None).exists(), "all batches to have their time")
    newest = FeedBatch.objects.filter(message_count__gt=1).aggregate(at=Max("published_at"))["at"]
    due = _whole(newest) + timedelta(seconds=LATENESS_S)
    seconds: float = (newest - due).total_seconds()
    return seconds


def _memory(service: Service) -> list[Row]:
    """After an outage that the worker of backfills has made good."""
    seconds = _outage(service)
    return [
        row(f"an outage of {MANY:,} symbols for {OUTAGE_S // 60} minutes, until it is made good", ours=seconds, unit="s"),
        *(
            row(f"memory of a process of {words}, {MANY:,} series", ours=service.memory_mb(program), target="<= 250", unit="MB")
            for program, words in (("live", "the live worker"), ("backfill", "the backfill worker"), ("web", "the web server"))
        ),
    ]


def _outage(service: Service) -> float:
    """Time that nobody collected in."""
    service.move(OUTAGE_S)
    begun = time.monotonic()
    scan_recent(now=now_us(), snapshot=policies.current())
    ring_drain()
    _wait(
        lambda: Backfill.objects.exists() and not Backfill.objects.exclude(state="done").exists(), "the outage to be made good"
    )
    return time.monotonic() - begun


def _wait(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(f"waited {PATIENCE_S} s in vain for {what}")
        time.sleep(0.1)


def _whole(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
