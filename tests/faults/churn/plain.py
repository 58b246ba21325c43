"""A client made of docs/feed.md alone: `websockets`, and HTTP."""

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.faults.churn.ending import end
from tests.faults.churn.proof import Place, Said
from tests.faults.churn.reporting import Reporter

Json = dict[str, Any]
SILENCE_S = 30
"""Three heartbeats."""
PAGE = 1_000


class Plain:
    """Follows the procedure, from either web process. What it has stored outlives a crash: position, fills, and what it took."""

    def __init__(self, *, addresses: Sequence[str], channels: Sequence[str], reporter: Reporter, rng: random.Random) -> None:
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.holes = 0
        self.place: Place | None = None
        self._at: str | None = None
        self._fills: list[str] = []
        self._addresses, self._channels, self._report, self._rng = addresses, channels, reporter, rng
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._more_fills = asyncio.Event()

    @property
    def is_filled(self) -> bool:
        """True when nothing of a gap is missing any more."""
        return not self._fills

    def begin(self) -> None:
        """With what is stored."""
        self._report.began()
        self._more_fills.set()
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._fill())]

    async def crash(self) -> None:
        """Nothing but what is stored is left."""
        self.cut()
        await end(self._tasks)

    def check(self) -> None:
        """Raises: whatever ended it."""
        for task in self._tasks:
            if task.done():
                task.result()

    def cut(self) -> None:
        """The line breaks, without a close frame."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _follow(self) -> None:
        while True:
            with suppress(OSError, TimeoutError, WebSocketException):
                async with connect(f"ws://{self._rng.choice(self._addresses)}/ws/feed", max_size=None) as self._socket:
                    await self._converse(self._socket)
            self._socket = None
            await asyncio.sleep(self._rng.uniform(0.02, 0.4))

    async def _converse(self, socket: ClientConnection) -> None:
        subscribe: Json = {"op": "subscribe", "channels": list(self._channels)}
        if self.place is not None:
            at = {} if self._at is None else {"at": self._at}
            subscribe["since"] = {"epoch": self.place.epoch, "seq": self.place.seq, **at}
        await socket.send(json.dumps(subscribe))
        while True:
            await self.may_read.wait()
            async with asyncio.timeout(SILENCE_S):
                frame = json.loads(await socket.recv())
            self._take(frame)
            if frame["op"] == "data":
                await socket.send(json.dumps({"op": "pong", "to": frame["to"]}))
            elif frame["op"] == "bye":
                assert frame["retry_in"] is not None, frame
                return

    def _take(self, frame: Json) -> None:
        """One frame; what comes of it is stored at once, or none of it."""
        match frame["op"]:
            case "subscribed":
                self._subscribed(frame)
            case "epoch":
                assert frame["previous"] == {"epoch": self._here.epoch, "seq": self._here.seq}, (self.place, frame)
                self.place = Place(frame["epoch"], frame["seq"])
            case "data":
                assert frame["from"] == self._here.seq, f"a hole: at {self.place}, got {frame['from']}..{frame['to']}"
                for message in frame["messages"]:
                    self._report.live(Place(self._here.epoch, message["seq"]), _said(message))
                self.place, self._at = Place(self._here.epoch, frame["to"]), frame["at"]
            case "error":
                raise AssertionError(frame)

    def _subscribed(self, frame: Json) -> None:
        told, before = Place(frame["epoch"], frame["seq"]), self.place
        if before is None:
            self._report.start(told)
        elif frame["recovered"]:
            assert told == before, (before, frame)
        else:
            self.holes += 1
            self._report.hole(before, told)
            self._fills += frame["fill_urls"]
            self._more_fills.set()
        self.place = told

    @property
    def _here(self) -> Place:
        assert self.place is not None
        return self.place

    async def _fill(self) -> None:
        """Read what gaps left out, a page after the other; an address stays until its page was taken."""
        while True:
            await self._more_fills.wait()
            self._more_fills.clear()
            while self._fills:
                try:
                    page = await asyncio.to_thread(_get, self._rng.choice(self._addresses), self._fills[0])
                except (OSError, HTTPException, ValueError):
                    await asyncio.sleep(self._rng.uniform(0.05, 0.5))
                    continue
                self._take_page(page)

    def _take_page(self, page: Json) -> None:
        for entry in page["bars"]:
            if not {f"bars.1m.{entry['symbol']}", "bars.1m.*", "bars.*.*"}.isdisjoint(self._channels):
                self._report.filled(self._here, _said(entry))
        url, *others = self._fills
        begin = url.partition("&after=")[0]
        self._fills = others if page["next"] is None else [f"{begin}&after={page['next']}", *others]


def _get(address: str, url: str) -> Json:
    with urlopen(f"http://{address}{url}&limit={PAGE}", timeout=SILENCE_S) as answer:
        found: Json = json.load(answer)
    return found


def _said(entry: Json) -> Said:
    return Said(entry["symbol"], entry["start"], entry["rev"], entry["close"])
