"""One WebSocket client, as light as it can be in Python: what is measured should be the server.

Until it is subscribed, and where it offers compression, it reads frames with the `websockets` library; else it looks for marks in what
the socket gives. It acknowledges as docs/feed.md asks of clients, once for all that one read gave. The rivals ask for no such thing.
"""

import asyncio
import time

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from benchmarks.feed.marks import Marks

PING = b"\x89"
TEXT, PONG = 0x81, 0x8A
"""First bytes of whole frames."""


class Client(asyncio.Protocol):
    """`subscribed`, `heard` (a data frame came) and `complete` (everything that was expected came) tell how far it is."""

    def __init__(self, url: str, subscribe: bytes, *, expected: int, notes: bool, deflate: bool) -> None:
        loop = asyncio.get_running_loop()
        self.subscribed, self.heard, self.complete = (loop.create_future() for _ in range(3))
        self.got = self.bytes = 0
        self.notes: list[tuple[int, float]] = []
        self._subscribe, self._expected, self._reads_frames = subscribe, expected, deflate
        self._marks = Marks(wants_numbers=notes)
        extensions = [ClientPerMessageDeflateFactory()] if deflate else None
        self._protocol = ClientProtocol(parse_uri(url), extensions=extensions, max_size=None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody shall wait for what can't come."""
        for future in (self.subscribed, self.heard, self.complete):
            if not future.done():
                future.set_exception(ConnectionError(f"the server closed the socket: {self._protocol.close_rcvd or exc}"))
                future.exception()  # not every one is awaited

    def data_received(self, data: bytes) -> None:
        """Look at it, or read it."""
        self.bytes += len(data)
        if self.subscribed.done() and not self._reads_frames:
            self._answer_ping(data)
            self._take(data)
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                if event.opcode is Opcode.TEXT:
                    self._read(bytes(event.data))
            elif self._protocol.handshake_exc is None:
                self._protocol.send_text(self._subscribe)
        self._flush()

    def _read(self, text: bytes) -> None:
        if self.subscribed.done():
            self._take(text)
        elif b'"subscribed"' in text:
            self.bytes = 0
            self.subscribed.set_result(None)

    def _take(self, text: bytes) -> None:
        now = time.monotonic()
        self.got += self._marks.take(text)
        self.notes += [(number, now) for number in self._marks.numbers]
        if self._marks.to is not None:
            self._write(TEXT, b'{"op":"pong","to":%b}' % self._marks.to)
        if not self.heard.done():
            self.heard.set_result(None)
        if self.got >= self._expected and not self.complete.done():
            self.complete.set_result(now)

    def _answer_ping(self, data: bytes) -> None:
        """In what is not read by frames. Our JSON is ASCII; where the byte is of a frame's length, an answer to nothing does no harm."""
        begin = data.find(PING)
        if begin >= 0 and begin + 1 < len(data) and data[begin + 1] < 126:
            self._write(PONG, data[begin + 2 : begin + 2 + data[begin + 1]])

    def _write(self, first: int, payload: bytes) -> None:
        """A frame; a mask of zeros leaves the payload as it is."""
        self._transport.write(bytes((first, 0x80 | len(payload), 0, 0, 0, 0)) + payload)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._transport.write(data)
