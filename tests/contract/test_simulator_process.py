"""The simulator as a process: it says where it is, ends when told to, and says why when it can't start."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from providers.simulator.launch import PROJECT, CannotStart, SimulatorControl, start_simulator_process
from providers.simulator.options import SimulatorOptions
from tests.contract.simulated import ask_polygon

COMMAND = [sys.executable, "-m", "providers.simulator"]
DAY = "2025-03-06"


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def _process(*command: str) -> Iterator[tuple[subprocess.Popen[str], SimulatorControl]]:
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    with process.stdout as stdout:
        try:
            yield process, SimulatorControl(stdout.readline().split()[-1])
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_while_a_call_hangs(number: signal.Signals) -> None:
    with _process(*COMMAND, "--synthetic", "--port", "0") as (process, control):
        control.set_fault("timeout")
        broken: list[BaseException] = []

        def hang() -> None:
            try:
                ask_polygon(control.url, "AAPL", DAY, DAY)
            except OSError as error:
                broken.append(error)

        caller = threading.Thread(target=hang)
        caller.start()
        while not any("strikes" in line for line in control.log()):
            pass
        process.send_signal(number)
        assert process.wait(60) == 0
        caller.join(60)
        assert len(broken) == 1


def test_it_serves_from_the_helper_and_logs_to_a_file(tmp_path: Path) -> None:
    with start_simulator_process(SimulatorOptions(seed=4), log=tmp_path / "log") as control:
        assert ask_polygon(control.url, "AAPL", DAY, DAY).json()["resultsCount"] == 960
    text = (tmp_path / "log").read_text()
    assert f"serving synthetic bars at {control.url} as alpaca, alpha_vantage, " in text
    assert "polygon call 1 for AAPL" in text


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal is Linux'")
def test_it_ends_when_its_parent_is_killed_if_told_so() -> None:
    command = [*COMMAND, "--port", "0", "--synthetic", "--die-with-parent"]
    script = f"import subprocess; child = subprocess.Popen({command!r}); print(child.pid, flush=True); child.wait()"
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout is not None
    with parent.stdout as stdout:
        child = int(stdout.readline())
        try:
            assert stdout.readline().startswith(b"simulated vendors at http://127.0.0.1:")
            os.kill(parent.pid, signal.SIGKILL)
            assert select.select([stdout], [], [], 20)[0], "the child still holds the pipe"
            assert stdout.read() == b""
        finally:
            parent.kill()
            parent.wait()
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_taken_port_is_named_and_the_status_is_not_zero() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = _run("--synthetic", "--port", str(port))
    assert ended.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken: choose another one with --port" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--data", "/nowhere", "--port", "0"], 1, "series.csv: cannot be read"),
        (["--port", "0"], 2, "one of the arguments --data --synthetic is required"),
        (["--synthetic", "--rate", "polygon=fast"], 2, "expected a whole number of requests a minute for polygon"),
        (["--synthetic", "--rate", "acme=1", "--port", "0"], 1, "unknown vendor 'acme', known: alpaca, alpha_vantage, "),
        (["--synthetic", "--universe", "/nowhere", "--port", "0"], 1, "/nowhere: cannot be read"),
    ],
)
def test_wrong_options_are_refused_with_a_reason(words: list[str], status: int, said: str) -> None:
    ended = _run(*words)
    assert (ended.returncode, said in ended.stderr) == (status, True), ended.stderr


def test_the_helper_raises_when_the_process_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="ended with status 1"), start_simulator_process(SimulatorOptions(data=tmp_path)):
        pass


def test_options_survive_their_way_over_the_command_line(tmp_path: Path) -> None:
    table = tmp_path / "universe.csv"
    table.write_text("symbol,calendar,hours,asset_class\nAAPL,24/7,regular,crypto\n")
    options = SimulatorOptions(
        seed=4,
        universe=table,
        rates={"polygon": 2},
        keys={"polygon": "test-key"},
        publication_delay_seconds=0.5,
        quiet_percent=100,
    )
    with start_simulator_process(options) as control:
        replies = [ask_polygon(control.url, "AAPL", DAY, DAY) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert 400 < replies[0].json()["resultsCount"] < 700  # 40 % of the 1,440 minutes of a calendar that never shuts


def test_the_management_command_is_the_same_simulator() -> None:
    with _process(sys.executable, "manage.py", "simulate_vendors", "--synthetic", "--port", "0") as (process, control):
        assert ask_polygon(control.url, "AAPL", DAY, DAY).status == 200
        process.terminate()
        assert process.wait(60) == 0
