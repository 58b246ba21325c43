"""One `up` per home, held by a file lock: it goes with the process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another process holds the lock. The message is what that one wrote about itself."""


@contextmanager
def single(path: Path, *, about: str) -> Iterator[None]:
    """Hold the lock while the block runs; `about` is told to whoever comes second. Raises: AlreadyRunning."""
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(file.read().strip() or "another process that has just begun") from None
        file.truncate(0)
        file.write(f"pid {os.getpid()}, {about}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
