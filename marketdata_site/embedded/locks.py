"""File locks between the processes that use one pair of servers. The kernel frees them when a process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock that one process at a time can have; wait for it."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Presence:
    """One process's share in a lock that any number of processes hold while they use something."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._owner = os.getpid()
        fcntl.flock(self._file, fcntl.LOCK_SH)

    @contextmanager
    def leave(self) -> Iterator[bool]:
        """Give the share up; True when nobody else holds one, and then nobody gets one inside the block.

        Of processes that leave at once exactly one sees True: the conversion gives up the own share before it asks. A forked
        child, which shares the lock with its parent, never does.
        """
        if os.getpid() != self._owner:
            yield False
            return
        with self._file:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
