"""`/ws/feed`: one connection, from its handshake to its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, InterfaceError

from collector.feed import protocol
from collector.feed.fanout import advance
from collector.feed.hub import Hub, shared_hub
from collector.feed.position import Position
from collector.feed.protocol import CloseCode, Pong, ProtocolError, Subscribe, Unsubscribe
from collector.feed.resume import HistoryMoved, judge, send_history
from collector.feed.ring import FeedUnavailable
from collector.feed.subscriber import Subscriber
from marketdata_site.observability import clock

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
logger = logging.getLogger(__name__)
GOODBYE_SECONDS = 0.2
"""How long the server gets to write the last frame when it shuts down; it tells nobody when it has."""


async def feed(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application."""
    await serve(hub=shared_hub(), receive=receive, send=send)


async def serve(*, hub: Hub, receive: Receive, send: Send) -> None:
    """Serve one connection on `hub`."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    try:
        position = await hub.ready()
    except TimeoutError:
        await say_goodbye(send, code=CloseCode.TRY_AGAIN, reason="the feed can't be read now", retry_in=2)
        return
    subscriber = Subscriber(position=position, limits=hub.limits)
    await send(_frame(protocol.hello(position=position, limits=hub.limits)))
    await Connection(hub=hub, subscriber=subscriber, receive=receive, send=send).run()


class Connection:
    """A reader, which obeys the client's frames in their order, and a writer, which empties the subscriber's queue."""

    def __init__(self, *, hub: Hub, subscriber: Subscriber, receive: Receive, send: Send) -> None:
        self._hub, self._subscriber = hub, subscriber
        self._receive, self._send = receive, send
        self._has_subscribed = False

    async def run(self) -> None:
        """Until either side closes. A cancellation is the server's shutdown: say so, that clients come back."""
        tasks = {asyncio.create_task(self._read()), asyncio.create_task(self._write()), asyncio.create_task(self._expire())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except asyncio.CancelledError:
            await self._end(tasks)
            if self._subscriber.closing is None:
                where = self._subscriber.sent
                await say_goodbye(self._send, code=CloseCode.RESTARTING, reason="the server ends", retry_in=1, position=where)
                await asyncio.sleep(GOODBYE_SECONDS)
            raise
        finally:
            await self._end(tasks)

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        self._hub.fanout.drop(self._subscriber)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            outgoing = await self._subscriber.next()
            await self._send(_frame(outgoing.text))
            if outgoing.position is not None:
                self._subscriber.sent = outgoing.position
            if outgoing.close is not None:
                await self._send({"type": "websocket.close", "code": int(outgoing.close)})
                return

    async def _expire(self) -> None:
        """End a closing connection whose client does not even take the last frame."""
        await self._subscriber.closed.wait()
        await asyncio.sleep(self._hub.limits.close_grace_s)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            if self._subscriber.closing is None:
                await self._obey(message)

    async def _obey(self, message: Message) -> None:
        try:
            text = message.get("text")
            if text is None:
                raise ProtocolError("binary_frame", "expected a text frame with one JSON object")
            await self._answer(protocol.read_frame(text, limits=self._hub.limits))
        except ProtocolError as problem:
            self._subscriber.live(protocol.error(problem))
        except (TimeoutError, HistoryMoved, FeedUnavailable, DatabaseError, InterfaceError) as error:
            logger.warning("A resume can't go on: %r", error, extra={"action": "feed_resume_failed"})
            self._subscriber.close(CloseCode.TRY_AGAIN, reason="history can't be read now", retry_in=1)

    async def _answer(self, frame: protocol.ClientFrame) -> None:
        match frame:
            case Pong():
                self._subscriber.acknowledged = frame.to
            case Unsubscribe():
                self._unsubscribe(frame)
            case Subscribe():
                await self._subscribe(frame)

    def _unsubscribe(self, frame: Unsubscribe) -> None:
        subscriber = self._subscriber
        self._come_to_the_top()
        self._hub.fanout.put(subscriber, subscriber.channels.difference(frame.channels))
        subscriber.live(
            protocol.unsubscribed(frame_id=frame.id, position=subscriber.position, channels=len(subscriber.channels))
        )

    async def _subscribe(self, frame: Subscribe) -> None:
        subscriber = self._subscriber
        channels = subscriber.channels.union(frame.channels)
        if len(channels) > self._hub.limits.max_channels:
            text = f"expected at most {self._hub.limits.max_channels} channels on a connection, got {len(channels)}"
            raise ProtocolError("too_many_channels", text, frame_id=frame.id)
        if frame.since is not None and self._has_subscribed:
            raise ProtocolError("since_not_first", "expected since in a connection's first subscribe only", frame_id=frame.id)
        if frame.since is None:
            self._join(frame, channels)
        else:
            await self._resume(frame, frame.since, channels)
        self._has_subscribed = True

    def _join(self, frame: Subscribe, channels: frozenset[str], missing: protocol.Missing | None = None) -> None:
        """From the hub's position on."""
        subscriber = self._subscriber
        self._come_to_the_top()
        self._hub.fanout.put(subscriber, channels)
        if missing is not None:  # what was published since it was judged is before this position too
            missing = replace(missing, gap_to=clock.now_us())
        subscriber.live(
            protocol.subscribed(frame_id=frame.id, position=subscriber.position, channels=len(channels), missing=missing)
        )

    async def _resume(self, frame: Subscribe, since: protocol.Since, channels: frozenset[str]) -> None:
        """Attach first, held; then history up to where we attached; then what was held."""
        hub, subscriber = self._hub, self._subscriber
        missing = await judge(hub, since, channels)
        if missing is not None:
            self._join(frame, channels, missing)
            return
        top = await hub.ready()
        subscriber.position = top
        subscriber.sent = since.position
        subscriber.hold()
        hub.fanout.put(subscriber, channels)
        subscriber.now(protocol.subscribed(frame_id=frame.id, position=since.position, channels=len(channels)))
        await send_history(hub, subscriber, since=since.position, top=top)
        subscriber.release()

    def _come_to_the_top(self) -> None:
        """Stand where the hub stands: in the old subscription's eyes by a frame, without one by the answer's position."""
        top = self._hub.position
        if top is None:
            return
        if self._subscriber.channels:
            advance(self._subscriber, to=top, at=self._hub.at)
        self._subscriber.position = top


def _frame(text: str) -> Message:
    return {"type": "websocket.send", "text": text}


async def say_goodbye(
    send: Send, *, code: CloseCode, reason: str, retry_in: float | None, position: Position | None = None
) -> None:
    """A bye frame and a close. Nothing when the socket is gone already."""
    with suppress(OSError):
        await send(_frame(protocol.bye(code=code, reason=reason, retry_in=retry_in, position=position)))
        await send({"type": "websocket.close", "code": int(code)})


async def no_such_path(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application of every other WebSocket path: a close that says so, instead of a traceback."""
    await receive()
    await send({"type": "websocket.accept"})
    await say_goodbye(send, code=CloseCode.NO_SUCH_PATH, reason="the feed is at /ws/feed", retry_in=None)
