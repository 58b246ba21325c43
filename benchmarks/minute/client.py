"""One client of the feed, and how the benchmark starts it and hears of it.

A process of its own: what the benchmark does meanwhile must not make it late. It knows nothing of this project but the protocol.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from websockets.asyncio.client import connect

PATIENCE_S = 60.0


class Watcher:
    """The benchmark's end of it: when bars came, by the minute they are of."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self._came: dict[datetime, list[tuple[float, int]]] = {}

    def wait(self, start: datetime, *, bars: int) -> list[tuple[float, int]]:
        """Until so many bars of that minute are there: (time of the machine's clock, how many came then). Raises: TimeoutError."""
        limit = time.monotonic() + PATIENCE_S
        while (got := sum(count for _, count in self._came.get(start, []))) < bars:
            if time.monotonic() > limit:
                raise TimeoutError(f"{got} of {bars} bars of {start:%H:%M} came within {PATIENCE_S:.0f} s")
            self.hear()
        return self._came[start]

    def hear(self) -> None:
        """Of one more frame; heartbeats come when there is nothing else, so this never lasts."""
        line = self._lines.readline()
        if not line:
            raise RuntimeError("the client ended without a word; see its traceback")
        at, counted = json.loads(line)
        for text, count in counted.items():
            self._came.setdefault(datetime.fromisoformat(text).astimezone(UTC), []).append((at, count))


@contextmanager
def watching(url: str, channel: str) -> Iterator[Watcher]:
    """Subscribed when it begins, gone at its end."""
    command = [sys.executable, "-m", "benchmarks.minute.client", url, channel]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            watcher = Watcher(process)
            watcher.hear()
            yield watcher
        finally:
            process.kill()


async def _follow(url: str, channel: str) -> None:
    """A line for each frame: when it came, and how many bars it brought that did not come before."""
    known: set[tuple[str, str]] = set()
    async with connect(url, max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"op": "subscribe", "channels": [channel]}))
        async for text in socket:
            at = time.time()
            frame = json.loads(text)
            if frame["op"] == "subscribed":
                print(json.dumps([at, {}]), flush=True)
            elif frame["op"] == "data":
                await socket.send(json.dumps({"op": "pong", "to": frame["to"]}))
                print(json.dumps([at, _fresh(frame["messages"], known)]), flush=True)


def _fresh(messages: list[dict[str, str]], known: set[tuple[str, str]]) -> Counter[str]:
    fresh = {(one["symbol"], one["start"]) for one in messages if one["type"] == "bar"} - known
    known |= fresh
    return Counter(start for _, start in fresh)


if __name__ == "__main__":
    asyncio.run(_follow(*sys.argv[1:]))
