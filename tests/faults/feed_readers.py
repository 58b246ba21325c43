"""Honest readers of the feed in a process of their own: `python -m tests.faults.feed_readers URL COUNT`.

Says `ready` when all are subscribed, and a line for each batch when all have its last message, which carries `ends`. After the one that
carries `last` it prints how many messages each got and the 99th percentile of the milliseconds from `sent` to receipt, by `phase`. A
hole ends it with an error.
"""

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 120
"""Between two frames; heartbeats come each 10 s."""
Latencies = dict[int, list[float]]


async def _frame(socket: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))


async def _read(url: str, ready: asyncio.Barrier, latencies: Latencies, passed: Counter[int]) -> int:
    async with connect(url, max_size=None, compression=None, open_timeout=60, ping_interval=None) as socket:
        await socket.send('{"op":"subscribe","channels":["bars.1m.*"]}')
        while (frame := await _frame(socket))["op"] != "subscribed":
            pass
        position, count, is_over = frame["seq"], 0, False
        await ready.wait()
        while not is_over:
            frame = await _frame(socket)
            assert (frame["op"], frame["from"]) == ("data", position), frame
            position = frame["to"]
            await socket.send(json.dumps({"op": "pong", "to": position}))
            now = time.monotonic()
            for message in frame["messages"]:
                latencies[message["phase"]].append(now - message["sent"])
                passed[message["ends"]] += 1
                if message["ends"] and passed[message["ends"]] == ready.parties - 1:
                    print(message["ends"], flush=True)
                is_over = message["last"]
            count += len(frame["messages"])
        return count


async def main(url: str, count: int) -> None:
    """Run them all."""
    latencies: Latencies = defaultdict(list)
    ready = asyncio.Barrier(count + 1)
    passed: Counter[int] = Counter()

    async def start(number: int) -> int:
        await asyncio.sleep(number * 0.02)
        return await _read(url, ready, latencies, passed)

    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(start(number)) for number in range(count)]
        await ready.wait()
        print("ready", flush=True)
    p99 = {phase: 1000 * sorted(some)[int(len(some) * 0.99)] for phase, some in latencies.items()}
    print(json.dumps({"counts": [reader.result() for reader in readers], "p99_ms": p99}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
