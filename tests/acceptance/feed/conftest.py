"""Real web processes on the test database, which end before it is emptied."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from collector.feed.ring import shared_ring
from tests.feed_support import PATIENCE_SECONDS, valkey

START_SECONDS = 3 * PATIENCE_SECONDS
"""A process reads all its libraries, beside whatever else the machine does."""
ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Web:
    """A running web process."""

    process: "subprocess.Popen[str]"
    address: str

    @property
    def feed(self) -> str:
        """The feed's URL."""
        return f"ws://{self.address}/ws/feed"


def _url_of_test_database() -> str:
    database = connection.settings_dict
    return f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}&port={database['PORT'] or 5432}"


def start(*, module: str = "marketdata_site.serve", **variables: str) -> Web:
    """A process on the test database, which the caller ends; `module` is what it runs, with more environment variables."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--port", "0"],
        cwd=ROOT,
        env=_environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    giving_up = threading.Timer(START_SECONDS, process.kill)
    giving_up.start()
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"Listening on http://(\S+)", line):
                break
        else:
            pytest.fail("the web process did not start:\n" + "".join(said))
    finally:
        giving_up.cancel()
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return Web(process, found.group(1))


def _environment() -> dict[str, str]:
    ours = {"MARKETDATA_ROLE": "web", "DATABASE_URL": _url_of_test_database(), "REDIS_URL": settings.REDIS_URL}
    return {**os.environ, **ours}


def end(webs: Sequence[Web]) -> None:
    """Ask all of them to end, and wait."""
    for web in webs:
        web.process.terminate()
    for web in webs:
        web.process.wait(PATIENCE_SECONDS)
        if web.process.stdout is not None:
            web.process.stdout.close()


@pytest.fixture
def webs(transactional_db: None) -> Iterator[Callable[[], Web]]:
    """Start web processes."""
    shared_ring.cache_clear()
    client = valkey()
    client.flushall()
    client.close()
    running: list[Web] = []

    def another() -> Web:
        running.append(start())
        return running[-1]

    yield another
    end(running)
    shared_ring.cache_clear()
