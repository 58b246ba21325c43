"""Our own web process on the test's database, for tests that speak to it over real HTTP or with a real browser."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from django.db import connection


@contextmanager
def running(*, errors: IO[bytes] | None = None, **variables: str) -> Iterator[str]:
    """The server's address while it runs, with more environment variables; `errors`: where its log goes.

    Needs `transactional_db`: the server sees only what is committed.
    """
    with running_process(errors=errors, **variables) as (address, _):
        yield address


@contextmanager
def running_process(*, errors: IO[bytes] | None = None, **variables: str) -> Iterator[tuple[str, int]]:
    """`running`, with the id of the process."""
    environment = {**os.environ, "MARKETDATA_ROLE": "web", "DATABASE_URL": database_url(), **variables}
    command = [sys.executable, "-m", "marketdata_site.serve", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        yield _address(process.stdout), process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def database_url() -> str:
    """The test database's, for processes of ours."""
    at = connection.settings_dict
    return f"postgresql://{at['USER']}@/{at['NAME']}?host={at['HOST']}&port={at['PORT']}"


def _address(lines: Iterator[str]) -> str:
    for line in lines:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise RuntimeError("the web process ended before it listened")
