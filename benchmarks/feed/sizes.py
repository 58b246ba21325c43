"""Bytes on the wire, and memory."""

import time

from benchmarks.feed.crowd import Task, crowd
from benchmarks.feed.latencies import evenly
from benchmarks.feed.servers import Kind, Server, running
from benchmarks.feed.writing import committing

WRITES, WRITES_PAUSE_S = 20, 0.05
FIRST, IDLE = 20, 1_000
"""Clients that come and go before memory is looked at, so that what a process needs once is not counted; and those that stay."""
SETTLE_S = 3.0
"""Daphne looks each second for connections that are gone."""


def bytes_per_bar(server: Server, *, bars: int, deflate: bool) -> float:
    """What a client's socket gets for a bar of writes of so many bars; heads and envelopes of frames included, TCP's not.

    `deflate`: the client offers compression, as browsers do; it is the server that takes it or not.
    """
    task = Task(server.url, 1, "all", WRITES * bars, "note", deflate)
    with committing(bars) as publish, crowd(task) as own:
        evenly(publish, WRITES, pause_s=WRITES_PAUSE_S)
        result = own.wait()
    size: float = result["bytes"] / result["got"]
    return size


def kb_per_idle_client(kind: Kind, *, deflate: bool) -> float:
    """What a fresh server's memory grows by for each client that is subscribed to ten symbols and has had a heartbeat."""
    with running(kind) as server:
        with crowd(Task(server.url, FIRST, "ten", 0, "idle", deflate)):
            pass
        time.sleep(SETTLE_S)
        before = server.resident_kb()
        with crowd(Task(server.url, IDLE, "ten", 0, "idle", deflate)) as own:
            own.wait()
            return (server.resident_kb() - before) / IDLE
