"""What a scenario has: a server, clients, and hands behind the server's back. And the list of all scenarios."""

import itertools
import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from collector.feed.publisher import publish
from collector.feed.ring import STREAM
from collector.models import FeedBatch
from tests.acceptance.feed.conformance.peer import PATIENCE_S, Json, Peer
from tests.acceptance.feed.conformance.record import Record
from tests.feed_support import Ledger, add_batch, bar, valkey
from tests.keys import new_peer
from tests.web_server import Web

READY: Json = {"ready_timeout_s": 60}
"""A machine that is busy with other things is no outage."""
BOUNDS: dict[str, Json] = {
    "usual": READY,
    "small": READY
    | {
        "heartbeat_s": 0.2,
        "max_connections": 10,
        "max_replay_messages": 600,
        "max_outstanding_bytes": 60_000,
        "latest_outstanding_bytes": 6_000,
    },
    "hasty": READY | {"subscribe_timeout_s": 1, "idle_timeout_s": 1, "introduction_s": 1},
    "doomed": READY,
    "cut off": {"ready_timeout_s": 0.5},
}
"""Of each server. The usual one is the server as it ships."""
ELSEWHERE: dict[str, dict[str, str]] = {"cut off": {"REDIS_URL": "unix:///nowhere/valkey.sock"}}
_symbols = itertools.count(1)


@dataclass
class Stage:
    """One scenario's."""

    web: Web
    webs: Callable[[str], Web]
    record: Record = field(default_factory=Record)
    peers: list[Peer] = field(default_factory=list)

    def peer(
        self,
        *,
        ledger: Ledger | None = None,
        headers: dict[str, str] | None = None,
        path: str = "/ws/feed",
        web: Web | None = None,
    ) -> Peer:
        """A connection; from this machine, so that it needs no key, unless headers say otherwise."""
        url = f"ws://{(web or self.web).address}{path}"
        self.peers.append(Peer(url, self.record, ledger=ledger, headers=headers))
        return self.peers[-1]

    def stranger(self, **headers: str) -> Peer:
        """A connection from elsewhere."""
        return self.peer(headers={"X-Forwarded-For": new_peer(), **headers})

    def symbol(self) -> str:
        """One that no other scenario has."""
        return f"T{next(_symbols)}.X"

    def publish(self, symbol: str, numbers: Sequence[int], *, size: int = 1, **more: Any) -> None:
        """Bars, some a batch."""
        ids = [add_batch([bar(symbol, n, **more) for n in numbers[i : i + size]]) for i in range(0, len(numbers), size)]
        publish(batch_ids=ids)

    def get(self, url: str) -> tuple[int, Json]:
        """Status and answer of an address of the server."""
        self.record.requested(url)
        try:
            with urlopen(f"http://{self.web.address}{url}", timeout=PATIENCE_S) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def empty_ring(self) -> None:
        """Only the rows are left."""
        with valkey() as client:
            client.delete(STREAM)

    def flush(self) -> None:
        """Valkey loses everything."""
        with valkey() as client:
            client.flushall()

    def forget_rows(self, *, upto: int) -> None:
        """Rows are deleted oldest first."""
        FeedBatch.objects.filter(seq_to__lte=upto).delete()

    def forget(self) -> None:
        """Nothing that was published so far is kept."""
        self.empty_ring()
        FeedBatch.objects.all().delete()

    def suspend(self) -> None:
        """The server does not come to work for a while."""
        os.kill(self.web.process.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """It goes on."""
        os.kill(self.web.process.pid, signal.SIGCONT)


@dataclass(frozen=True)
class Scenario:
    """A rule of the specification, and what shows on sockets when it is kept."""

    rule: str
    shows: frozenset[str]
    server: str
    run: Callable[[Stage], None]


SCENARIOS: list[Scenario] = []


def scenario(rule: str, *shows: str, server: str = "usual") -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Add a function to the list."""

    def add(run: Callable[[Stage], None]) -> Callable[[Stage], None]:
        SCENARIOS.append(Scenario(rule, frozenset(shows), server, run))
        return run

    return add
