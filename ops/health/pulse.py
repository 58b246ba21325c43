"""Beat's own sign of life: after it has rung, at most every few seconds, a row says so.

Not a task that a worker runs: a worker that is busy would make a beat look silent that is well. Written in a thread of its own, because a
database that hangs must not keep beat from ringing.
"""

import logging
import os
import socket
import threading

from django.db import DatabaseError, InterfaceError

from ops.health.beats import write_tick
from ops.health.connection import own_connection

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0


class Pulse:
    """Writes at most one row every `every_s` while somebody tells it `rang`. One a process."""

    def __init__(self, *, every_s: float = EVERY_SECONDS) -> None:
        self._every_s = every_s
        self._rang = threading.Event()
        self._beat = f"{socket.gethostname()[:64]}:{os.getpid()}"
        self._is_told = False
        """That the database does not answer is told once, not every few seconds."""

    def start(self) -> None:
        """Begin to write."""
        threading.Thread(target=self._run, name="beat-pulse", daemon=True).start()

    def rang(self) -> None:
        """Beat has handed a message to the broker."""
        self._rang.set()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self._rang.wait()
            self._rang.clear()
            self._write()
            pause.wait(self._every_s)

    def _write(self) -> None:
        try:
            with own_connection():
                write_tick(self._beat)
            self._is_told = False
        except (DatabaseError, InterfaceError) as error:
            if not self._is_told:
                log.warning("beat can't write that it is alive: %s", error, extra={"action": "beat_unwritten"})
            self._is_told = True
