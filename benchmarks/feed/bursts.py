"""Throughput: messages as fast as they can be published, to many clients.

The servers take turns, so that each sees as much of what else the machine does.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import NamedTuple

from benchmarks.feed.crowd import Task, crowd
from benchmarks.feed.messages import Watch
from benchmarks.feed.servers import BARE, BARE_JOINED, DAPHNE, GROUPS, UVICORN, Kind, Server


class Burst(NamedTuple):
    """Clients, what each of them watches, how many messages, and in front of which servers."""

    clients: int
    watch: Watch
    messages: int
    messages_if_slow: int
    rivals: tuple[Kind, ...] = (GROUPS, BARE)
    rounds: int = 3

    @property
    def words(self) -> str:
        """In a row's name."""
        return f"{self.clients:,} clients, {'all symbols' if self.watch == 'all' else '10 symbols each'}"


MAIN = Burst(200, "all", 2_000, 75, (GROUPS, BARE, BARE_JOINED, UVICORN))
BURSTS = (
    Burst(50, "all", 3_000, 200),
    MAIN,
    Burst(1_000, "all", 500, 15, rounds=1),
    Burst(50, "ten", 3_000, 500),
    Burst(200, "ten", 3_000, 500),
    Burst(1_000, "ten", 1_000, 100, rounds=1),
)


class Speed(NamedTuple):
    """From the first publish until the last client has the last message. A delivery is one message at one client."""

    deliveries_per_s: float
    cpu_us: float
    """Of the server, for a delivery."""


def speeds(servers: Mapping[Kind, Server]) -> dict[tuple[Burst, Kind], Speed]:
    """The medians of the rounds; a slow server has one."""
    found: defaultdict[tuple[Burst, Kind], list[Speed]] = defaultdict(list)
    for one in BURSTS:
        for turn in range(one.rounds):
            for kind in (DAPHNE, *one.rivals):
                if turn == 0 or not kind.is_slow:
                    found[one, kind].append(_speed(servers[kind], one))
    return {key: Speed(*map(median, zip(*several, strict=True))) for key, several in found.items()}


def _speed(server: Server, one: Burst) -> Speed:
    messages = one.messages_if_slow if server.kind.is_slow else one.messages
    task = Task(server.url, one.clients, one.watch, messages, "count")
    with server.kind.publisher(server.valkey, one.watch) as publish, crowd(task) as own:
        begin, worked = time.monotonic(), server.cpu_s()
        for number in range(messages):
            publish(number)
        result = own.wait()
        worked = server.cpu_s() - worked
    return Speed(result["got"] / (result["end"] - begin), 1e6 * worked / result["got"])
