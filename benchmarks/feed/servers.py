"""The servers that are compared, each in a process of its own while it is measured."""

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from benchmarks.feed.messages import Publisher, to_groups, to_ring
from benchmarks.processes import cpu_s, resident_kb

ROOT = Path(__file__).resolve().parents[2]
FILES = 4_096
MOST_CLIENTS = 2_000
"""Of one address. The feed's own bound is 1,000, and clients that are about to leave still count."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A server's program, where its WebSocket is, how it is told of a message, and whether it needs small bursts to come to an end."""

    name: str
    words: tuple[str, ...]
    path: str
    publisher: Publisher
    database: int
    """Of Valkey, for `apart`."""
    is_slow: bool = False


DAPHNE = Kind("daphne", ("-m", "marketdata_site.serve", "--port", "0"), "/ws/feed", to_ring, 2)
UVICORN = Kind("uvicorn", ("-m", "benchmarks.feed.serve_uvicorn"), "/ws/feed", to_ring, 3)
GROUPS = Kind("group_send", ("-m", "benchmarks.feed.serve_groups"), "/", to_groups, 4, is_slow=True)
BARE = Kind("websockets.broadcast", ("-m", "benchmarks.feed.serve_bare"), "/", to_ring, 5)
BARE_JOINED = Kind("websockets.broadcast, joined", ("-m", "benchmarks.feed.serve_bare", "joined"), "/", to_ring, 6)


@dataclass(frozen=True, slots=True)
class Server:
    """One that listens."""

    kind: Kind
    url: str
    pid: int
    valkey: str
    """The URL of what it reads."""

    def cpu_s(self) -> float:
        """What it has worked so far; unlike time it does not grow with what others do on the machine."""
        return cpu_s(self.pid)

    def resident_kb(self) -> int:
        """The process's memory (VmRSS)."""
        return resident_kb(self.pid)


@contextmanager
def running(kind: Kind, *, apart: bool = False) -> Iterator[Server]:
    """Start a server, wait until it listens, end it.

    `apart`: in a database of its own, so that several can run and be measured in turn, of which one reads what is published.
    """
    _allow_files()
    valkey = os.environ["REDIS_URL"]
    if apart:
        valkey = re.sub(r"db=\d+", f"db={kind.database}", valkey)
    more = {"REDIS_URL": valkey, "MARKETDATA_ROLE": "web", "MARKETDATA_FEED_CLIENT_CONNECTIONS": str(MOST_CLIENTS)}
    with TemporaryFile("w+") as said:
        process = subprocess.Popen([sys.executable, *kind.words], cwd=ROOT, env=os.environ | more, stdout=said, stderr=said)
        try:
            yield Server(kind, f"ws://{_address(process, said)}{kind.path}", process.pid, valkey)
        finally:
            process.terminate()
            process.wait()


def _address(process: "subprocess.Popen[bytes]", said: IO[str]) -> str:
    while process.poll() is None:
        said.seek(0)
        if found := re.search(r"on http://(127\.0\.0\.1:\d+)\b", said.read()):
            return found.group(1)
        time.sleep(0.05)
    said.seek(0)
    raise RuntimeError(f"the server did not start:\n{said.read()}")


def _allow_files() -> None:
    """A process holds 1,000 sockets here, and many shells allow 1,024 files; the processes that are started inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard), hard))
