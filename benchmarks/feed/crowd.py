"""A process of many clients, and how the benchmark starts it and hears of it.

One process for all clients: on few cores a second one would only take the server's. Measured on two cores, it works a sixth to a ninth of
what our server works in the same burst, so that the server is the limit; but four fifths of what a bare broadcast works, and as much as
a joined one. Those two rivals may be faster than they seem here.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from benchmarks.feed.client import Client
from benchmarks.feed.messages import Watch, channels_of, expected

AT_ONCE = 20
"""Handshakes at the same time: a server may give each of them five seconds."""
PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Task:
    """`count` for bursts; `note` to learn when each message came; `idle` to sit there until the process is ended."""

    url: str
    clients: int
    watch: Watch
    messages: int
    does: Literal["count", "note", "idle"]
    deflate: bool = False


class Crowd:
    """The benchmark's end of it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._lines = process.stdout

    def wait(self) -> Any:
        """What it says next: first that all are subscribed, then the result."""
        line = self._lines.readline()
        if not line:
            raise RuntimeError("the clients ended without a word; see their traceback")
        return json.loads(line)


@contextmanager
def crowd(task: Task) -> Iterator[Crowd]:
    """Clients that are subscribed; they leave at the end."""
    command = [sys.executable, "-m", "benchmarks.feed.crowd", json.dumps(asdict(task))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            own = Crowd(process)
            own.wait()
            yield own
        finally:
            process.kill()


async def _run(task: Task) -> None:
    clients: list[Client] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _follow(task, clients)
    except TimeoutError:
        got = sum(client.got for client in clients)
        raise RuntimeError(f"{len(clients)} clients have {got} messages after {PATIENCE_S} s") from None
    await asyncio.Event().wait()  # whoever started it ends it


async def _follow(task: Task, clients: list[Client]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    clients += await asyncio.gather(*(_connect(task, number, gate) for number in range(task.clients)))
    _say("subscribed")
    if task.does == "idle":
        await asyncio.gather(*(client.heard for client in clients))
        _say("heard")
    else:
        _say(_result(clients, await asyncio.gather(*(client.complete for client in clients))))


async def _connect(task: Task, number: int, gate: asyncio.Semaphore) -> Client:
    channels = channels_of(number, task.watch)
    subscribe = json.dumps({"op": "subscribe", "channels": channels}).encode()
    client = Client(
        task.url,
        subscribe,
        expected=expected(channels, task.messages),
        notes=task.does == "note",
        deflate=task.deflate,
    )
    parts = urlsplit(task.url)
    async with gate:
        await asyncio.get_running_loop().create_connection(lambda: client, parts.hostname, parts.port)
        await client.subscribed
    return client


def _result(clients: list[Client], ends: list[float]) -> dict[str, Any]:
    return {
        "end": max(ends),
        "got": sum(client.got for client in clients),
        "bytes": sum(client.bytes for client in clients),
        "notes": [note for client in clients for note in client.notes],
    }


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(Task(**json.loads(sys.argv[1]))))
