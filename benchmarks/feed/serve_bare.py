"""The rival that does nothing but to broadcast: `websockets`, on the same stream of Valkey as our hub.

It knows no positions, resumes, acknowledgements, keys or limits. A frame is a published batch as it stands in the stream, sent as soon as it is
read; clients of symbols are found in a dict by symbol. `joined`: what is read together goes out in one frame, as our hub does it; for
clients that get everything, since another's frame would have to be put together for each of them.
"""

import asyncio
import json
import os
import sys
from collections import defaultdict

import msgspec
import redis.asyncio
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.feed.messages import EVERYTHING
from collector.feed.ring import STREAM

READ_BATCHES = 50
"""As many as our hub."""
wanted: defaultdict[str, set[ServerConnection]] = defaultdict(set)
symbols = msgspec.json.Decoder(list[msgspec.defstruct("Symbol", [("symbol", str)])])


async def _follow(*, joins: bool) -> None:
    client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)
    last = next((entry for entry, _ in await client.xrevrange(STREAM, count=1)), b"0-0")
    while True:
        found = await client.xread({STREAM: last}, count=READ_BATCHES, block=1_000)
        if not found:
            continue
        entries = found[0][1]
        last = entries[-1][0]
        payloads = [fields[b"m"] for _, fields in entries]
        if joins:
            broadcast(wanted[EVERYTHING], b"[%b]" % b",".join(payloads), text=True)
        else:
            for payload in payloads:
                _send(payload)


def _send(payload: bytes) -> None:
    (head,) = symbols.decode(payload)  # the benchmark publishes each message alone
    broadcast(wanted[EVERYTHING] | wanted[f"bars.1m.{head.symbol}"], payload, text=True)


async def _client(connection: ServerConnection) -> None:
    channels = json.loads(await connection.recv())["channels"]
    for channel in channels:
        wanted[channel].add(connection)
    try:
        await connection.send('{"op":"subscribed"}')
        await connection.wait_closed()
    finally:
        for channel in channels:
            wanted[channel].discard(connection)


async def _main(*, joins: bool) -> None:
    async with serve(_client, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        print(f"Listening on http://{host}:{port}", flush=True)
        await _follow(joins=joins)


if __name__ == "__main__":
    asyncio.run(_main(joins=sys.argv[1:] == ["joined"]))
