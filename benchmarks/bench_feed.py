"""Fan-out to 200 WebSocket clients: our hub against the channel layer's `group_send`, on the same server with the same frames.

A delivery is one message at one client. Every message is published alone on both sides: a group is a symbol, so a layer can't send
several at once; our hub puts what it reads together into one frame. Burst: as fast as they can be published, until the last client has
the last one; the rival's layer gets a capacity that holds the burst, or it would drop silently. Pace: latency from publish to receipt.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from benchmarks.rows import row

ROOT = Path(__file__).resolve().parent.parent
CLIENTS, PACE_S, PATIENCE_S = 200, 0.02, 90
BURST_OURS, BURST_RIVAL, PACED = 3_000, 300, 200
SENT = re.compile(r'"sent": ([0-9.]+)')
Row = dict[str, Any]
Publish = Callable[[int], None]


def _message(number: int) -> Row:
    at = time.monotonic()
    common = {"interval": "1m", "start": "2026-11-22T14:30:00Z", "open": 1.5, "high": 2.0, "low": 1.25, "close": 1.75}
    rest = {"volume": 1200, "vwap": None, "trade_count": 12, "provider": "polygon", "rev": 1, "sent": at, "batch": number}
    return {"type": "bar", "symbol": f"S{number}", **common, **rest}


def run() -> list[Row]:
    """Both sides, one after the other, on the servers that the environment names."""
    ours_burst, ours_pace = _measure(["-m", "marketdata_site.serve", "--port", "0"], "/ws/feed", _publisher_of_hub, BURST_OURS)
    rival_burst, rival_pace = _measure(["-m", "benchmarks.bench_feed", "rival"], "/", _publisher_of_groups, BURST_RIVAL)
    ours, rival = ours_burst["rate"], rival_burst["rate"]
    return [
        row("feed fan-out, 200 clients", ours=ours, rival=rival, ratio=ours / rival, target=">= 8x", unit="deliveries/s"),
        row(
            "feed p99, 200 clients, 10,000 deliveries/s",
            ours=ours_pace["p99_ms"],
            rival=rival_pace["p99_ms"],
            target="<= 250",
            unit="ms",
        ),
    ]


def _measure(words: list[str], path: str, make: Callable[[], Publish], burst: int) -> tuple[Row, Row]:
    with TemporaryFile("w+") as said:
        web = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env={**os.environ, "MARKETDATA_ROLE": "web"}, stdout=said, stderr=said
        )
        try:
            url = f"ws://{_address(web, said)}{path}"
            publish = make()
            return _phase(url, publish, burst, 0.0), _phase(url, publish, PACED, PACE_S)
        finally:
            web.terminate()
            web.wait()


def _address(web: "subprocess.Popen[bytes]", said: IO[str]) -> str:
    while web.poll() is None:
        said.seek(0)
        if found := re.search(r"Listening on http://(\S+)\n", said.read()):
            return found.group(1)
        time.sleep(0.05)
    said.seek(0)
    raise RuntimeError(f"the server did not start:\n{said.read()}")


def _phase(url: str, publish: Publish, batches: int, pause: float) -> Row:
    clients = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bench_feed", "clients", url, str(batches)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert clients.stdout is not None
    try:
        clients.stdout.readline()  # all are subscribed
        begin = time.monotonic()
        for number in range(batches):
            publish(number)
            time.sleep(max(0.0, begin + pause * (number + 1) - time.monotonic()))
        answer = json.loads(clients.communicate()[0])
    finally:
        clients.kill()
        clients.wait()
    latencies = sorted(answer["latencies"])
    return {
        "rate": len(latencies) / (answer["end"] - begin),
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
    }


def _publisher_of_hub() -> Publish:
    from collector.feed.ring import shared_ring

    ring, ids = shared_ring(), iter(range(1, 10**9))

    def publish(number: int) -> None:
        payload = json.dumps([_message(number)]).encode()
        ring.append(batch_id=next(ids), count=1, payload=payload, now=time.time_ns() // 1000, keep=100_000)

    return publish


def _layer() -> Any:
    from channels_redis.core import RedisChannelLayer

    # socket_timeout None: with redis-py's default of 5 s the layer closes every idle socket.
    return RedisChannelLayer(hosts=[{"address": os.environ["REDIS_URL"], "socket_timeout": None}], capacity=100_000)


def _publisher_of_groups() -> Publish:
    loop, layer = asyncio.new_event_loop(), _layer()

    def publish(number: int) -> None:
        frame = json.dumps({"op": "data", "messages": [_message(number)]})
        loop.run_until_complete(layer.group_send("feed", {"type": "data", "text": frame}))

    return publish


def _rival() -> None:
    """The same daphne, with a consumer as the documentation of Channels shows it."""
    from marketdata_site.serve import Server, build_endpoint_description_strings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketdata_site.settings")
    from channels.generic.websocket import AsyncWebsocketConsumer
    from django.conf import settings

    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": None}], "capacity": 100_000},
        }
    }

    class Consumer(AsyncWebsocketConsumer):  # type: ignore[misc]
        groups = ["feed"]

        async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
            await self.send(text_data='{"op":"subscribed"}')

        async def data(self, event: dict[str, str]) -> None:
            await self.send(text_data=event["text"])

    endpoints = build_endpoint_description_strings(host="127.0.0.1", port=0)
    Server(application=Consumer.as_asgi(), endpoints=list(endpoints)).run()


async def _client(url: str, batches: int, ready: asyncio.Barrier, latencies: list[float]) -> float:
    from websockets.asyncio.client import connect

    async with connect(url, max_size=None, compression=None, open_timeout=60) as socket:
        await socket.send('{"op":"subscribe","channels":["bars.1m.*"]}')
        while '"subscribed"' not in str(await socket.recv()):
            pass
        await ready.wait()
        got = 0
        while got < batches:
            text = str(await socket.recv())
            now = time.monotonic()
            found = SENT.findall(text)
            latencies += [now - float(sent) for sent in found]
            got += len(found)
        return time.monotonic()


async def _clients(url: str, batches: int) -> None:
    latencies: list[float] = []
    ready = asyncio.Barrier(CLIENTS + 1)

    async def start(number: int) -> float:
        await asyncio.sleep(number * 0.01)
        return await _client(url, batches, ready, latencies)

    async with asyncio.timeout(PATIENCE_S):
        tasks = [asyncio.create_task(start(number)) for number in range(CLIENTS)]
        await ready.wait()
        print("ready", flush=True)
        ends = await asyncio.gather(*tasks)
    print(json.dumps({"end": max(ends), "latencies": latencies}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["rival"]:
        _rival()
    elif sys.argv[1:2] == ["clients"]:
        asyncio.run(_clients(sys.argv[2], int(sys.argv[3])))
