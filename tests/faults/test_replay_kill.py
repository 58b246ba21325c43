"""`manage.py replay_dataset` as an operator runs it: whole, with its worker killed, with a vendor that lies, with one that is ill."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.dataset import LINES, write_dataset
from tests.recorded import DATA, needs_recorded

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 300
_TIMED = re.compile(r"\d[\d,]* +\d[\d,]* *$")
"""Vendor calls and bars/s at the end of a line of the table: they differ from run to run."""
_SERIES = re.compile(r"\S+ (?:1m|5m|30m|1d) ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset"))


def command(*arguments):
    return [sys.executable, "manage.py", "replay_dataset", *map(str, arguments)]


def replay(*arguments):
    done = subprocess.run(
        command(*arguments), cwd=PROJECT, env=own_servers(), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.returncode, done.stdout, done.stderr


def own_servers():
    """The command starts servers of its own, as on an operator's machine: nothing of the tests' is set."""
    ours = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "MARKETDATA_ROLE", "MARKETDATA_CLOCK_OFFSET"}
    return {name: value for name, value in os.environ.items() if name not in ours}


def facts(table):
    """The table of a replay without what differs from run to run."""
    return [_TIMED.sub("", line).split() for line in table.splitlines() if _SERIES.match(line) and _TIMED.search(line)]


def workers_of(parent):
    """Processes that run Celery as children of the replay."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            is_child = f"\nPPid:\t{parent}\n" in status.read_text()
            if is_child and b"celery" in status.with_name("cmdline").read_bytes():
                found.append(int(status.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def descendants(parent):
    children = [int(p) for task in Path(f"/proc/{parent}/task").glob("*/children") for p in task.read_text().split()]
    return [*children, *(grandchild for child in children for grandchild in descendants(child))]


def assert_whole(table):
    """Every bar of the folder is held as it was recorded, every hole is proven."""
    rows = facts(table)
    assert [row[:2] for row in rows] == [[symbol, interval.value] for symbol, interval in LINES]
    for row in rows:
        file_rows, held, missing, extra, different, rejected = row[2:8]
        assert (held, missing, extra, different, rejected) == (file_rows, "0", "0", "0", "0")
        assert row[8:11] == ["5", "of", "5"]  # sessions
    slots_open, proven_empty = zip(*(row[-2:] for row in rows), strict=True)
    assert set(slots_open) == {"0"}
    assert proven_empty == ("0", "36", "0", "0")


def test_replay_holds_every_bar_of_the_folder_and_proves_every_hole(folder):
    status, table, errors = replay(folder)
    assert status == 0, errors
    assert_whole(table)


def kill_worker_of(parent):
    """SIGKILL for the worker and its pool; what they were at is lost."""
    killed = [pid for worker in workers_of(parent) for pid in (worker, *descendants(worker))]
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return killed


def test_replay_ends_the_same_when_its_worker_is_killed_in_the_middle(folder):
    arguments = (folder, "--fault", "polygon:drip")  # ten seconds a call: two jobs of four are under way when two are done
    process = subprocess.Popen(command(*arguments), cwd=PROJECT, env=own_servers(), text=True, stdout=-1, stderr=-1)
    killed, said = [], []
    with process:
        for line in process.stderr:
            said.append(line)
            if not killed and re.search(r"[1-9][\d,]* of [\d,]+ bars", line):
                killed = kill_worker_of(process.pid)
        table = process.stdout.read()
    assert process.returncode == 0, "".join(said)
    assert len(killed) >= 2
    assert_whole(table)


def test_replay_names_the_series_whose_bars_are_not_as_recorded(folder):
    arguments = ("--symbols", "AAA,CCC", "--vendors", "polygon", "--fault", "polygon:late_correction")
    status, table, errors = replay(folder, *arguments)
    assert status == 1
    assert "not as recorded: AAA 1m, CCC 1d" in errors
    assert [row[6] for row in facts(table)] == ["1,950", "5"]


@needs_recorded
@pytest.mark.parametrize(
    "vendors",
    [("--vendors", "polygon"), ("--vendors", "alpaca"), ("--vendors", "polygon,alpaca", "--fault", "polygon:server_error:0.5")],
    ids=["polygon", "alpaca", "both, one fails half of its calls"],
)
def test_replay_of_everything_recorded_is_whole(vendors):
    status, table, errors = replay(DATA, *vendors)
    assert status == 0, errors
    assert facts(table)
