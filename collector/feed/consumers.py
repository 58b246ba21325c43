"""`/ws/feed`: one connection, from its handshake to its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, InterfaceError

from collector.feed import metrics, protocol
from collector.feed.fanout import advance
from collector.feed.frames import CloseCode
from collector.feed.hearing import TOO_MUCH_RETRY_SECONDS, Hearing, Said
from collector.feed.hub import Hub, shared_hub
from collector.feed.peers import identity_of
from collector.feed.position import Position
from collector.feed.protocol import ProtocolError, Subscribe, Unsubscribe
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
    await serve(hub=shared_hub(), receive=receive, send=send, identity=identity_of(scope))


async def serve(*, hub: Hub, receive: Receive, send: Send, identity: str = "") -> None:
    """Serve one connection on `hub`."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    with hub.peers.entered(identity) as is_one_too_many, metrics.connected():
        if is_one_too_many:
            reason = f"expected at most {hub.limits.max_connections} connections of one client"
            await say_goodbye(send, code=CloseCode.TOO_MUCH, reason=reason, retry_in=TOO_MUCH_RETRY_SECONDS)
            return
        try:
            position = await hub.ready()
        except TimeoutError:
            await say_goodbye(send, code=CloseCode.TRY_AGAIN, reason="the feed can't be read now", retry_in=2)
            return
        subscriber = Subscriber(position=position, limits=hub.limits)
        subscriber.live(protocol.hello(position=position, limits=hub.limits))
        await Connection(hub=hub, subscriber=subscriber, receive=receive, send=send).run()


class Connection:
    """A reader, which hears the client; a worker, which obeys its frames in their order; a writer, which empties the queue.

    The reader never waits for the worker: a resume waits for the client's pongs.
    """

    def __init__(self, *, hub: Hub, subscriber: Subscriber, receive: Receive, send: Send) -> None:
        self._hub, self._subscriber = hub, subscriber
        self._receive, self._send = receive, send
        self._hearing = Hearing(subscriber=subscriber, limits=hub.limits)
        self._has_subscribed = False

    async def run(self) -> None:
        """Until either side closes. A cancellation is the server's shutdown: say so, that clients come back."""
        tasks = {asyncio.create_task(part()) for part in (self._read, self._work, self._write, self._expire)}
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
            self._hearing.stop()
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
            if outgoing.committed:
                metrics.handed_to_socket(committed=outgoing.committed, now=clock.now_us())
            if outgoing.position is not None:
                self._subscriber.sent = outgoing.position
            if outgoing.close is not None:
                await _close(self._send, outgoing.close)
                return

    async def _expire(self) -> None:
        """End a closing connection whose client does not even take the last frame."""
        await self._subscriber.closed.wait()
        await asyncio.sleep(self._hub.limits.close_grace_s)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                if self._subscriber.closing is None:
                    metrics.left(message.get("code"))
                return
            if self._subscriber.closing is None:
                self._hearing.hear(message)

    async def _work(self) -> None:
        while True:
            await self._obey(await self._hearing.next())

    async def _obey(self, frame: Said) -> None:
        try:
            match frame:
                case ProtocolError():
                    raise frame
                case Unsubscribe():
                    self._unsubscribe(frame)
                case Subscribe():
                    await self._subscribe(frame)
        except ProtocolError as problem:
            self._subscriber.live(protocol.error(problem))
        except (TimeoutError, HistoryMoved, FeedUnavailable, DatabaseError, InterfaceError) as error:
            logger.warning("A resume can't go on: %r", error, extra={"action": "feed_resume_failed"})
            self._subscriber.close(CloseCode.TRY_AGAIN, reason="history can't be read now", retry_in=1)

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
        self._hearing.has_asked = True
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
        subscriber.mode = frame.mode_after(subscriber.mode)
        if missing is not None:  # what was published since it was judged is before this position too
            missing = replace(missing, gap_to=clock.now_us())
        subscriber.live(
            protocol.subscribed(frame_id=frame.id, position=subscriber.position, channels=len(channels), missing=missing)
        )

    async def _resume(self, frame: Subscribe, since: protocol.Since, channels: frozenset[str]) -> None:
        """Attach first, held; then history up to where we attached; then what was held."""
        hub, subscriber = self._hub, self._subscriber
        begin = await judge(hub, since, channels)
        if isinstance(begin, protocol.Missing):
            metrics.resumed(begin.reason)
            self._join(frame, channels, begin)
            return
        metrics.resumed(None)
        top = await hub.ready()
        subscriber.position = top
        subscriber.begin(begin)
        subscriber.hold()
        hub.fanout.put(subscriber, channels)
        subscriber.mode = frame.mode_after(subscriber.mode)
        subscriber.now(protocol.subscribed(frame_id=frame.id, position=begin, channels=len(channels)))
        await send_history(hub, subscriber, since=begin, top=top)
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


async def _close(send: Send, code: CloseCode) -> None:
    metrics.closed(code)
    await send({"type": "websocket.close", "code": int(code)})


async def say_goodbye(
    send: Send, *, code: CloseCode, reason: str, retry_in: float | None, position: Position | None = None
) -> None:
    """A bye frame and a close. Nothing when the socket is gone already."""
    with suppress(OSError):
        await send(_frame(protocol.bye(code=code, reason=reason, retry_in=retry_in, position=position)))
        await _close(send, code)


async def no_such_path(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application of every other WebSocket path: a close that says so, instead of a traceback."""
    await receive()
    await send({"type": "websocket.accept"})
    await say_goodbye(send, code=CloseCode.NO_SUCH_PATH, reason="the feed is at /ws/feed", retry_in=None)
