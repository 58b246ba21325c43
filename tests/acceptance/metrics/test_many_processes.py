"""`/metrics` of a real web process adds up what real workers count, whichever of their processes end, and however."""

import contextlib
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketdata_site.celery import app
from marketdata_site.observability.slots import KINDS
from ops.running.programs import Addresses, service_programs
from tests.acceptance.metrics.counting import CALLS_MS, KEPT_BACK
from tests.feed_support import valkey
from tests.integration.collector.rows import make_provider, make_series
from tests.waiting import wait_until
from tests.web_server import database_url, running

pytestmark = pytest.mark.django_db(transaction=True)
PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60
QUEUES = {"live": "plan", "backfill": "backfill"}
RECYCLED = ("--max-tasks-per-child", "3")
PROCESSES = 4
"""Of three workers' processes and the web process. A recycled one may overlap with its heir."""


class Service:
    """Workers as `up` starts them, and the web process that is scraped."""

    def __init__(self, *, folder: Path) -> None:
        self.folder, self.web = folder, ""
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        addresses = Addresses(host="127.0.0.1", web_port=1, simulator_port=1)
        program = next(p for p in service_programs(addresses, with_vendors=False) if p.name == name)
        ours = {"DATABASE_URL": database_url(), "PROMETHEUS_MULTIPROC_DIR": str(self.folder)}
        self.workers[name] = subprocess.Popen(
            [*program.command, *RECYCLED, "--include", "tests.acceptance.metrics.counting"],
            cwd=PROJECT,
            env={**os.environ, **program.environment, **ours},
            start_new_session=True,
        )

    def kill(self, name: str) -> None:
        """All of its processes; back when the broker knows: it gives a message to whoever still seems to listen."""
        group = self.workers[name].pid
        os.killpg(group, signal.SIGKILL)
        self.workers.pop(name).wait()
        wait_until(lambda: not _is_there(group), seconds=PATIENCE_S, what="the end of the worker's children")
        valkey().ping()

    def count(self, worker: str, jobs: int, *, provider: str, code: str | None = None) -> None:
        for _ in range(jobs):
            app.send_task("tests.count_one_job", [provider, code], queue=QUEUES[worker], ignore_result=True)

    def scraped(self) -> dict[str, float]:
        """Every sample of ours by its name and labels."""
        with urllib.request.urlopen(f"{self.web}/metrics", timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
        return {
            name: float(value) for name, value in re.findall(r"^((?:provider|jobs|write)_\S+) (\S+)$", text, flags=re.MULTILINE)
        }

    def wait_for(self, expected: dict[str, float]) -> None:
        """Until these samples are shown; on the way nothing may go back."""
        seen: dict[str, float] = {}

        def is_reached() -> bool:
            nonlocal seen
            before, seen = seen, self.scraped()
            assert [name for name, worker in self.workers.items() if worker.poll() is not None] == []
            assert [name for name in before if seen.get(name, 0) < before[name]] == []
            return all(seen.get(name) == value for name, value in expected.items())

        wait_until(is_reached, seconds=PATIENCE_S, what=f"{expected}, last seen {seen}")


def _is_there(group: int) -> bool:
    """Whether a process of the group lives that is more than a number for whoever has not asked what became of it."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone meanwhile
            state = path.read_text().rpartition(")")[2].split()
            if int(state[2]) == group and state[0] != "Z":
                return True
    return False


@pytest.fixture
def service(tmp_path: Path, broker: None) -> Iterator[Service]:
    make_series()
    make_provider()
    started = Service(folder=tmp_path)
    try:
        for name in QUEUES:
            started.start(name)
        with running(PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) as started.web:
            yield started
    finally:
        for name in list(started.workers):
            started.kill(name)


@pytest.fixture
def broker() -> Iterator[None]:
    """Empty queues before and after."""
    purge: Callable[[], object] = app.control.purge
    purge()
    yield
    purge()


def _expected(provider: str, jobs: int, *, code: str = "", errors: int = 0) -> dict[str, float]:
    bars = f'endpoint="bars",provider="{provider}"'
    shown: dict[str, float] = {
        f'provider_selected_total{{capability="bars_1m",provider="{provider}"}}': jobs,
        f'jobs_processed_total{{provider="{provider}",type="bars"}}': jobs,
        f'provider_refusals_total{{capability="bars_1m",code="circuit_open",provider="{provider}"}}': jobs * KEPT_BACK,
        f"provider_latency_ms_count{{{bars}}}": jobs * len(CALLS_MS),
        f"provider_latency_ms_sum{{{bars}}}": jobs * sum(CALLS_MS),
        f'provider_latency_ms_bucket{{endpoint="bars",le="100.0",provider="{provider}"}}': jobs * 2,
        f'provider_latency_ms_bucket{{endpoint="bars",le="+Inf",provider="{provider}"}}': jobs * 3,
    }
    return {**shown, f'provider_errors_total{{code="{code}",{bars}}}': errors} if code else shown


def test_metrics_add_up_and_never_go_back_when_workers_are_recycled_killed_and_started_again(service: Service) -> None:
    service.count("live", 12, provider="polygon")
    service.count("backfill", 8, provider="polygon", code="throttled")
    service.count("live", 5, provider="alpaca")
    first = {**_expected("polygon", 20, code="throttled", errors=8), **_expected("alpaca", 5), "write_batch_ms_count": 25}
    service.wait_for(first)

    service.kill("live")
    assert first.items() <= service.scraped().items()
    service.start("live")
    service.count("live", 6, provider="polygon")
    second = {**_expected("polygon", 26, code="throttled", errors=8), **_expected("alpaca", 5)}
    service.wait_for({**second, "write_batch_ms_count": 31, 'write_batch_ms_bucket{le="+Inf"}': 31})
    assert len(list(service.folder.glob("*.db"))) <= len(KINDS) * (PROCESSES + 2)
