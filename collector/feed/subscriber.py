"""One connection's side of the hub: what it wants, where it stands, what waits to be sent to it. No sockets."""

import asyncio
from collections import deque
from dataclasses import dataclass

from collector.feed.limits import Limits
from collector.feed.position import Position
from collector.feed.protocol import CloseCode, bye


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame to send. `position`: where the client stands once it has it (None: as before). `close`: close behind it."""

    text: str
    position: Position | None = None
    close: CloseCode | None = None


class Subscriber:
    """Frames in order, bounded; a reader that falls behind the bounds is told so and closed, the others never wait for it.

    Servers differ in whether sending waits for the client (daphne's never does), so the bounds hold what this process keeps;
    `acknowledged` is what the client said it has.
    """

    def __init__(self, *, position: Position, limits: Limits) -> None:
        self.channels: frozenset[str] = frozenset()
        self.position = position
        """Up to where frames were queued."""
        self.sent = position
        """Up to where frames were handed to the server."""
        self.acknowledged = 0
        self.is_idle = True
        """No data frame since the last heartbeat."""
        self.closing: CloseCode | None = None
        self.closed = asyncio.Event()
        self._goodbye: tuple[str, float | None] = ("", None)
        self._limits = limits
        self._queue: deque[Outgoing] = deque()
        self._held: deque[Outgoing] | None = None
        self._bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    def live(self, text: str, *, position: Position | None = None) -> None:
        """Queue a frame of the live feed, behind a history that is still being sent."""
        if position is not None:
            self.position = position
            self.is_idle = False
        self._put(self._queue if self._held is None else self._held, Outgoing(text, position))

    def now(self, text: str, *, position: Position | None = None) -> None:
        """Queue a frame before what `hold` keeps back."""
        self._put(self._queue, Outgoing(text, position))

    def hold(self) -> None:
        """Keep live frames back until `release`: history goes first."""
        self._held = deque()

    def release(self) -> None:
        """Let the live frames follow."""
        held, self._held = self._held or deque(), None
        self._queue.extend(held)
        self._wake.set()

    @property
    def is_held(self) -> bool:
        """True while history is being sent."""
        return self._held is not None

    def close(self, code: CloseCode, *, reason: str, retry_in: float | None) -> None:
        """Drop what waits; say bye with the last position that was sent, and close. Only the first call counts."""
        if self.closing is not None:
            return
        self.closing = code
        self.closed.set()
        self._queue.clear()
        self._held, self._bytes = None, 0
        self._goodbye = (reason, retry_in)
        self._wake.set()
        self._room.set()

    async def next(self) -> Outgoing:
        """The next frame to send; the caller sets `sent` when it is handed on."""
        while not self._queue:
            if self.closing is not None:
                return self._last(self.closing)
            self._wake.clear()
            await self._wake.wait()
        outgoing = self._queue.popleft()
        self._bytes = max(self._bytes - len(outgoing.text), 0)
        self._room.set()
        return outgoing

    def _last(self, code: CloseCode) -> Outgoing:
        """Made when it is its turn: a frame may still have been on its way when the close was decided."""
        reason, retry_in = self._goodbye
        return Outgoing(bye(code=code, reason=reason, retry_in=retry_in, position=self.sent), close=code)

    async def room(self) -> None:
        """Wait until half of the bounds are free: history waits for its reader instead of overflowing it."""
        while self.closing is None and (
            self._bytes > self._limits.outbox_bytes // 2 or len(self._queue) > self._limits.outbox_frames // 2
        ):
            self._room.clear()
            await self._room.wait()

    def _put(self, queue: deque[Outgoing], outgoing: Outgoing) -> None:
        if self.closing is not None:
            return
        queue.append(outgoing)
        self._bytes += len(outgoing.text)
        self._wake.set()
        waiting = len(self._queue) + len(self._held or ())
        if self._bytes > self._limits.outbox_bytes or waiting > self._limits.outbox_frames:
            self.close(CloseCode.SLOW_READER, reason="you read slower than messages are published", retry_in=1)
