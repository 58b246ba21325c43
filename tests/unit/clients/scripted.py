"""A feed on loopback that says what a test tells it to, and notes what it is told: for what a real server does too seldom."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import WSMsgType, web

from tests.feed_support import bar

PATIENCE_SECONDS = 60
Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


async def soon(wait: Awaitable[T]) -> T:
    """What comes of it, or an error instead of a test that hangs."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await wait


@dataclass
class Peer:
    """One connection, seen from the server; `asked` is its subscribe."""

    socket: web.WebSocketResponse
    asked: Json

    async def say(self, op: str, **fields: Any) -> None:
        """Send a frame."""
        await self.socket.send_str(json.dumps({"op": op, **fields}))

    async def subscribed(self, seq: int = 0, *, epoch: str = "a", **more: Any) -> None:
        """Answer the subscribe; `recovered` unless told otherwise."""
        await self.say("subscribed", id="subscribe", **{"epoch": epoch, "seq": seq, "channels": 1, "recovered": True, **more})

    async def data(self, begin: int, *messages: Json, to: int | None = None, **more: Any) -> None:
        """A data frame from `begin` on, of messages numbered one after the other."""
        numbered = [message | {"seq": begin + number} for number, message in enumerate(messages, 1)]
        end = begin + len(messages) if to is None else to
        await self.say("data", **{"from": begin, "to": end, "at": "2026-11-22T14:30:02Z", "messages": numbered, **more})

    async def hear(self) -> Json:
        """The client's next frame; its closing is one with the op `close`."""
        received = await soon(self.socket.receive())
        if received.type is WSMsgType.TEXT:
            frame: Json = json.loads(received.data)
            return frame
        return {"op": "close" if received.type in (WSMsgType.CLOSE, WSMsgType.CLOSED) else received.type.name.lower()}

    async def bye(self, code: int, reason: str, *, retry_in: float | None = None) -> None:
        """Say why, and close."""
        await self.say("bye", code=code, reason=reason, retry_in=retry_in)
        await self.socket.close(code=code)

    async def cut(self) -> None:
        """End the line without a word."""
        transport = self.socket._req.transport if self.socket._req else None
        assert transport is not None
        transport.abort()


class Feed:
    """The server: connections one after the other, and what its REST addresses answer."""

    def __init__(self, **rest: Handler) -> None:
        self.address = ""
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        app = web.Application()
        app.router.add_get("/ws/feed", self._connected)
        for name, handler in rest.items():
            app.router.add_get(f"/{name}", handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> "Feed":
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def peer(self) -> Peer:
        """The next connection, when it has asked to be subscribed."""
        return await soon(self._peers.get())

    @property
    def waiting(self) -> int:
        """Connections that no test has looked at."""
        return self._peers.qsize()

    async def _connected(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self._peers.put_nowait(Peer(socket, json.loads((await socket.receive()).data)))
        await asyncio.Event().wait()  # until the server ends: the test does the talking
        return socket


def mark(number: int = 0, *, tier: str = "T0", complete: bool = True, held: int = 198) -> Json:
    """A mark of the minute `number`."""
    begin, end = (bar("A", minute)["start"] for minute in (number, number + 1))
    return {"type": "mark", "tier": tier, "interval": "1m", "start": begin, "end": end} | {
        "complete": complete,
        "expected": 200,
        "held": held,
        "empty": 2,
    }
