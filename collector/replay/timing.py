"""The clock of a replay: its simulator, its worker and this process take it from one file."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marketdata_site.observability.clock import OFFSET_VARIABLE
from providers.market.types import SECOND_US, Micros


class ReplayClock:
    """A file with the seconds that are added to the machine's clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(None)

    def set(self, moment: Micros | None) -> None:
        """From now on it is that time, None for the real one. Whoever reads meanwhile sees the old one or the new."""
        offset = 0.0 if moment is None else moment / SECOND_US - time.time()
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{offset:.3f}")
        fresh.replace(self.path)


@contextmanager
def replay_clock(path: Path) -> Iterator[ReplayClock]:
    """This process and those that it starts follow the clock while the context lasts."""
    before = os.environ.get(OFFSET_VARIABLE)
    clock = ReplayClock(path)
    os.environ[OFFSET_VARIABLE] = f"@{path}"
    try:
        yield clock
    finally:
        os.environ.pop(OFFSET_VARIABLE)
        if before is not None:
            os.environ[OFFSET_VARIABLE] = before
