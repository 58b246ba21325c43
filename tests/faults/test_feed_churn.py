"""Whatever is done to clients, web processes and Valkey, each client ends with what was published, and every hole was announced to it.

Some follow all series, some a single one; half are the Python client, half the plain procedure of docs/feed.md. Their lines are cut,
they pause, crash and stay away, for longer than the ring holds and for longer than rows are kept; both web processes end and come
back; Valkey is flushed. One seed decides all of it, but for the order in which a machine comes to do things.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from collector.feed.ring import shared_ring
from tests.faults.churn.pair import Pair
from tests.faults.churn.proof import Place, Report, faults, newest_of
from tests.faults.churn.publishing import Publisher
from tests.faults.churn.reporting import read_report
from tests.faults.churn.world import told
from tests.faults.sizes import seed, sized
from tests.feed_support import valkey
from tests.waiting import wait_until
from tests.web_server import ROOT

CLIENTS, MESSAGES, PAUSE_S, STEP = sized(short=(20, 4_000, 0.04, 200), long=(200, 18_000, 0.2, 600))
"""Clients; messages, of which each write has as many as there are series, with a pause; messages between two blows to a client."""
SERIES = 20
RESTARTS, FLUSHES = sized(short=(2, 2), long=(16, 6))
RING = 1_000
"""The least that can be set."""
KEPT = 2 * RING
"""Messages whose rows are kept."""
FORGET_EVERY = 10
"""Writes."""
PATIENCE_S = 300
MOST = 10
"""How many times as much is written before a fault that has to happen counts as missing."""
ALL = ("bars.1m.*", "bars.*.*")
FIRST = ("leave_for_longer_than_the_ring_holds", "leave_until_it_is_forgotten", "cut", "pause", "crash")


@dataclass
class Clients:
    """A process of clients of one kind."""

    process: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)

    def tell(self, line: str) -> None:
        """A line of news."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def has_said(self, *words: str) -> bool:
        """Raises: AssertionError when it ended without having said so."""
        has_ended = self.process.poll() is not None
        has_said = set(words) <= set(self.said)
        assert has_said or not has_ended, f"a process of clients ended before it said {words}"
        return has_said

    def listen(self) -> None:
        """Hear what it says, in a thread."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())


def fates(kind: str, chance: str) -> list[dict[str, Any]]:
    """Who the clients are: every fourth one follows all series."""
    return [
        {
            "name": f"{chance}-{kind}-{number}",
            "channels": [ALL[number // 4 % 2] if number % 4 == 0 else f"bars.1m.S{number % SERIES}"],
            "first": FIRST[number % len(FIRST)],
        }
        for number in range(CLIENTS // 2)
    ]


@contextmanager
def clients(kind: str, *, chance: str, addresses: Sequence[str], folder: Path) -> Iterator[Clients]:
    about = {"kind": kind, "addresses": addresses, "folder": str(folder), "ring": RING + SERIES, "step": STEP}
    command = [sys.executable, "-m", "tests.faults.churn.clients", json.dumps(about | {"clients": fates(kind, chance)})]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python" / "src")}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=-1, stdout=-1, text=True)
    made = Clients(process)
    listening = Thread(target=made.listen)
    listening.start()
    try:
        yield made
    finally:
        process.kill()
        listening.join()
        print(f"{kind}: {', '.join(made.said)}")
        process.communicate()


@pytest.fixture
def feed(transactional_db: None, settings: Any) -> Iterator[dict[str, str]]:
    """An empty feed that keeps little, and what to tell web processes of it."""
    settings.FEED_RING_MESSAGES, settings.FEED_BATCH_HOURS = RING, 0
    shared_ring.cache_clear()
    with valkey() as client:
        client.flushall()
    yield {"MARKETDATA_FEED_BATCH_HOURS": "0", "MARKETDATA_FEED_OUTSTANDING_BYTES": "65536"}
    shared_ring.cache_clear()


def flush() -> None:
    with valkey() as client:
        client.flushall()


def publish(publisher: Publisher, pair: Pair, both: Sequence[Clients]) -> Place:
    """Write, and disturb, until everything that has to happen has happened; where the feed then stands."""
    blows: list[tuple[float, Callable[[], None]]] = [
        *((MESSAGES * (number + 0.5) / RESTARTS, pair.restart) for number in range(RESTARTS)),
        *((MESSAGES * (number + 0.8) / FLUSHES, flush) for number in range(FLUSHES)),
    ]
    blows.sort(key=lambda blow: blow[0])
    writes = 0
    while publisher.published < MESSAGES or not all(one.has_said("hole", "deep") for one in both):
        assert publisher.published < MOST * MESSAGES, "no client was away for long"
        begin = time.monotonic()
        publisher.write()
        writes += 1
        if writes % FORGET_EVERY == 0:
            publisher.sweep()
            publisher.forget(keep=KEPT)
        while blows and blows[0][0] <= publisher.published:
            blows.pop(0)[1]()
        tell(publisher, both)
        time.sleep(max(0.0, PAUSE_S - (time.monotonic() - begin)))
    pair.ready()
    publisher.write()
    publisher.sweep()
    return publisher.top


def tell(publisher: Publisher, both: Sequence[Clients], end: Place | None = None) -> None:
    for one in both:
        one.tell(told(published=publisher.published, top=publisher.top, forgotten=publisher.forgotten, end=end))


def test_each_client_ends_with_what_was_published_and_every_hole_was_announced(feed: dict[str, str], tmp_path: Path) -> None:
    chance = seed()
    print(f"MARKETDATA_FAULTS_SEED={chance}")
    publisher = Publisher(series=SERIES, rng=random.Random(chance))
    publisher.write()
    with (
        Pair(**feed) as pair,
        clients("plain", chance=chance, addresses=pair.addresses, folder=tmp_path) as plain,
        clients("packaged", chance=chance, addresses=pair.addresses, folder=tmp_path) as packaged,
    ):
        both = (plain, packaged)
        wait_until(lambda: all(one.has_said("ready") for one in both), seconds=PATIENCE_S, what="all clients")
        end = publish(publisher, pair, both)
        tell(publisher, both, end)
        wait_until(lambda: all(one.has_said("done") for one in both), seconds=PATIENCE_S, what="the clients to have everything")
        assert len(pair.ended) == RESTARTS
    publisher.remember()
    log = publisher.log
    assert len(log) == publisher.published
    assert set(newest_of(log.values()).values()) == publisher.held()
    assert len({place.epoch for place in log}) > FLUSHES
    reports = [read_report(path) for path in sorted(tmp_path.glob("*.jsonl"))]
    assert len(reports) == CLIENTS
    summary(reports, publisher)
    assert {report.name: found[:5] for report in reports if (found := faults(log, report))} == {}


def summary(reports: Sequence[Report], publisher: Publisher) -> None:
    taken = [event for report in reports for event in report.taken]
    live = sum(event.is_live for event in taken)
    holes = sum(len(report.holes) for report in reports)
    print(f"{publisher.published} messages, {live} taken live, {len(taken) - live} from fills, {holes} holes told")
