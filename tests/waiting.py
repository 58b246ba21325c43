"""Waiting for a condition in another process."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], *, seconds: float, what: str, every_s: float = 0.02) -> None:
    """Return soon after the condition holds; `every_s` is for one that costs those it waits for.

    Raises: AssertionError that names what did not come about in time.
    """
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(every_s)
