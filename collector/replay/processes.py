"""The Celery worker that a replay starts for itself, and starts again when it dies."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from celery import current_app

STOP_SECONDS = 10


class Worker:
    """A worker of the backfill queue as a process of its own; its log goes to a file."""

    def __init__(self, *, log: Path, environment: Mapping[str, str], processes: int) -> None:
        self.log, self.processes = log, processes
        # SIGTERM then stops within seconds, whatever runs: the next plan finds what was cut off.
        self.environment = {**os.environ, **environment, "REMAP_SIGTERM": "SIGQUIT", "MARKETDATA_ROLE": "worker"}
        self.child: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def ensure_running(self) -> bool:
        """Start it when it does not run; true when that was needed."""
        if self.child is not None and self.child.poll() is None:
            return False
        command = [sys.executable, "-m", "celery", "-A", "marketdata_site", "worker", "-Q", "backfill", "-n", "replay@%h"]
        command += ["-c", str(self.processes), "--without-gossip", "--without-mingle", "-l", "WARNING"]
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(  # noqa: S603  # our own command
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=self.environment
            )
        self.starts += 1
        return True

    def is_idle(self) -> bool:
        """Whether it answers and works on nothing. A worker that does not answer is not idle."""
        answers = current_app.control.inspect(timeout=1.0).active()
        return bool(answers) and not any((answers or {}).values())

    def stop(self) -> None:
        """End it, by force if it must be."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


@contextmanager
def running_worker(*, log: Path, environment: Mapping[str, str], processes: int) -> Iterator[Worker]:
    """A worker while the context lasts."""
    worker = Worker(log=log, environment=environment, processes=processes)
    worker.ensure_running()
    try:
        yield worker
    finally:
        worker.stop()
