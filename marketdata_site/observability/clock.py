"""The one place where the wall clock is read.

`MARKETDATA_CLOCK_OFFSET` (seconds, may be negative) shifts what every process takes for "now", so that a session's open can be
watched on a Sunday. `@` and a path name a file that holds the seconds: processes that run already follow it.
Only tasks, commands, consumers and views call `now()`; everything below them takes `now` as an argument.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

OFFSET_VARIABLE = "MARKETDATA_CLOCK_OFFSET"


def offset_seconds() -> float:
    """Seconds added to the machine's clock.

    Raises: ValueError that names the variable when it holds neither a number nor a file with one.
    """
    text = os.environ.get(OFFSET_VARIABLE, "").strip()
    if not text:
        return 0.0
    if text.startswith("@"):
        text = _content(Path(text[1:]))
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{OFFSET_VARIABLE} must be a number of seconds, got {text!r}") from None


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ValueError(f"{OFFSET_VARIABLE} names a file that can't be read: {path} ({error.strerror})") from None


def now() -> datetime:
    """The service's present time, UTC, aware."""
    return datetime.now(UTC) + timedelta(seconds=offset_seconds())


def now_us() -> int:
    """The service's present time in epoch microseconds."""
    return time.time_ns() // 1000 + round(offset_seconds() * 1_000_000)
