"""How long `manage.py up` takes in a fresh home, servers of its own and the demo included, until the first page answers.

python -m benchmarks start
"""

import signal
import time
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.processes import children_of, cpu_s
from benchmarks.rows import row
from tests.acceptance.up import Up, fresh_home

ROUNDS = 3


def run() -> list[dict[str, Any]]:
    """Medians of some starts. Packages are installed and compiled: what `make` does once is not counted."""
    seconds, worked = zip(*(_start() for _ in range(ROUNDS)), strict=True)
    return [
        row("up in a fresh home, to the first page", ours=median(seconds), target="<= 15", unit="s"),
        row("- CPU of up and its programs until then, on all cores", ours=median(worked), unit="s"),
    ]


def _start() -> tuple[float, float]:
    """How long it took, and what it worked."""
    with fresh_home() as environment:
        begun = time.monotonic()
        up = Up(home=Path(environment["MARKETDATA_HOME"]), environment=environment)
        try:
            up.wait(lambda: _answers(f"http://127.0.0.1:{environment['MARKETDATA_WEB_PORT']}/"))
            took, pid = time.monotonic() - begun, up.process.pid
            return took, sum(cpu_s(one) for one in (pid, *children_of(pid)))
        finally:
            up.end(signal.SIGTERM)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False
