"""What a client says. Pongs are taken at once, the rest waits for whoever obeys it; too much or too little ends the connection."""

import asyncio
from collections.abc import Mapping
from typing import Any

from collector.feed import protocol
from collector.feed.frames import CloseCode
from collector.feed.limits import Limits
from collector.feed.outstanding import NeverSent
from collector.feed.peers import FrameRate
from collector.feed.protocol import ClientFrame, Pong, ProtocolError
from collector.feed.subscriber import Subscriber

TOO_MUCH_RETRY_SECONDS = 10
Said = ClientFrame | ProtocolError


class Hearing:
    """Hears one client. It never waits for what its frames lead to: a resume waits for the client's pongs."""

    def __init__(self, *, subscriber: Subscriber, limits: Limits) -> None:
        self.has_asked = False
        """A subscribe came that could be obeyed."""
        self._subscriber, self._limits = subscriber, limits
        self._frames: asyncio.Queue[Said] = asyncio.Queue(limits.frame_burst)
        self._rate = FrameRate(per_s=limits.max_frames_per_s, burst=limits.frame_burst)
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._timers = [
            self._loop.call_later(limits.subscribe_timeout_s, self._look_for_subscribe),
            self._loop.call_later(limits.idle_timeout_s, self._look_for_frames),
        ]

    async def next(self) -> Said:
        """What is to be obeyed or refused next, in the client's order."""
        return await self._frames.get()

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take a message of the server's."""
        self._heard = self._loop.time()
        said: Said
        try:
            said = self._read(message)
            if isinstance(said, Pong) and self._subscriber.acknowledge(said.to):
                return  # free: the server's own frames pay for it
        except ProtocolError as problem:
            said = problem
        except NeverSent as problem:
            said = ProtocolError("never_sent", str(problem))
        if not self._rate.allows(now=self._heard) or self._frames.full():
            reason = f"expected at most {self._limits.max_frames_per_s} frames a second, and {self._limits.frame_burst} at once"
            self._subscriber.close(CloseCode.TOO_MUCH, reason=reason, retry_in=TOO_MUCH_RETRY_SECONDS)
        else:
            self._frames.put_nowait(said)

    def stop(self) -> None:
        """The connection ends."""
        for timer in self._timers:
            timer.cancel()

    def _read(self, message: Mapping[str, Any]) -> ClientFrame:
        text = message.get("text")
        if text is None:
            raise ProtocolError("binary_frame", "expected a text frame with one JSON object")
        return protocol.read_frame(text, limits=self._limits)

    def _look_for_subscribe(self) -> None:
        if not self.has_asked:
            reason = f"expected a subscribe within {self._limits.subscribe_timeout_s:g} s"
            self._subscriber.close(CloseCode.TOO_SILENT, reason=reason, retry_in=1)

    def _look_for_frames(self) -> None:
        """Look again when the client could have been silent for too long, not after each of its frames."""
        limit = self._limits.idle_timeout_s
        left = self._heard + limit - self._loop.time()
        if left > 0:
            self._timers[1] = self._loop.call_later(left, self._look_for_frames)
        else:
            reason = f"expected a frame, such as pong, within {limit:g} s"
            self._subscriber.close(CloseCode.TOO_SILENT, reason=reason, retry_in=1)
