"""A client that knows docs/feed.md and nothing of the code: `websockets`, and JSON."""

import json
import time
from contextlib import ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.acceptance.feed.conformance.record import Record
from tests.feed_support import Ledger

Json = dict[str, Any]
PATIENCE_S = 60
WHOLE_S = 3 * PATIENCE_S
"""For all frames of a connection: heartbeats come for ever, what a scenario waits for may not."""


class Peer:
    """One connection. Each frame is recorded, and held against the rule of positions."""

    def __init__(
        self, url: str, record: Record, *, ledger: Ledger | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.ledger = ledger or Ledger()
        self._record = record
        # The library reads all that comes, whenever the scenario takes it: what waits in a socket when the server lets go of it is lost.
        about: dict[str, Any] = {"max_size": None, "max_queue": None, "ping_interval": None, "additional_headers": headers}
        opening = connect(url, open_timeout=PATIENCE_S, close_timeout=PATIENCE_S, **about)
        self._until_the_end = ExitStack()
        self._socket = self._until_the_end.enter_context(opening)
        self._until = time.monotonic() + WHOLE_S
        self._has_channels = False
        self.limits: dict[str, float] = {}
        self.hello: Json = {}

    def say(self, op: str, **frame: Any) -> None:
        """Send a frame."""
        self.say_raw(json.dumps({"op": op, **frame}))

    def say_raw(self, said: str | bytes) -> None:
        """Send whatever."""
        self._record.said(said)
        self._socket.send(said)

    def frame(self, *ops: str) -> Json:
        """The next frame; with `ops` the next one of these. Raises: ConnectionClosed."""
        while True:
            text = self._socket.recv(timeout=min(PATIENCE_S, self._until - time.monotonic()))
            assert isinstance(text, str)
            frame = self._record.heard(text)
            self._check(frame)
            if not ops or frame["op"] in ops:
                return frame
            assert frame["op"] != "bye", f"expected {' or '.join(ops)}, got {frame}"

    def _check(self, frame: Json) -> None:
        """What holds of every frame on every connection."""
        is_first = not self.hello
        assert is_first == (frame["op"] in {"hello", "bye"} and is_first), "hello comes first, or a refusal"
        if frame["op"] == "hello":
            self.hello, self.limits = frame, frame["limits"]
        if frame["op"] == "subscribed" and self._has_channels:
            assert (frame["epoch"], frame["seq"]) == (self.ledger.epoch, self.ledger.seq), (
                "it begins where the connection stands"
            )
        if frame["op"] == "data":
            assert self._has_channels, "who has no channels gets no data"
        if frame["op"] in {"subscribed", "unsubscribed"}:
            self._has_channels = frame["channels"] > 0
        self.ledger.take(frame)

    def limit(self, name: str) -> int:
        """What `hello` allows; the scenario goes up to it."""
        self._record.asked(name)
        return int(self.limits[name])

    def subscribe(self, *channels: str, **more: Any) -> Json:
        """Subscribe, and return the answer; what comes before it is taken."""
        self.say("subscribe", channels=list(channels), **more)
        return self.frame("subscribed")

    def resume(self, *channels: str, **more: Any) -> Json:
        """The same, from where the ledger stands."""
        return self.subscribe(*channels, since=self.ledger.since, **more)

    def pong(self) -> None:
        """Acknowledge what was taken."""
        self.say("pong", to=self.ledger.seq)

    def take(self, *, messages: int, pongs: bool = True) -> None:
        """Take data frames until so many messages of the ledger are different ones."""
        while len(self.ledger.seen) < messages:
            self.frame("data")
            if pongs:
                self.pong()

    def take_until(self, seq: int) -> None:
        """Take data frames up to a number."""
        while self.ledger.seq < seq:
            self.frame("data")
            self.pong()

    def refused(self) -> str:
        """The code of the next error."""
        return str(self.frame("error")["code"])

    def ended(self) -> tuple[int, Json]:
        """The code of the close, and the bye before it; both say the same."""
        bye = self.frame("bye")
        code = self.dropped()
        assert bye["code"] == code
        assert (bye["retry_in"] is None) == (code >= 4500), "4500 and up: don't reconnect"
        return code, bye

    def dropped(self) -> int:
        """The code with which the connection ends, when no frame comes before."""
        try:
            text = self._socket.recv(timeout=PATIENCE_S)
        except ConnectionClosed as closed:
            code = 1006 if closed.rcvd is None else closed.rcvd.code
            self._record.closed(code)
            return code
        raise AssertionError(f"expected the end, got {text[:200]!r}")

    def close(self) -> None:
        """Hang up."""
        self._until_the_end.close()
