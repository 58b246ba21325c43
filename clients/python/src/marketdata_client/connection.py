"""One socket of the feed: reads it, acknowledges what was taken, and knows what its end means."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn

import aiohttp

from marketdata_client.errors import NotAllowed, Refused
from marketdata_client.models import Json

HEARTBEATS = 3
"""Without a frame for so many, the connection is dead."""
NOT_ALLOWED = frozenset({4401, 4403})


class Lost(Exception):
    """The connection is over; a new one may be made, not before `retry_in` seconds."""

    def __init__(self, why: str, *, retry_in: float = 0.0) -> None:
        super().__init__(why)
        self.retry_in = retry_in


class Connection:
    """Reads all the time, so that the server's pings are answered while the caller is slow, and acknowledges what `take` returned from.

    What is read ahead has a bound of the server's: it lets no more than `hello.limits` say be unacknowledged.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, take: Callable[[Json], Awaitable[None]]) -> None:
        self._socket, self._take = socket, take
        self._patience_s = 30.0
        self._frames: asyncio.Queue[Json | None] = asyncio.Queue()
        self._untaken = 0
        self._time = asyncio.get_running_loop().time
        self._taken_at = self._time()

    async def run(self) -> NoReturn:
        """Raises: Lost, NotAllowed, Refused and what reading raises when it is over; what was read before is taken first."""
        reading = asyncio.create_task(self._read())
        reading.add_done_callback(lambda _: self._frames.put_nowait(None))
        try:
            while (frame := await self._frames.get()) is not None:
                await self._hand_on(frame)
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _hand_on(self, frame: Json) -> None:
        await self._take(frame)
        self._untaken -= 1
        self._taken_at = self._time()
        if frame["op"] == "data":
            with suppress(aiohttp.ClientError, OSError):  # the line is gone: what was read before is taken all the same
                await self._socket.send_str(json.dumps({"op": "pong", "to": frame["to"]}))

    async def _read(self) -> NoReturn:
        while True:
            received = await self._receive()
            if received.type is not aiohttp.WSMsgType.TEXT:
                _over(self._socket.close_code or 1006, "closed without a word", retry_in=0.0)
            frame: dict[str, Any] = json.loads(received.data)
            match frame["op"]:
                case "hello":
                    self._patience_s = HEARTBEATS * frame["heartbeat_s"]
                case "bye":
                    _over(frame["code"], frame["reason"], retry_in=frame["retry_in"])
                case _:
                    self._untaken += 1
                    self._frames.put_nowait(frame)

    async def _receive(self) -> aiohttp.WSMessage:
        """A server that waits for our pong may be silent: its silence counts from when everything was taken."""
        wait_s = self._patience_s
        while wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):  # aiohttp's own begins anew with each ping of the server
                    return await self._socket.receive()
            except TimeoutError:
                wait_s = self._patience_s if self._untaken else self._taken_at + self._patience_s - self._time()
        raise Lost(f"nothing came for {self._patience_s:g} s")


def _over(code: int, reason: str, *, retry_in: float | None) -> NoReturn:
    """What a close means. Raises: NotAllowed, Refused (another connection would end alike), Lost."""
    if code in NOT_ALLOWED:
        raise NotAllowed(str(code), reason)
    if retry_in is None or 4500 <= code < 5000:
        raise Refused(str(code), reason)
    raise Lost(f"{code}: {reason}", retry_in=retry_in)
