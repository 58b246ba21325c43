"""The feed's socket: connect, resume, check, acknowledge, and again."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

import aiohttp

from marketdata_client.channels import Channels
from marketdata_client.errors import HoleFound, NotAllowed, Refused
from marketdata_client.models import Bar, Gap, History, Json, Quote, read
from marketdata_client.position import Position, Tracker
from marketdata_client.rest import UNREACHABLE, Rest, at

PATH = "/ws/feed"
ID = "subscribe"
"""An error with it is about the subscription; others are about a pong, and no reason to stop."""
HEARTBEATS = 3
"""Without a frame for so many, the connection is dead."""
KINDS: dict[str, type[Bar] | type[Quote] | type[History]] = {"bar": Bar, "quote": Quote, "history": History}
NOT_ALLOWED = frozenset({4401, 4403})
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What a frame brought, each with the position that it leads to, and where all of it does."""

    found: tuple[tuple[Bar | Quote | History | Gap, Position], ...]
    end: Position


class _Lost(Exception):
    """The connection is over; a new one may be made."""

    def __init__(self, why: str, *, retry_in: float = 0.0) -> None:
        super().__init__(why)
        self.retry_in = retry_in


class Line:
    """Hands on what every connection brings, proven to be without a hole; gaps that the server tells of as well."""

    def __init__(
        self,
        rest: Rest,
        wanted: Channels,
        *,
        since: Position | datetime | None,
        put: Callable[[Told], Awaitable[None]],
        fill: Callable[[Iterable[str]], None],
    ) -> None:
        self._rest, self._wanted, self._put, self._fill = rest, wanted, put, fill
        self._time = at(since) if isinstance(since, datetime) else None
        self._tracker = Tracker(replace(since, fills=()) if isinstance(since, Position) else None)
        self._failures = 0

    async def run(self) -> None:
        """Until cancelled. Raises: Refused, NotAllowed."""
        while True:
            try:
                await self._connect()
            except (_Lost, HoleFound, *UNREACHABLE) as error:
                self._failures += 1
                least = error.retry_in if isinstance(error, _Lost) else 0.0
                pause = self._rest.backoff.pause_s(failures=self._failures, at_least_s=least)
                level = logging.ERROR if isinstance(error, HoleFound) else logging.INFO
                logger.log(level, "The feed's connection ended, resuming in %.1f s: %r", pause, error)
                await asyncio.sleep(pause)

    async def _connect(self) -> None:
        try:
            opening = await self._rest.session.ws_connect(self._rest.address(PATH), max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                raise NotAllowed(f"http_{error.status}", error.message) from error
            raise
        async with opening as socket:
            await socket.send_str(self._subscribe())
            await _Connection(socket, self._frame).run()

    def _subscribe(self) -> str:
        here = self._tracker.position
        since = here.since if here is not None else {"time": self._time} if self._time is not None else None
        return json.dumps(
            {"op": "subscribe", "id": ID, "channels": self._wanted.names, **({} if since is None else {"since": since})}
        )

    async def _frame(self, frame: Json) -> None:
        """Take one frame. Frames and messages of kinds that this version does not know are left out."""
        match frame["op"]:
            case "subscribed":
                gap = self._tracker.subscribed(frame)
                await self._hand_on([] if gap is None else [gap])
                self._fill(() if gap is None else gap.fill_urls)
            case "epoch":
                self._tracker.epoch(frame)
                await self._hand_on([])
            case "data":
                before = self._tracker.position
                messages = self._tracker.data(frame)
                self._failures = 0
                known = [read(KINDS[one["type"]], one) for one in messages if one["type"] in KINDS]
                await self._hand_on(known, before=before)
            case "error" if frame["id"] == ID:
                raise Refused(frame["code"], frame["message"])
            case "error":
                logger.warning("The server did not understand a frame: %s: %s", frame["code"], frame["message"])

    async def _hand_on(self, found: list[Bar | Quote | History] | list[Gap], *, before: Position | None = None) -> None:
        end = self._tracker.position
        if end is not None:
            await self._put(Told(tuple(_leading(found, before or end, end)), end))


def _leading(
    found: Iterable[Bar | Quote | History | Gap], before: Position, end: Position
) -> Iterator[tuple[Bar | Quote | History | Gap, Position]]:
    """Each with the position behind it. Within a frame the time is still that of the frame before."""
    for one in found:
        yield one, end if isinstance(one, Gap) or one.seq is None else replace(before, seq=one.seq)


class _Connection:
    """One socket: reads frames, acknowledges what was handed on."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, take: Callable[[Json], Awaitable[None]]) -> None:
        self._socket, self._take = socket, take
        self._patience_s = 30.0

    async def run(self) -> NoReturn:
        """Raises: _Lost and what reading raises when it is over."""
        while True:
            received = await self._socket.receive(timeout=self._patience_s)
            if received.type is not aiohttp.WSMsgType.TEXT:
                _over(self._socket.close_code or 1006, "closed without a word", retry_in=0.0)
            frame: dict[str, Any] = json.loads(received.data)
            match frame["op"]:
                case "hello":
                    self._patience_s = HEARTBEATS * frame["heartbeat_s"]
                case "bye":
                    _over(frame["code"], frame["reason"], retry_in=frame["retry_in"])
                case _:
                    await self._take(frame)
                    if frame["op"] == "data":  # handed on: a caller that is slow lets the server see it
                        await self._socket.send_str(json.dumps({"op": "pong", "to": frame["to"]}))


def _over(code: int, reason: str, *, retry_in: float | None) -> NoReturn:
    """What a close means. Raises: NotAllowed, Refused (another connection would end alike), _Lost."""
    if code in NOT_ALLOWED:
        raise NotAllowed(str(code), reason)
    if retry_in is None or 4500 <= code < 5000:
        raise Refused(str(code), reason)
    raise _Lost(f"{code}: {reason}", retry_in=retry_in)
