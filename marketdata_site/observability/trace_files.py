"""The files of traces: what they are called, and how many are kept.

`trace_<label>_<epoch ms>.json` or `.html`, in one folder that all processes of a machine share. After each one the oldest go: those beyond
the number that is kept of a label, beyond the megabytes of all together, beyond an age. Other files of the folder are left alone.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FORMATS = ("json", "html")
_NAME = re.compile(r"trace_(?P<label>[\w-]+)_(?P<ms>\d{13,})\.(?:json|html)")
_UNFINISHED = ".unfinished_trace_"
_LONGEST_SAVE_S = 3_600
"""A file that is unfinished for longer was left by a killed process."""
_AT_ONCE_MS = 1_000
_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class TraceFiles:
    """A folder of traces, and what is kept of them. `keep_files` of each label, `keep_mb` and `keep_hours` of all."""

    folder: Path
    form: str = "json"
    keep_files: int = 20
    keep_mb: int = 500
    keep_hours: int = 24

    def save(self, label: str, write: Callable[[str], None]) -> Path:
        """Let `write` fill a file, and delete what is too much then. Raises: OSError, and whatever `write` raises."""
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f"{_UNFINISHED}{os.getpid()}_{time.monotonic_ns()}.{self.form}"
        try:
            write(str(unfinished))
            path = self._reserved(label)
            unfinished.replace(path)
            return path
        finally:
            unfinished.unlink(missing_ok=True)
            self._tidy()

    def _reserved(self, label: str) -> Path:
        """A name that nobody has, later than all that end at once with it: one that has gone already would make the newest the oldest."""
        words = re.sub(r"[^A-Za-z0-9-]+", "_", label).strip("_")[:80] or "work"
        now = time.time_ns() // 1_000_000
        ms = max((ms + 1 for ms, other, _, _ in self._found() if other == words and now <= ms < now + _AT_ONCE_MS), default=now)
        while True:
            path = self.folder / f"trace_{words}_{ms}.{self.form}"
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                ms += 1
            else:
                return path

    def _tidy(self) -> None:
        for path in self._too_much():
            path.unlink(missing_ok=True)
        for path in self.folder.glob(f"{_UNFINISHED}*"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _LONGEST_SAVE_S:
                    path.unlink()

    def _too_much(self) -> Iterator[Path]:
        """The newest one is always kept."""
        oldest_ms = time.time_ns() // 1_000_000 - self.keep_hours * 3_600_000
        seen, room = Counter[str](), self.keep_mb * 1_000_000
        for number, (ms, label, size, path) in enumerate(sorted(self._found(), reverse=True)):
            seen[label] += 1
            room -= size
            if number and (ms < oldest_ms or seen[label] > self.keep_files or room < 0):
                yield path

    def _found(self) -> Iterator[tuple[int, str, int, Path]]:
        for path in self.folder.iterdir():
            if found := _NAME.fullmatch(path.name):
                with suppress(FileNotFoundError):  # another process was tidying
                    yield int(found["ms"]), found["label"], path.stat().st_size, path


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """`entries`: function calls that one trace holds, its last ones."""

    files: TraceFiles
    entries: int = 100_000


def settings_of(environment: Mapping[str, str]) -> TraceSettings:
    """What the environment says. Raises: ValueError that names the variable."""
    home = Path(environment.get("MARKETDATA_HOME") or _PROJECT / ".marketdata")
    form = environment.get("VIZ_FORMAT") or FORMATS[0]
    if form not in FORMATS:
        raise ValueError(f"VIZ_FORMAT must be json or html, got {form!r}")

    def number(name: str, default: int, most: int) -> int:
        text = environment.get(name) or str(default)
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise ValueError(f"{name} must be a whole number from 1 to {most}, got {text!r}")
        return int(text)

    return TraceSettings(
        TraceFiles(
            folder=Path(environment.get("VIZ_OUT_DIR") or home / "traces"),
            form=form,
            keep_files=number("VIZ_KEEP_FILES", 20, 10_000),
            keep_mb=number("VIZ_KEEP_MB", 500, 1_000_000),
            keep_hours=number("VIZ_KEEP_HOURS", 24, 8_760),
        ),
        entries=number("VIZ_ENTRIES", 100_000, 2_000_000),
    )
