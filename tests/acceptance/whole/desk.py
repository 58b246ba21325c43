"""A whole service, as `make run` starts it, in a session that we choose; seen from outside."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import redis

from providers.simulator.launch import SimulatorControl
from tests.acceptance.up import PROJECT, TIMEOUT_SECONDS, Up, fresh_home

LEAD_S = 3
"""Of each minute so much is left when the clock is moved on to its end."""


@dataclass
class Desk:
    """`set_up` what is to be collected, let `minute` after minute pass, break things, and read what anybody could."""

    up: Up
    environment: Mapping[str, str]
    offset: Path
    vendors: SimulatorControl = field(init=False)

    def __post_init__(self) -> None:
        self.vendors = SimulatorControl(f"http://127.0.0.1:{self.environment['MARKETDATA_SIMULATOR_PORT']}")

    @property
    def url(self) -> str:
        """The web server's."""
        return f"http://127.0.0.1:{self.environment['MARKETDATA_WEB_PORT']}"

    def now(self) -> datetime:
        """The service's clock."""
        return datetime.now(UTC) + timedelta(seconds=float(self.offset.read_text()))

    def skip_to_the_end_of_the_minute(self) -> datetime:
        """What is left of the present minute is skipped; returns the start of the one that is about to end."""
        now = self.now()
        skipped = max(0.0, 60 - LEAD_S - (now.timestamp() % 60))
        _write(self.offset, float(self.offset.read_text()) + skipped)
        return now.replace(second=0, microsecond=0)

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """`manage.py` as an operator calls it."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )

    def get(self, address: str) -> Any:
        """What an endpoint answers."""
        with urlopen(f"{self.url}{address}", timeout=60) as answer:
            return json.loads(answer.read())

    def pages(self, address: str, name: str) -> list[dict[str, Any]]:
        """All entries of a list."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.get(f"{address}{'&' if '?' in address else '?'}limit=1000{after}")
            found += page[name]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    def counted(self, name: str, **labels: str) -> float:
        """A metric's value, summed over the series that have these labels."""
        with urlopen(f"{self.url}/metrics", timeout=60) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line.split("{")[0].split(" ")[0] == name]
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(text in line for text in wanted))

    def flush_valkey(self) -> None:
        """All of it: the feed's ring, the broker's messages, the budgets."""
        (socket,) = Path(self.environment["MARKETDATA_DATA_FOLDER"]).parent.rglob("valkey.sock")
        client = redis.Redis(unix_socket_path=str(socket))
        client.flushall()
        client.close()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Until the condition holds."""
        limit = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert self.up.process.poll() is None, self.up.log
            assert time.monotonic() < limit, f"waited in vain for {what}:\n{self.up.log[-20_000:]}"
            time.sleep(0.2)


@contextmanager
def running_desk(folder: Path, *, at: datetime, keys: Mapping[str, str]) -> Iterator[Desk]:
    """The service, ready, its clock at that time when it starts; `keys`: variables with vendors' keys."""
    offset = folder / "offset"
    _write(offset, at.timestamp() - time.time())
    with ExitStack() as stack:
        environment = stack.enter_context(fresh_home()) | dict(keys) | {"MARKETDATA_CLOCK_OFFSET": f"@{offset}"}
        up = Up(home=Path(environment["MARKETDATA_HOME"]), environment=environment)
        stack.callback(_end, up)
        up.wait_until_ready()
        yield Desk(up, environment, offset)


def _end(up: Up) -> None:
    if up.process.poll() is None:
        up.process.terminate()
        up.process.wait(TIMEOUT_SECONDS)


def _write(offset: Path, seconds: float) -> None:
    fresh = offset.with_suffix(".new")
    fresh.write_text(repr(seconds))
    os.replace(fresh, offset)
