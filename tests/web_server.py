"""Our own web processes on the test's database, for tests that speak to them over real HTTP and WebSockets or with a real browser.

They see only what is committed: such tests need `transactional_db`, and their processes end before the database is emptied.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from django.conf import settings
from django.db import connection

START_SECONDS = 120
"""A process reads all its libraries, beside whatever else the machine does."""
END_SECONDS = 60
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Web:
    """A running web process."""

    process: "subprocess.Popen[str]"
    address: str
    """Host and port."""

    @property
    def feed(self) -> str:
        """The feed's URL."""
        return f"ws://{self.address}/ws/feed"


def start(*, module: str = "marketdata_site.serve", port: int = 0, errors: IO[bytes] | None = None, **variables: str) -> Web:
    """A process that listens, which the caller ends; `module` is what it runs, with more environment variables. `errors`: where its log goes."""
    ours = {"MARKETDATA_ROLE": "web", "DATABASE_URL": database_url(), "REDIS_URL": settings.REDIS_URL}
    command = [sys.executable, "-m", module, "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **ours, **variables}, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    assert process.stdout is not None
    giving_up = threading.Timer(START_SECONDS, process.kill)
    giving_up.start()
    try:
        for line in process.stdout:
            if found := re.search(r"Listening on http://(\S+)", line):
                break
        else:
            pytest.fail("the web process did not start")
    finally:
        giving_up.cancel()
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return Web(process, found.group(1))


def end(webs: Sequence[Web]) -> None:
    """Ask all of them to end, and wait. Raises: TimeoutExpired, when none is left, for one that had to be killed."""
    with ExitStack() as every:
        for web in webs:
            web.process.terminate()
            every.callback(ended, web)


def ended(web: Web) -> None:
    """Wait for the end of one that was asked to. Raises: TimeoutExpired for one that had to be killed."""
    try:
        web.process.wait(END_SECONDS)
    finally:
        web.process.kill()
        web.process.wait()
        if web.process.stdout is not None:
            web.process.stdout.close()


@contextmanager
def running(*, port: int = 0, errors: IO[bytes] | None = None, **variables: str) -> Iterator[str]:
    """The server's address while it runs, with more environment variables; `errors`: where its log goes.

    Needs `transactional_db`: the server sees only what is committed.
    """
    with running_process(port=port, errors=errors, **variables) as (address, _):
        yield address


@contextmanager
def running_process(*, port: int = 0, errors: IO[bytes] | None = None, **variables: str) -> Iterator[tuple[str, int]]:
    """`running`, with the id of the process; port 0 is one that is free."""
    web = start(port=port, errors=errors, **variables)
    try:
        yield f"http://{web.address}", web.process.pid
    finally:
        end([web])


def database_url() -> str:
    """The test database's, for processes of ours."""
    at = connection.settings_dict
    return f"postgresql://{at['USER']}@/{at['NAME']}?host={at['HOST']}&port={at['PORT'] or 5432}"
