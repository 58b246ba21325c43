"""Counts of real processes in one folder: whoever comes, goes, forks or is killed, none is lost and none counts for two."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marketdata_site.observability.metrics import FOLDER_VARIABLE, SumOfProcesses
from marketdata_site.observability.slots import ALLOCATED_BYTES, KINDS, LIVE_KINDS, Slot, empty

PROJECT = Path(__file__).resolve().parents[3]
PROGRAM = """
import os, sys
from marketdata_site.observability import metrics
made = metrics.Counter("made_total", "Made.", ["what"])
took = metrics.Histogram("took_ms", "Took.", ["what"], buckets=metrics.MS_BUCKETS)
here = metrics.Gauge("here", "There now.", ["what"], multiprocess_mode="livesum")
for line in sys.stdin:
    what, _, number = line.strip().partition(" ")
    if what == "fork":
        child = os.fork()
        if child == 0:
            made.labels("thing").inc(float(number))
            print(metrics._files.slot.held, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    else:
        made.labels("thing").inc(float(number))
        took.labels("thing").observe(7)
        here.labels("thing").inc()
        print(metrics._files.slot.held, flush=True)
"""


class Counting:
    """A process that counts what it is told."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=PROJECT,
            env={**os.environ, FOLDER_VARIABLE: str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self, line: str) -> int:
        """The number of the slot that it was counted in."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Counting]]:
    started: list[Counting] = []

    def begin() -> Counting:
        started.append(Counting(tmp_path / "metrics"))
        return started[-1]

    yield begin
    for one in started:
        one.kill()


def _sums(folder: Path) -> dict[str, float]:
    samples = [sample for metric in SumOfProcesses(folder).collect() for sample in metric.samples]
    return {sample.name: sample.value for sample in samples if sample.labels.get("le") in {None, "+Inf"}}


def test_processes_never_share_a_slot_when_they_count_at_once(start: Callable[[], Counting], tmp_path: Path) -> None:
    processes = [start() for _ in range(3)]
    assert sorted(one.says(f"count {number}") for number, one in enumerate(processes, start=1)) == [0, 1, 2]
    assert _sums(tmp_path / "metrics")["made_total"] == 6


def test_slot_and_its_counts_go_to_the_next_process_when_one_is_killed(start: Callable[[], Counting], tmp_path: Path) -> None:
    first, second = start(), start()
    assert (first.says("count 3"), second.says("count 4")) == (0, 1)
    first.kill()
    kept = {"made_total": 7, "took_ms_bucket": 2, "took_ms_sum": 14, "took_ms_count": 2}
    assert _sums(tmp_path / "metrics") == {**kept, "here": 1}  # what the first one said of itself went with it
    heir = start()
    assert heir.says("count 5") == 0
    kept = {"made_total": 12, "took_ms_bucket": 3, "took_ms_sum": 21, "took_ms_count": 3}
    assert _sums(tmp_path / "metrics") == {**kept, "here": 2}


def test_child_takes_a_slot_of_its_own_when_a_counting_process_forks(start: Callable[[], Counting], tmp_path: Path) -> None:
    parent = start()
    assert parent.says("count 1") == 0
    assert parent.says("fork 10") == 1
    assert parent.says("count 100") == 0
    assert parent.says("fork 1000") == 1  # the first child is gone
    assert _sums(tmp_path / "metrics")["made_total"] == 1111
    assert len(list((tmp_path / "metrics").glob("*.db"))) == 2 * len((*KINDS, *LIVE_KINDS))


def test_process_that_counts_nothing_takes_no_slot_and_makes_no_folder(tmp_path: Path) -> None:
    counting = Counting(tmp_path / "metrics")
    counting.process.communicate("")
    assert counting.process.returncode == 0
    assert not (tmp_path / "metrics").exists()


def test_counts_are_forgotten_only_when_nobody_else_uses_the_folder(start: Callable[[], Counting], tmp_path: Path) -> None:
    counting, other = start(), start()
    counting.says("count 3")
    other.says("count 4")
    counting.kill()
    assert empty(tmp_path / "metrics") is False
    assert _sums(tmp_path / "metrics")["made_total"] == 7
    other.kill()
    assert empty(tmp_path / "metrics") is True
    assert _sums(tmp_path / "metrics") == {}
    heir = start()
    assert heir.says("count 1") == 0
    assert _sums(tmp_path / "metrics")["made_total"] == 1


def test_own_slot_does_not_keep_the_counts_of_processes_that_are_gone(start: Callable[[], Counting], tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    own = Slot(folder)
    assert own.number() == 0
    counting = start()
    assert counting.says("count 3") == 1
    counting.kill()
    assert empty(folder) is False
    assert empty(folder, own=own.held) is True
    assert _sums(folder) == {}
    own.forget()


def test_folder_can_be_read_at_every_moment_while_a_slot_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Slot(tmp_path)
    first.number()
    (tmp_path / "gauge_livesum_0.db").write_bytes(bytes(2 * ALLOCATED_BYTES))  # what the last process said
    first.forget()
    seen: list[dict[str, int]] = []

    def look_and(work: Callable[..., Any]) -> Callable[..., Any]:
        def looking(*arguments: Any, **options: Any) -> Any:
            seen.append({path.name: path.stat().st_size for path in tmp_path.glob("*.db")})
            return work(*arguments, **options)

        return looking

    for name in ("open", "close", "posix_fallocate", "unlink", "replace"):
        monkeypatch.setattr(os, name, look_and(getattr(os, name)))
    heirs = [Slot(tmp_path), Slot(tmp_path)]
    assert [heir.number() for heir in heirs] == [0, 1]
    monkeypatch.undo()
    assert len(seen) > 20
    names = {f"{kind}_0.db" for kind in (*KINDS, *LIVE_KINDS)}
    assert [sizes for sizes in seen if not names <= sizes.keys() or min(sizes.values()) < ALLOCATED_BYTES] == []
    assert (tmp_path / "gauge_livesum_0.db").stat().st_size == ALLOCATED_BYTES
    assert list(tmp_path.glob("*.new")) == []


def test_room_on_the_disk_is_taken_with_the_slot(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    slot.number()
    for kind in KINDS:
        there = (tmp_path / f"{kind}_0.db").stat()
        assert there.st_blocks * 512 >= there.st_size > 0
    slot.forget()


def test_file_that_is_made_but_not_filled_is_no_trouble_for_a_scrape(start: Callable[[], Counting], tmp_path: Path) -> None:
    start().says("count 3")
    (tmp_path / "metrics" / "counter_7.db").touch()
    assert _sums(tmp_path / "metrics")["made_total"] == 3
