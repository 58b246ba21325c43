"""A real `manage.py up` in a home of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 120


class Up:
    """A real `manage.py up` with its log in a file."""

    def __init__(self, *, home: Path, environment: dict[str, str]) -> None:
        self.log_path = home.with_name(f"up-{time.monotonic_ns()}.log")
        with self.log_path.open("wb") as log:
            command = [sys.executable, "manage.py", "up"]
            self.process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=subprocess.STDOUT)

    @property
    def log(self) -> str:
        """All that it has said."""
        return self.log_path.read_text()

    @property
    def pids(self) -> dict[str, int]:
        """The newest process id of each program."""
        return {name: int(pid) for name, pid in re.findall(r"\| (\w+) started \(pid (\d+)\)", self.log)}

    def wait_until_ready(self) -> None:
        """Until it has greeted."""
        self.wait(lambda: "Ctrl-C" in self.log)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until the condition holds, which it must while it runs."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> int:
        """Its exit status after that signal."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_SECONDS)


@contextmanager
def fresh_home() -> Iterator[dict[str, str]]:
    """A fresh home with free ports and no servers given."""
    base = Path(tempfile.mkdtemp(prefix="mdup-"))
    base.chmod(0o755)
    ports = free_ports(2)
    yield {
        "PATH": os.environ["PATH"],
        "MARKETDATA_HOME": str(base / "home"),
        "MARKETDATA_DATA_FOLDER": str(base / "outside"),
        "MARKETDATA_WEB_PORT": str(ports[0]),
        "MARKETDATA_SIMULATOR_PORT": str(ports[1]),
    }
    for pid_file in base.rglob("postmaster.pid"):
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGINT)
    shutil.rmtree(base, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
