"""How soon 200 clients have what is published at a moderate pace: 10,000 deliveries a second."""

import time
from typing import NamedTuple

from benchmarks.feed.crowd import Task, crowd
from benchmarks.feed.messages import Publish
from benchmarks.feed.servers import Server
from benchmarks.feed.writing import committing

CLIENTS = 200
SINGLES, SINGLES_PAUSE_S = 100, 0.02
WRITES, BARS, WRITES_PAUSE_S = 50, 10, 0.2


class Latency(NamedTuple):
    """Of every bar at every client."""

    p50_ms: float
    p99_ms: float


def of_singles(server: Server) -> Latency:
    """From publish, of messages that are published alone, in whatever way the server is told."""
    with server.kind.publisher(server.valkey, "all") as publish:
        return _latency(server, publish, times=SINGLES, bars=1, pause_s=SINGLES_PAUSE_S)


def of_commits(server: Server) -> Latency:
    """From the commit of a worker's writes of ten bars each."""
    with committing(BARS) as publish:
        return _latency(server, publish, times=WRITES, bars=BARS, pause_s=WRITES_PAUSE_S)


def _latency(server: Server, publish: Publish, *, times: int, bars: int, pause_s: float) -> Latency:
    with crowd(Task(server.url, CLIENTS, "all", times * bars, "note")) as own:
        published = evenly(publish, times, pause_s=pause_s)
        notes = own.wait()["notes"]
    ascending = sorted(1_000 * (at - published[number]) for number, at in notes)
    return Latency(ascending[len(ascending) // 2], ascending[len(ascending) * 99 // 100])


def evenly(publish: Publish, times: int, *, pause_s: float) -> list[float]:
    """Publish so often; answer when each was."""
    begin = time.monotonic()
    published = []
    for number in range(times):
        published.append(publish(number))
        time.sleep(max(0.0, begin + pause_s * (number + 1) - time.monotonic()))
    return published
