"""One connection's side of the hub: what it wants, where it stands, what waits to be sent to it. No sockets."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from collector.feed import metrics
from collector.feed.conflating import Conflation, Message
from collector.feed.frames import CloseCode
from collector.feed.limits import Limits
from collector.feed.outstanding import Outstanding
from collector.feed.position import Position
from collector.feed.protocol import Mode, bye
from providers.market.types import Micros


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame to send. `position`: where the client stands once it has it (None: as before). `close`: close behind it."""

    text: str
    position: Position | None = None
    close: CloseCode | None = None
    count: int = 0
    """Messages in it."""
    committed: Micros = 0
    """When the oldest of them was written; 0: unknown, or history, or it waits behind history for what the client acknowledges."""


class Subscriber:
    """Frames in order, bounded; a reader that falls behind the bounds is closed or gets less, the others never wait for it.

    Servers differ in whether sending waits for the client (daphne's never does), so what counts is what the client has
    acknowledged, and the bounds hold what it costs here, in the queue and in the server behind it.
    """

    def __init__(self, *, position: Position, limits: Limits) -> None:
        self.channels: frozenset[str] = frozenset()
        self.mode: Mode = "every"
        self.position = position
        """Up to where frames were queued."""
        self.sent = position
        """Up to where frames were handed to the server."""
        self.outstanding = Outstanding(position=position)
        self.is_idle = True
        """No data frame since the last heartbeat."""
        self.closing: CloseCode | None = None
        self.closed = asyncio.Event()
        self._goodbye: tuple[str, float | None] = ("", None)
        self._limits = limits
        self._queue: deque[Outgoing] = deque()
        self._held: deque[Outgoing] | None = None
        self._held_bytes = 0
        self._folded = Conflation()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    def begin(self, since: Position) -> None:
        """The client stands at `since` and gets what follows."""
        self.sent = since
        self.outstanding.begin(since)

    def live(self, text: str, *, position: Position | None = None, count: int = 0, committed: Micros = 0) -> None:
        """Queue a frame of the live feed, behind a history that is still being sent."""
        if position is not None:
            self.position = position
            self.is_idle = False
        outgoing = Outgoing(text, position, count=count, committed=0 if self.is_held else committed)
        if self._held is not None:
            self._held_bytes += len(text)
        self._put(self._queue if self._held is None else self._held, outgoing)

    def now(self, text: str, *, position: Position | None = None) -> None:
        """Queue a frame before what `hold` keeps back."""
        self._put(self._queue, Outgoing(text, position))

    def hold(self) -> None:
        """Keep live frames back until `release`: history goes first."""
        self._held = deque()

    def release(self) -> None:
        """Let the live frames follow."""
        held, self._held = self._held or deque(), None
        self._held_bytes = 0
        self._queue.extend(held)
        self._wake.set()

    @property
    def is_held(self) -> bool:
        """True while history is being sent."""
        return self._held is not None

    @property
    def is_folding(self) -> bool:
        """True in mode `latest` while more is outstanding than the client should have to read before the newest."""
        return self.mode == "latest" and (
            self._folded.upto is not None
            or self._is_behind(self._limits.latest_outstanding_bytes, self._limits.outbox_frames // 2)
        )

    def fold(self, messages: Sequence[Message], *, upto: Position, at: Micros) -> None:
        """Hold messages back, the newest of each thing, until the client has caught up."""
        metrics.dropped(self._folded.fold(messages, upto=upto, at=at))
        if self._folded.bytes > self._limits.max_outstanding_bytes:
            self._too_slow()

    def settle(self) -> None:
        """Queue what is held back, whatever the client has acknowledged: something else must follow it."""
        while self._unfold_one():
            pass

    def acknowledge(self, seq: int) -> bool:
        """The client has everything up to `seq`; False when that is nothing new. Raises: NeverSent."""
        is_new = self.outstanding.acknowledge(seq)
        if is_new:
            self._room.set()
            half = self._limits.latest_outstanding_bytes // 2
            while not self._is_behind(half, self._limits.outbox_frames // 2) and self._unfold_one():
                pass
        return is_new

    def close(self, code: CloseCode, *, reason: str, retry_in: float | None) -> None:
        """Drop what waits; say bye with the last position that was sent, and close. Only the first call counts."""
        if self.closing is not None:
            return
        self.closing = code
        self.closed.set()
        self._queue.clear()
        self._held = None
        self._folded = Conflation()
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
        self.outstanding.handed_on(len(outgoing.text), outgoing.position)
        self._room.set()
        return outgoing

    def _last(self, code: CloseCode) -> Outgoing:
        """Made when it is its turn: a frame may still have been on its way when the close was decided."""
        reason, retry_in = self._goodbye
        return Outgoing(bye(code=code, reason=reason, retry_in=retry_in, position=self.sent), close=code)

    @property
    def has_room(self) -> bool:
        """True while history may use more: half of the bounds, less where live frames that wait behind it use much.

        Live frames can't be acknowledged before they are sent. So where next to nothing is under way there is always room for more
        history, or it would wait for live frames that wait for it.
        """
        most, under_way = self._limits.max_outstanding_bytes, self.outstanding.bytes - self._held_bytes
        if len(self._queue) > self._limits.outbox_frames // 2 or under_way > most // 2:
            return False
        return self.outstanding.bytes <= most - self._limits.frame_bytes or under_way <= most // 8

    async def room(self) -> None:
        """Wait for room: history waits for its reader instead of overflowing it."""
        while self.closing is None and not self.has_room:
            self._room.clear()
            await self._room.wait()

    def _unfold_one(self) -> bool:
        frame = self._folded.next(max_bytes=self._limits.frame_bytes)
        if frame is None:
            return False
        position = Position(self.position.epoch, frame.seq_to)  # an epoch begins only after `settle`
        self.live(frame.frame(self.position.seq), position=position, count=frame.count)
        return True

    def _put(self, queue: deque[Outgoing], outgoing: Outgoing) -> None:
        if self.closing is not None:
            return
        queue.append(outgoing)
        self.outstanding.queued(len(outgoing.text))
        self._wake.set()
        if self._is_behind(self._limits.max_outstanding_bytes, self._limits.outbox_frames):
            self._too_slow()

    def _is_behind(self, most_bytes: int, most_frames: int) -> bool:
        waiting = len(self._queue) + len(self._held or ())
        return self.outstanding.bytes > most_bytes or waiting > most_frames

    def _too_slow(self) -> None:
        waiting = sum(outgoing.count for queue in (self._queue, self._held or ()) for outgoing in queue)
        metrics.dropped(waiting + len(self._folded))
        reason = "you acknowledge slower than messages are published: resume from what you have"
        self.close(CloseCode.SLOW_READER, reason=reason, retry_in=1)
