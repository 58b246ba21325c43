"""The service as `up` runs it: web, two live processes, backfill, maintenance and beat, with vendors beside it that are simulated."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.minute.universe import begin_anew
from benchmarks.processes import children_of, resident_kb
from marketdata_site.observability.clock import OFFSET_VARIABLE, now, offset_seconds
from marketdata_site.observability.metrics import FOLDER_VARIABLE
from providers.simulator.launch import start_simulator_process
from providers.simulator.options import SimulatorOptions
from tests.acceptance.up import TIMEOUT_SECONDS, Up, free_ports

LEAD_S = 2
"""Of each minute so much is left when the clock is moved on: its end, and what follows, pass as everywhere."""


@dataclass(frozen=True, slots=True)
class Service:
    """One that runs. Its clock is moved by whole seconds: beat follows the machine's clock and must see the same ones."""

    up: Up
    port: int
    offset: Path

    def to_the_end_of_the_minute(self) -> datetime:
        """Move the clock to shortly before it; answers the start of the minute that ends."""
        start = now().replace(second=0, microsecond=0)
        left = (start + timedelta(minutes=1) - now()).total_seconds()
        self.move(max(0, int(left - LEAD_S)))
        return start

    def move(self, seconds: int) -> None:
        """Move everybody's clock on."""
        _write(self.offset, round(offset_seconds()) + seconds)

    def closed_at(self, start: datetime) -> float:
        """When a minute ended, by the machine's clock."""
        return start.timestamp() + 60 - offset_seconds()

    def memory_mb(self, program: str) -> float:
        """Of the largest of the program's processes."""
        pid = self.up.pids[program]
        return max(resident_kb(one) for one in (pid, *children_of(pid))) / 1024


@contextmanager
def running_service(at: datetime) -> Iterator[Service]:
    """Ready, with a provider and no symbol, its clock near that time when it starts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-minute-")))
        offset = folder / "offset"
        _write(offset, round(at.timestamp() - time.time()))
        os.environ[OFFSET_VARIABLE] = f"@{offset}"
        stack.callback(os.environ.pop, OFFSET_VARIABLE)
        vendors = stack.enter_context(start_simulator_process(SimulatorOptions(rates={"alpaca": 0})))
        begin_anew(vendors.url)
        (port,) = free_ports(1)
        more = {
            "MARKETDATA_HOME": str(folder / "home"),
            "MARKETDATA_WEB_PORT": str(port),
            FOLDER_VARIABLE: str(folder / "metrics"),
        }
        up = Up(home=folder / "home", environment={**os.environ, **more})
        stack.callback(_end, up)
        up.wait_until_ready()
        yield Service(up, port, offset)


def _end(up: Up) -> None:
    up.process.terminate()
    up.process.wait(TIMEOUT_SECONDS)


def _write(offset: Path, seconds: int) -> None:
    fresh = offset.with_suffix(".new")
    fresh.write_text(str(seconds))
    fresh.replace(offset)
