"""The Celery worker that a replay starts for itself, and starts again when it dies."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from celery import current_app
from celery.utils.nodenames import gethostname
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from collector.queues import BACKFILL_QUEUE

STOP_SECONDS = 10


class Worker:
    """A worker as a process of its own; its log goes to a file."""

    def __init__(
        self,
        *,
        log: Path,
        environment: Mapping[str, str],
        processes: int,
        queues: str = BACKFILL_QUEUE,
        name: str = "replay",
    ) -> None:
        self.log, self.processes, self.queues, self.name = log, processes, queues, name
        # SIGTERM then stops within seconds, whatever runs: the next plan finds what was cut off.
        self.environment = {**os.environ, **environment, "REMAP_SIGTERM": "SIGQUIT", "MARKETDATA_ROLE": "worker"}
        self.child: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def ensure_running(self) -> bool:
        """Start it when it does not run; true when that was needed."""
        if self.child is not None and self.child.poll() is None:
            return False
        command = [sys.executable, "-m", "celery", "-A", "marketdata_site", "worker", "-Q", self.queues]
        command += ["-n", f"{self.name}@%h", "-c", str(self.processes), "--without-gossip", "--without-mingle", "-l", "WARNING"]
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(  # noqa: S603  # our own command
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=self.environment
            )
        self.starts += 1
        return True

    def is_up(self) -> bool:
        """Whether it answers. A kept connection that the broker has ended meanwhile brings no answer; the next look makes a new one."""
        try:
            answers = current_app.control.ping(timeout=0.5)
        except (OperationalError, RedisConnectionError):
            return False
        return any(node.startswith(f"{self.name}@") for answer in answers or [] for node in answer)

    def is_idle(self) -> bool:
        """Whether it answers and neither works on anything nor has taken anything in. A worker that does not answer is not idle.

        It is asked by its name: who asks all of them waits for the time-out.
        """
        inspect = current_app.control.inspect(destination=[f"{self.name}@{gethostname()}"], timeout=1.0)
        return all(answers and not any(answers.values()) for answers in (inspect.reserved(), inspect.active()))

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
