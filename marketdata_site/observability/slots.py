"""Numbers that processes which share a folder take and keep: two living processes never have the same one.

Counts are kept in files named after such a number rather than after a process id: a worker that is recycled or killed leaves its
number to the next one, which counts on where it ended. So no count is lost, and there are never more files than processes at once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

KINDS = ("counter", "histogram")
LIVE_KINDS = ("gauge_livesum",)
"""What counts only while its process lives, and begins anew with the next one that takes the number."""
ALLOCATED_BYTES = 1 << 20
"""Room for some thousands of series. Taken from the disk at once: a mapped file that finds the disk full later kills its process."""


class Slot:
    """The number of this process in a folder, taken when it is first asked for and given back by the kernel when the process ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: int | None = None
        self._number = -1

    def number(self) -> int:
        """The lowest number that nobody had. Raises: OSError when the folder can't be written or the disk is full."""
        if self._lock is None:
            self._take()
        return self._number

    @property
    def held(self) -> int | None:
        """The number, None while none was taken."""
        return None if self._lock is None else self._number

    def forget(self) -> None:
        """In a forked child: the number is the parent's, who keeps it; the next call of `number` takes another."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        number, lock = _first_free(self._folder)
        try:
            _allocate(self._folder, number)
        except OSError:
            os.close(lock)
            raise
        self._lock, self._number = lock, number


def empty(folder: Path, *, own: int | None = None) -> bool:
    """Delete all counts, unless a process other than our own slot's uses the folder; whether that was done."""
    with _all_free(folder, own=own) as numbers:
        for number in numbers or ():
            for kind in (*KINDS, *LIVE_KINDS):
                (folder / f"{kind}_{number}.db").unlink(missing_ok=True)
        return numbers is not None


def counting_files(folder: Path) -> list[Path]:
    """The files that hold something to be added up: all counts, and what processes that live say of themselves.

    An empty file is left out, whoever made it: the library can't read it.
    """
    files = [path for path in folder.glob("*.db") if path.stat().st_size]
    return sorted(path for path in files if not path.name.startswith(LIVE_KINDS) or _is_taken(folder, path))


def _is_taken(folder: Path, path: Path) -> bool:
    """True while a process has the file's number. A process that looks for one at this moment may pass over a free one."""
    lock = _locked(folder / f"slot_{path.stem.rpartition('_')[2]}.lock")
    if lock is None:
        return True
    os.close(lock)
    return False


@contextmanager
def _all_free(folder: Path, *, own: int | None) -> Iterator[list[int] | None]:
    """Hold every number that was ever taken but our own; None when one of them is in use."""
    with ExitStack() as held:
        numbers = [n for path in folder.glob("slot_*.lock") if (n := int(path.stem.removeprefix("slot_"))) != own]
        for number in numbers:
            lock = _locked(folder / f"slot_{number}.lock")
            if lock is None:
                yield None
                return
            held.callback(os.close, lock)
        yield numbers


def _first_free(folder: Path) -> tuple[int, int]:
    """The lowest number that nobody has, and the descriptor that holds its lock."""
    for number in count():
        lock = _locked(folder / f"slot_{number}.lock")
        if lock is not None:
            return number, lock
    raise AssertionError("count() does not end")


def _locked(path: Path) -> int | None:
    """A descriptor that holds the file's lock, None when somebody else does. The file itself stays for ever: a lock on a
    deleted file excludes nobody."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _allocate(folder: Path, number: int) -> None:
    """Make the files of a number, or take over those that its last process left. Somebody may read the folder at any moment: a new file
    gets its name when it is whole, and takes an old one's place at once."""
    for kind in (*KINDS, *LIVE_KINDS):
        path = folder / f"{kind}_{number}.db"
        if kind in KINDS and path.exists():
            _take_room(path)
            continue
        new = path.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)  # of a process that was killed right here
            _take_room(new)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def _take_room(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, ALLOCATED_BYTES)
    finally:
        os.close(descriptor)
