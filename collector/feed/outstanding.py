"""What was queued for a client and is not acknowledged by it. Pure.

A server may take whatever it is given and tell nobody when the client has it (daphne does), so this is the only measure of a slow
reader, and the only bound of the memory that it costs.
"""

from collections import deque

from collector.feed.position import Position

TOGETHER_BYTES = 16_384
"""Small frames are remembered together: an acknowledgement in between releases them with the next one."""


class NeverSent(ValueError):
    """The client acknowledges what it was not sent."""


class Outstanding:
    """Bytes by the position that a client has when it has them."""

    __slots__ = ("_before", "_handed", "_sent", "acknowledged", "bytes")

    def __init__(self, *, position: Position) -> None:
        self.bytes = 0
        self.acknowledged = position
        self._handed = position
        self._before = 0
        """The highest number that was sent of any earlier epoch."""
        self._sent: deque[tuple[Position, int]] = deque()

    def begin(self, position: Position) -> None:
        """The client stands there now, perhaps before what it was told so far."""
        size = sum(size for _, size in self._sent)
        self._sent = deque([(position, size)]) if size else deque()
        self._handed = self.acknowledged = position

    def queued(self, size: int) -> None:
        """A frame waits to be sent."""
        self.bytes += size

    def handed_on(self, size: int, position: Position | None) -> None:
        """A queued frame goes to the server; `position`: where the client stands with it (None: as before)."""
        here = position or self._handed
        if here.epoch != self._handed.epoch:
            self._before = max(self._before, self._handed.seq)
        self._handed = here
        if self._sent:
            last, held = self._sent[-1]
            if last.epoch == here.epoch and held + size <= TOGETHER_BYTES:
                self._sent[-1] = (here, held + size)
                return
        self._sent.append((here, size))

    def acknowledge(self, seq: int) -> bool:
        """Release what the client has; False when it said nothing new. Raises: NeverSent.

        A pong names no epoch. It is of the newest one whenever it can be: taken for an older one it would release nothing for ever.
        So one of an older epoch may have been taken for one of the newest, and honest ones of the older may follow it: these are no news.
        """
        newest = self._handed
        if seq <= newest.seq:
            position = Position(newest.epoch, seq)
        elif self.acknowledged.epoch != newest.epoch:
            position = Position(self.acknowledged.epoch, seq)
        elif seq <= self._before:
            return False
        else:
            raise NeverSent(f"expected the `to` of a data frame, at most {newest.seq}, got {seq}")
        is_new = position > self.acknowledged
        self.acknowledged = max(self.acknowledged, position)
        while self._sent and self._sent[0][0] <= self.acknowledged:
            self.bytes -= self._sent.popleft()[1]
            is_new = True  # heartbeats of a quiet feed have one position
        return is_new
