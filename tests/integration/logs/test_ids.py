"""Ids of requests and tasks, through real processes: in answers, in every line of the log, and on to the tasks that are rung."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketdata_site.celery import app
from marketdata_site.observability import log_context
from ops.running.programs import WORKER_ENVIRONMENT
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import make_series
from tests.waiting import wait_until
from tests.web_server import database_url, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_postgres]
PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60
QUEUE = "speak"
OUR_KEY = "md_0123abcd_" + "Ab-_" * 10 + "xyz"


def _lines(path: Path) -> list[dict[str, Any]]:
    """Each whole line has to be an object."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Path]:
    """The log of a running worker."""
    app.control.purge()
    log = tmp_path / "worker.log"
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "marketdata_site", "worker", "-Q", QUEUE, "-c", "1"]
    command += ["-n", "speaker@%h", "--without-gossip", "--without-mingle", "--include", "tests.integration.logs.speaking"]
    ours = {"DATABASE_URL": database_url(), "MARKETDATA_LOG_FORMAT": "json"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=PROJECT, env={**os.environ, **WORKER_ENVIRONMENT, **ours}, stdout=output, stderr=output
        )
    yield log
    process.terminate()
    process.wait(PATIENCE_S)


def _said(log: Path, action: str | None, count: int) -> list[dict[str, Any]]:
    def found() -> list[dict[str, Any]]:
        return [line for line in _lines(log) if line.get("action") == action and line.get("task")]

    wait_until(lambda: len(found()) >= count, seconds=PATIENCE_S, what=f"{count} lines of {action}")
    return found()


def test_request_goes_with_the_tasks_that_it_rings_and_with_those_that_they_ring(worker: Path) -> None:
    with log_context.working_for(request_id="r-17"):
        first = app.send_task("tests.speak", ["one"], {"then": "two"}, queue=QUEUE)
    alone = app.send_task("tests.speak", ["three"], queue=QUEUE)
    lines = {line["extra"]["text"]: line for line in _said(worker, "spoken", 3)}
    assert (lines["one"]["request_id"], lines["one"]["task_id"]) == ("r-17", first.id)
    assert lines["two"]["request_id"] == "r-17"
    assert lines["two"]["task_id"] != first.id
    assert (lines["three"].get("request_id"), lines["three"]["task_id"]) == (None, alone.id)
    assert {line["role"] for line in lines.values()} == {"worker"}


def test_lines_of_celery_itself_and_warnings_are_of_the_same_format_and_hold_no_secret(worker: Path) -> None:
    with log_context.working_for(request_id="r-18"):
        dead = app.send_task("tests.speak", [OUR_KEY], {"then": "raise"}, queue=QUEUE)
        app.send_task("tests.speak", [OUR_KEY], {"then": "warn"}, queue=QUEUE)
    _said(worker, "spoken", 2)
    wait_until(lambda: "py.warnings" in worker.read_text(), seconds=PATIENCE_S, what="the warning")
    (failed,) = [line for line in _lines(worker) if line["logger"] == "celery.app.trace"]
    assert (failed["level"], failed["request_id"], failed["task_id"]) == ("ERROR", "r-18", dead.id)
    assert failed["exception"].startswith("Traceback")
    assert OUR_KEY[12:] not in worker.read_text()
    assert {line["role"] for line in _lines(worker)} == {"worker"}


def _ask(address: str, told: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(address, headers={} if told is None else {"X-Request-ID": told})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.headers["X-Request-ID"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["X-Request-ID"]


def test_web_takes_a_well_formed_id_over_makes_one_otherwise_and_says_it_in_its_lines(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    nowhere = "postgresql://market:hunter2-hunter2@127.0.0.1:1/none"
    with log.open("wb") as output, running(MARKETDATA_LOG_FORMAT="json", DATABASE_URL=nowhere, errors=output) as web:
        assert _ask(f"{web}/health", "r-19.A_b") == (200, "r-19.A_b")
        made = [_ask(f"{web}/health", told)[1] for told in (None, "has spaces", "x" * 101)]
        assert len(set(made)) == 3
        assert all(len(one) == 32 for one in made)
        assert _ask(f"{web}/incidents", "r-20") == (503, "r-20")
        assert _ask(f"{web}/nowhere", "r-21") == (404, "r-21")
    of_the_request = [line for line in _lines(log) if line.get("request_id") == "r-20"]
    assert {line["logger"] for line in of_the_request} >= {"marketdata_site.api_errors", "django.request"}
    assert [line for line in of_the_request if line["role"] != "web"] == []
    assert "hunter2-hunter2" not in log.read_text()


def test_web_process_puts_the_id_of_a_request_into_what_it_rings(broker_messages: Any) -> None:
    letter = make_dead(make_series("AAPL"))
    with running() as web:
        address = f"{web}/ops/dlq/backfills/requeue/{letter.pk}"
        request = urllib.request.Request(address, method="POST", headers={"X-Request-ID": "r-22"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            assert json.load(answer)["state"] == "queued"
    assert [message["headers"].get("request_id") for message in broker_messages()] == ["r-22"]


@pytest.fixture
def broker_messages() -> Iterator[Any]:
    """What waits in the queue of backfills."""
    from collector.queues import BACKFILL_QUEUE

    app.control.purge()
    with app.connection_for_read() as connection:
        client = connection.default_channel.client
        client.delete(BACKFILL_QUEUE)
        yield lambda: [json.loads(text) for text in client.lrange(BACKFILL_QUEUE, 0, -1)]
        client.delete(BACKFILL_QUEUE)
