"""The feed, over all its connections: connect, resume, check, and again."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import aiohttp

from marketdata_client.channels import Channels
from marketdata_client.connection import Connection, Lost
from marketdata_client.errors import HoleFound, NotAllowed, Refused, told
from marketdata_client.models import Bar, Filled, Gap, History, Json, Mark, Message, Quote, Skipped, read
from marketdata_client.position import Position, Tracker
from marketdata_client.rest import UNREACHABLE, Rest, at

PATH = "/ws/feed"
ID = "subscribe"
"""An error with it is about the subscription; others are about a pong, and no reason to stop."""
KINDS: dict[str, type[Bar] | type[Quote] | type[History] | type[Mark]] = {
    "bar": Bar,
    "quote": Quote,
    "history": History,
    "mark": Mark,
}
CLOSING = aiohttp.ClientWSTimeout(ws_close=2.0)
"""For the server's answer to our close: one that is dead must not hold up who hangs up."""
Mode = Literal["every", "latest"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What a frame brought, each with the position that it leads to, and where all of it does."""

    found: tuple[tuple[Message, Position], ...]
    end: Position


class Line:
    """Hands on what every connection brings, proven to be without a hole; gaps that the server tells of as well."""

    def __init__(
        self,
        rest: Rest,
        wanted: Channels,
        *,
        since: Position | datetime | None,
        mode: Mode,
        put: Callable[[Told], Awaitable[None]],
    ) -> None:
        self._rest, self._put = rest, put
        self._asked = {"op": "subscribe", "id": ID, "channels": wanted.names, **({} if mode == "every" else {"mode": mode})}
        self._time = at(since) if isinstance(since, datetime) else None
        self._tracker = Tracker(replace(since, fills=()) if isinstance(since, Position) else None)
        self._failures = 0

    async def run(self) -> None:
        """Until cancelled. Raises: Refused, NotAllowed."""
        while True:
            try:
                await self._connect()
            except (Lost, HoleFound, *UNREACHABLE) as error:
                self._failures += 1
                least = error.retry_in if isinstance(error, Lost) else 0.0
                pause = self._rest.backoff.pause_s(failures=self._failures, at_least_s=least)
                level = logging.ERROR if isinstance(error, HoleFound) else logging.WARNING
                logger.log(level, "The feed's connection ended, resuming in %.1f s: %s", pause, told(error))
                await asyncio.sleep(pause)

    async def _connect(self) -> None:
        try:
            opening = await self._rest.session.ws_connect(self._rest.address(PATH), max_msg_size=0, timeout=CLOSING)
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                raise NotAllowed(f"http_{error.status}", error.message) from error
            raise
        async with opening as socket:
            await socket.send_str(self._subscribe())
            await Connection(socket, self._frame).run()

    def _subscribe(self) -> str:
        here = self._tracker.position
        since = here.since if here is not None else {"time": self._time} if self._time is not None else None
        return json.dumps({**self._asked, **({} if since is None else {"since": since})})

    async def _frame(self, frame: Json) -> None:
        """Take one frame. Frames and messages of kinds that this version does not know are left out."""
        match frame["op"]:
            case "subscribed":
                gap = self._tracker.subscribed(frame)
                await self._hand_on([] if gap is None else [gap])
            case "epoch":
                self._tracker.epoch(frame)
                await self._hand_on([])
            case "data":
                before = self._tracker.position
                messages = self._tracker.data(frame)
                self._failures = 0
                skipped = frame.get("skipped", 0)
                known = [read(KINDS[one["type"]], one) for one in messages if one["type"] in KINDS]
                await self._hand_on([*([Skipped(skipped)] if skipped else []), *known], before=before)
            case "error" if frame["id"] == ID:
                raise Refused(frame["code"], frame["message"])
            case "error":
                logger.warning("The server did not understand a frame: %s: %s", frame["code"], frame["message"])

    async def _hand_on(self, found: Iterable[Message], *, before: Position | None = None) -> None:
        end = self._tracker.position
        if end is not None:
            await self._put(Told(tuple(_leading(found, before or end, end)), end))


def _leading(found: Iterable[Message], before: Position, end: Position) -> Iterator[tuple[Message, Position]]:
    """Each with the position behind it. Within a frame the time is still that of the frame before."""
    for one in found:
        if isinstance(one, Skipped):
            yield one, before
        elif isinstance(one, Gap | Filled) or one.seq is None:
            yield one, end
        else:
            yield one, Position(before.epoch, one.seq, before.at)
