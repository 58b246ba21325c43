"""Clients that never read, read a byte a second, or only send nonsense: the others get every message, and memory stays bounded.

The long version also holds that the 99th percentile of the others is at most 1.5 times what it is without them.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.conf import settings

from collector.feed.ring import shared_ring
from marketdata_site.observability import clock
from tests.faults.hostile_readers import Hostile
from tests.faults.sizes import IS_LONG, sized
from tests.feed_support import bar, valkey
from tests.waiting import wait_until
from tests.web_server import running_process

ROOT = Path(__file__).resolve().parents[2]
READERS = sized(short=4, long=200)
PHASE_BATCHES, MESSAGES, PAUSE_S = sized(short=(100, 300, 0.01), long=(600, 20, 0.25))
"""Short: more in seconds than the bound allows by far, in frames above 64 KiB. Long: two and a half minutes without hostile readers,
and as long with them."""
OUTSTANDING_BYTES = 524_288
WINDOW = 2
"""Batches that are on their way at once: fewer bytes than the bound, so that no honest reader is closed however slow the machine is."""
GROWTH_BYTES = 20_000_000
"""Far below what four clients who read nothing would leave behind in the server without a bound: 10 MB each."""
FLOOR_MS = 20
"""Below it a ratio tells of the machine's other work."""


@pytest.fixture
def web(transactional_db: None) -> Iterator[tuple[str, int]]:
    """Address and process id of a web process that allows little."""
    shared_ring.cache_clear()
    client = valkey()
    client.flushall()
    client.close()
    with running_process(REDIS_URL=settings.REDIS_URL, MARKETDATA_FEED_OUTSTANDING_BYTES=str(OUTSTANDING_BYTES)) as found:
        yield found
    shared_ring.cache_clear()


@contextmanager
def readers(url: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.faults.feed_readers", url, str(READERS)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def publish(phase: int, honest: "subprocess.Popen[str]", hostile: list[Hostile]) -> None:
    for batch in range(1, PHASE_BATCHES + 1):
        begin = time.monotonic()
        number, is_last = phase * PHASE_BATCHES + batch, phase == 1 and batch == PHASE_BATCHES
        rows = [
            {**bar(f"S{n}", batch % 1440), "phase": phase, "sent": begin, "ends": 0, "last": False} for n in range(MESSAGES)
        ]
        rows[-1] |= {"ends": number, "last": is_last}
        payload = json.dumps(rows).encode()
        shared_ring().append(batch_id=number, count=MESSAGES, payload=payload, now=clock.now_us(), keep=100_000)
        for one in hostile:
            one.tick()
        if number > WINDOW:
            assert honest.stdout is not None
            assert honest.stdout.readline() == f"{number - WINDOW}\n"
        time.sleep(max(0.0, PAUSE_S - (time.monotonic() - begin)))


def counted(address: str, name: str) -> float:
    with urlopen(f"{address}/metrics", timeout=30) as answer:
        lines = [line.rpartition(" ") for line in answer.read().decode().splitlines()]
    return sum(float(value) for key, _, value in lines if key == name)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_readers_that_read_nothing_or_a_byte_a_second_cost_the_others_nothing_and_little_memory(web: tuple[str, int]) -> None:
    address, pid = web
    url = address.replace("http", "ws") + "/ws/feed"
    with readers(url) as honest, ExitStack() as until_the_end:
        publish(0, honest, [])
        closed = counted(address, 'ws_closed_total{code="4008"}')
        dropped = counted(address, "ws_dropped_messages_total")
        before = resident_bytes(pid)  # with all in it that the first look at its counts brings
        hostile = [
            Hostile(url, reads=0),
            Hostile(url, reads=1),
            Hostile(url, reads=0, nonsense=15),
            Hostile(url, reads=0, mode="latest"),
        ]
        for one in hostile:
            until_the_end.callback(one.close)
        publish(1, honest, hostile)
        grown = resident_bytes(pid) - before
        answer = json.loads(honest.communicate(timeout=120)[0].splitlines()[-1])
        wait_until(
            lambda: counted(address, 'ws_closed_total{code="4008"}') >= closed + 3,
            seconds=30,
            what="the ends of three of them",
        )
        assert counted(address, "ws_dropped_messages_total") > dropped
    assert answer["counts"] == [2 * PHASE_BATCHES * MESSAGES] * READERS
    assert grown < GROWTH_BYTES
    print(f"p99 without and with: {answer['p99_ms']} ms, memory grew by {grown / 1e6:.1f} MB")
    if IS_LONG:
        assert answer["p99_ms"]["1"] <= 1.5 * max(answer["p99_ms"]["0"], FLOOR_MS)
