"""One feed as an iterator that outlives its connections."""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType

from marketdata_client.channels import Channels
from marketdata_client.errors import Closed
from marketdata_client.filling import Filler, Filling
from marketdata_client.line import Line, Mode, Told
from marketdata_client.models import Bar, Filled, Gap, Mark, Message, Quote
from marketdata_client.position import Position
from marketdata_client.repeats import Repeats
from marketdata_client.rest import Rest

WAITING, WAITING_LATEST = 16, 2
"""Frames and pages that are handed on ahead of the caller: some megabytes at most. Behind them nothing is acknowledged, and the server
sees it. Who wants the newest has no use for many older ones."""


@dataclass(frozen=True, slots=True)
class _Ended:
    error: BaseException


class Subscription:
    """`async for message in subscription`: every message of the channels once, in order, whatever happens to the connection.

    A connection that breaks is made anew and resumed. What the server can't resume is told by a `Gap`; the bars and quotes that it
    may have held follow from the REST API, between live messages, and `Filled` says that nothing of any gap is missing any more.
    A repeat is dropped, and so is a revision that comes behind a higher one of the same bar or quote, as long as that is among
    the `remember` that were seen last; `History` notices, which have no revision, may repeat after a restart of the server's Valkey.
    In mode `latest` a caller that is slower than the feed gets the newest message of each series, instrument or tier, behind a `Skipped`.

    `position` is where the messages yielded so far lead to: pass it as `since` to go on there later.
    Raises Refused when the server says no for good, so that repeating would be vain.
    """

    def __init__(
        self,
        rest: Rest,
        channels: Iterable[str],
        *,
        since: Position | datetime | None,
        mode: Mode,
        remember: int,
        page: int,
    ) -> None:
        self.position = since if isinstance(since, Position) else None
        self._fills = () if self.position is None else self.position.fills
        self._inbox: asyncio.Queue[Told | Filling | _Ended] = asyncio.Queue(WAITING_LATEST if mode == "latest" else WAITING)
        wanted = Channels(channels)
        self._filler = Filler(rest, wanted, put=self._inbox.put, page=page)
        self._line = Line(rest, wanted, since=since, mode=mode, put=self._inbox.put)
        self._repeats = Repeats(most=remember)
        self._ready: deque[tuple[Message, Position | None]] = deque()
        self._is_subscribed = False
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    def __aiter__(self) -> "Subscription":
        return self

    async def start(self) -> None:
        """Wait until the server has subscribed us: everything that is published from then on will be yielded.

        Raises: Refused, NotAllowed; Closed.
        """
        try:
            while self._error is not None or not self._is_subscribed:
                await self._receive()
        except StopAsyncIteration:
            raise Closed("the subscription is closed") from None

    async def __anext__(self) -> Message:
        if not self._ready:
            await self.ready()
        return self.take()

    async def ready(self) -> None:
        """Wait until there is something to take; cancelling this loses nothing. Raises: Refused, NotAllowed; StopAsyncIteration."""
        while not self._ready:
            await self._receive()

    @property
    def is_ready(self) -> bool:
        """True when there is something to take."""
        return bool(self._ready)

    def take(self) -> Message:
        """The next message. Raises: StopAsyncIteration when there is none, because the subscription was closed meanwhile."""
        try:
            message, self.position = self._ready.popleft()
        except IndexError:
            raise StopAsyncIteration from None
        return message

    async def _receive(self) -> None:
        if self._error is not None:
            raise self._error
        self._task = self._task or asyncio.create_task(self._run())
        self._take(await self._inbox.get())

    async def __aenter__(self) -> "Subscription":
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up. Nothing more is yielded."""
        self._error = self._error or StopAsyncIteration()
        self._ready.clear()
        with suppress(asyncio.QueueFull):  # wakes who waits for the next message; where the inbox is full, nobody does
            self._inbox.put_nowait(_Ended(self._error))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        """Line and filler, until one of them can't go on."""
        tasks = [asyncio.create_task(self._line.run()), asyncio.create_task(self._filler.run())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                await self._inbox.put(_Ended(task.exception() or StopAsyncIteration()))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, told: Told | Filling | _Ended) -> None:
        """Make messages ready, those that are new; the last one leads to where all of them do."""
        if isinstance(told, _Ended):
            self._error = told.error
            return
        found, end = self._of_line(told) if isinstance(told, Told) else self._of_filler(told)
        self._ready.extend((message, position) for message, position in found if self._is_new(message))
        if self._ready:
            self._ready[-1] = (self._ready[-1][0], end)
        else:
            self.position = end

    def _of_line(self, told: Told) -> tuple[list[tuple[Message, Position | None]], Position | None]:
        wanted = () if self._is_subscribed else self._fills
        found: list[tuple[Message, Position | None]] = []
        for message, position in told.found:
            if isinstance(message, Gap):
                self._fills += message.fill_urls
                wanted += message.fill_urls
            found.append((message, replace(position, fills=self._fills) if self._fills else position))
        self._is_subscribed = True
        self._filler.add(wanted)
        end = replace(told.end, fills=self._fills)
        if told.found and isinstance(told.found[0][0], Gap) and not self._fills:
            found.append((Filled(), end))
        return found, end

    def _of_filler(self, page: Filling) -> tuple[list[tuple[Message, Position | None]], Position | None]:
        """A page stays to be read until the last of it was yielded."""
        here = self.position
        place = self._fills.index(page.url)
        rest = () if page.next is None else (page.next,)
        self._fills = (*self._fills[:place], *rest, *self._fills[place + 1 :])
        found: list[tuple[Message, Position | None]] = [(one, here) for one in page.found]
        if not self._fills:
            found.append((Filled(), here))
        return found, None if here is None else replace(here, fills=self._fills)

    def _is_new(self, message: Message) -> bool:
        if isinstance(message, Bar | Quote):
            return self._repeats.is_new(message.key, message.rev or 0)
        return not isinstance(message, Mark) or self._repeats.is_new(message.key, 0)
