"""What a real worker and a real web process leave of their work while tracing is on; that nothing is there while it is off."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.feed.ring import shared_ring
from collector.models import FeedBatch
from collector.partitions import forget_known
from collector.schemas import BarsFetchJob, Priority
from marketdata_site.celery import app
from ops.running.programs import Addresses, service_programs
from providers.market.types import Interval, from_us
from tests.acceptance.collecting.world import World, open_world
from tests.builders import us
from tests.integration.collector.reading import held
from tests.integration.collector.rows import make_series
from tests.waiting import wait_until
from tests.web_server import database_url, running

pytestmark = pytest.mark.django_db(transaction=True)
PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60
START, END = "2025-10-08 13:30", "2025-10-08 13:35"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    forget_known()
    shared_ring.cache_clear()
    app.control.purge()
    with open_world(monkeypatch) as opened:
        opened.set_clock("2025-10-08 13:35:05")
        opened.policy("polygon")
        yield opened
    app.control.purge()
    shared_ring.cache_clear()


@contextmanager
def worker(**variables: str) -> Iterator[None]:
    """The live worker as `up` starts it, with one process."""
    addresses = Addresses(host="127.0.0.1", web_port=1, simulator_port=1)
    program = next(p for p in service_programs(addresses, with_vendors=False) if p.name == "live")
    process = subprocess.Popen(
        [*program.command, "-c", "1", "--include", "tests.acceptance.tracing.telling"],
        cwd=PROJECT,
        env={**os.environ, **program.environment, "DATABASE_URL": database_url(), **variables},
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def one_job(tmp_path: Path, **variables: str) -> dict[str, Any]:
    """A job from fetch to publishing and a look at the objectives, in a worker with these variables; what it says of itself afterwards."""
    series, told = make_series(), tmp_path / "told.json"
    job = BarsFetchJob(
        tier="T0",
        priority=Priority.LIVE,
        symbols=["AAPL"],
        interval=Interval.M1,
        start=from_us(us(START)),
        end=from_us(us(END)),
    )
    with worker(**variables):
        app.send_task("collector.tasks.fetch_bars", [job.model_dump(mode="json")], queue="live.t0")
        app.send_task("ops.tasks.watch_objectives", queue="live.t0")
        app.send_task("tests.tell_state", [str(told)], queue="live.t0")
        wait_until(told.exists, seconds=PATIENCE_S, what="the end of the job")
    assert len(held(series)) == 5
    assert not FeedBatch.objects.filter(published_at=None).exists()
    state: dict[str, Any] = json.loads(told.read_text())
    return state


def calls(folder: Path, label: str) -> set[str]:
    """Functions that were called in the traces of that label."""
    events = (event for path in folder.glob(f"trace_{label}_*.json") for event in json.loads(path.read_text())["traceEvents"])
    return {event["name"].split(" ")[0] for event in events}


def test_worker_leaves_traces_of_fetch_write_publishing_and_objectives_and_is_its_old_self_afterwards(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "traces"
    state = one_job(tmp_path, VIZTRACER_ENABLED="true", VIZ_OUT_DIR=str(folder))
    assert "viztracer" in state["loaded"]
    assert state["hooks"] == [False, False]
    assert {"Turn.paid", "ask_provider", "VendorHttp.get"} <= calls(folder, "fetch")  # in the loop's thread
    assert "_Write.run" in calls(folder, "write")
    assert "_publish_row" in calls(folder, "publish")
    assert "_publish_row" not in calls(folder, "write")
    assert "measure" in calls(folder, "slo")


def test_worker_does_its_job_where_no_trace_can_be_written(world: World, tmp_path: Path) -> None:
    (tmp_path / "traces").write_text("a file where the folder should be")
    assert one_job(tmp_path, VIZTRACER_ENABLED="true", VIZ_OUT_DIR=str(tmp_path / "traces"))["hooks"] == [False, False]


def test_worker_imports_nothing_and_leaves_nothing_while_tracing_is_off(world: World, tmp_path: Path) -> None:
    state = one_job(tmp_path, VIZTRACER_ENABLED="false", VIZ_OUT_DIR=str(tmp_path / "traces"))
    assert state == {"loaded": [], "hooks": [False, False]}
    assert not (tmp_path / "traces").exists()


def test_web_process_leaves_traces_of_api_requests_by_their_view_and_of_nothing_else(tmp_path: Path) -> None:
    with running(VIZTRACER_ENABLED="true", VIZ_OUT_DIR=str(tmp_path)) as web:
        for path in ("/metrics", "/health"):
            with urllib.request.urlopen(f"{web}{path}", timeout=PATIENCE_S) as answer:
                assert answer.status == 200
        # The file is there before the answer is.
        assert [path.name.rpartition("_")[0] for path in tmp_path.iterdir()] == ["trace_api_health"]
        assert "health" in calls(tmp_path, "api_health")
