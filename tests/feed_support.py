"""What the feed's tests share: batches, a wire without a server, and a client that checks every frame it gets."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import redis
from django.conf import settings
from django.db import connections

from collector.feed import consumers
from collector.feed.frames import ServerFrame
from collector.feed.hub import Hub
from collector.feed.limits import Limits
from collector.feed.ring import Ring
from collector.models import FeedBatch
from marketdata_site.observability import clock

PATIENCE_SECONDS = 60
Json = dict[str, Any]
schema = msgspec.json.Decoder(ServerFrame)
"""Decodes what the server may say, and nothing else."""


def bar(symbol: str = "AAPL", number: int = 0, *, interval: str = "1m", rev: int = 1) -> Json:
    """A bar message whose start tells it from others."""
    start = f"2026-11-22T{number // 60 % 24:02d}:{number % 60:02d}:00Z" if number < 1440 else f"2026-11-{number}"
    return {
        "type": "bar",
        "symbol": symbol,
        "mic": "XNAS",
        "interval": interval,
        "hours": "regular",
        "adjustment": "raw",
        "start": start,
        "open": 1.5,
        "high": 2.0,
        "low": 1.25,
        "close": 1.75,
        "volume": None,
        "vwap": None,
        "trade_count": number,
        "provider": "polygon",
        "rev": rev,
    }


def key_of(message: Json) -> tuple[str, ...]:
    """What docs/feed.md tells clients to drop repeats by."""
    if message["type"] == "quote":
        return tuple(str(message[name]) for name in ("symbol", "mic", "at", "provider", "rev"))
    if message["type"] == "mark":
        return tuple(str(message[name]) for name in ("tier", "interval", "start", "complete"))
    if message["type"] == "history":
        return tuple(str(message[name]) for name in ("symbol", "mic", "interval", "hours", "adjustment", "start", "end", "seq"))
    return tuple(str(message[name]) for name in ("symbol", "mic", "interval", "hours", "adjustment", "start", "rev"))


def add_batch(messages: Sequence[Json], *, age_s: float = 0) -> int:
    """A row as the write path leaves it; its id."""
    row = FeedBatch.objects.create(
        recorded_at=clock.now() - timedelta(seconds=age_s),
        message_count=len(messages),
        messages=json.dumps(messages).encode(),
    )
    return row.pk


def valkey() -> "redis.Redis":
    """A client of the tests' Valkey."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)


def new_ring() -> Ring:
    """A ring on connections of its own."""
    return Ring(valkey())


@contextmanager
def connections_end_with_their_work() -> Iterator[None]:
    """Threads of the pool give their database connection back, so that the test database can be emptied and dropped."""
    database = connections.settings["default"]
    kept, database["CONN_MAX_AGE"] = database["CONN_MAX_AGE"], 0
    try:
        yield
    finally:
        database["CONN_MAX_AGE"] = kept


@dataclass
class Ledger:
    """What a client following docs/feed.md does: one equality a frame, and messages by their repeat key."""

    epoch: str = ""
    seq: int = 0
    at: str | None = None
    seen: Counter[tuple[str, ...]] = field(default_factory=Counter)
    numbers: list[int] = field(default_factory=list)
    skipped: int = 0

    def take(self, frame: Json) -> None:
        """Check a frame against the position, and move on."""
        if frame["op"] == "subscribed":
            self.epoch, self.seq = frame["epoch"], frame["seq"]
        elif frame["op"] == "epoch":
            assert frame["previous"] == {"epoch": self.epoch, "seq": self.seq}, frame
            self.epoch, self.seq = frame["epoch"], frame["seq"]
        elif frame["op"] == "data":
            assert frame["from"] == self.seq, f"a hole: at {self.seq}, got {frame['from']}..{frame['to']}"
            assert frame["to"] >= frame["from"]
            numbers = [message["seq"] for message in frame["messages"]]
            assert numbers == sorted(set(numbers))
            assert all(frame["from"] < number <= frame["to"] for number in numbers)
            self.numbers += numbers
            self.skipped += frame.get("skipped", 0)
            self.seq, self.at = frame["to"], frame["at"]
            for message in frame["messages"]:
                self.seen[key_of(message)] += 1

    @property
    def since(self) -> Json:
        """For the next connection's first subscribe."""
        return {"epoch": self.epoch, "seq": self.seq, **({"at": self.at} if self.at else {})}


class Wire:
    """A connection without a server: frames in, frames out, of which each fits its schema.

    Cleared `may_send` lets the server side wait on every send.
    """

    open: ClassVar[list["Wire"]] = []
    """A server holds its connections; here nobody else would, and they would be collected while they run."""

    def __init__(self, hub: Hub, *, identity: str = "") -> None:
        self._in: asyncio.Queue[Json] = asyncio.Queue()
        self._out: asyncio.Queue[Json] = asyncio.Queue()
        self.may_send = asyncio.Event()
        self.may_send.set()
        self._in.put_nowait({"type": "websocket.connect"})
        self.open.append(self)
        self.task = asyncio.create_task(consumers.serve(hub=hub, receive=self._in.get, send=self._take, identity=identity))

    async def _take(self, message: Any) -> None:
        await self.may_send.wait()
        self._out.put_nowait(dict(message))

    def say(self, **frame: Any) -> None:
        """Send a frame to the server."""
        self.say_raw(text=json.dumps(frame))

    def say_raw(self, *, text: str | None = None, data: bytes | None = None) -> None:
        """Send whatever."""
        self._in.put_nowait({"type": "websocket.receive", "text": text, "bytes": data})

    async def event(self) -> Json:
        """The server's next ASGI message."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._out.get()

    async def frame(self, op: str | None = None) -> Json:
        """The next frame; with `op` the next one of that kind, others dropped."""
        while True:
            message = await self.event()
            if message["type"] == "websocket.close":
                raise ConnectionError(message["code"])
            if message["type"] == "websocket.send":
                schema.decode(message["text"])
                frame: Json = json.loads(message["text"])
                if op in (None, frame["op"]):
                    return frame

    async def subscribe(self, *channels: str, since: Json | None = None, mode: str | None = None) -> Json:
        """Subscribe, and answer the server's answer."""
        more = {"since": since, "mode": mode}
        self.say(op="subscribe", id="s", channels=channels, **{name: value for name, value in more.items() if value})
        return await self.frame("subscribed")

    async def follow(self, ledger: Ledger, *, until: int, pongs: bool = False) -> None:
        """Take frames until the ledger has seen so many different messages; acknowledge each of them when asked to."""
        while len(ledger.seen) < until:
            ledger.take(await self.frame())
            if pongs:
                self.say(op="pong", to=ledger.seq)

    async def closed(self) -> tuple[Json, int]:
        """The `bye`, and the code of the close behind it."""
        bye = await self.frame("bye")
        event = await self.event()
        assert event["type"] == "websocket.close"
        return bye, event["code"]

    def leave(self, code: int) -> None:
        """Disconnect as a client may, with a code of its own."""
        self._in.put_nowait({"type": "websocket.disconnect", "code": code})

    async def hang_up(self) -> None:
        """Disconnect, and let the server side end."""
        self.may_send.set()
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await asyncio.wait_for(asyncio.gather(self.task, return_exceptions=True), PATIENCE_SECONDS)


def new_hub(**limits: Any) -> Hub:
    """A hub on the tests' servers; heartbeats are out of the way unless asked for."""
    return Hub(url=settings.REDIS_URL, ring=new_ring(), limits=Limits(**{"heartbeat_s": 3600, **limits}))
