"""A WebSocket between the server and the feed, on which a client may say who it is, and which can be ended from outside."""

from collections.abc import Awaitable, Callable
from typing import Any

from collector.feed.auth_frame import Auth, read_auth
from collector.feed.consumers import Message, Receive, Send, say_goodbye
from collector.feed.frames import CloseCode
from collector.feed.protocol import ProtocolError

RETRY_SECONDS = 60
"""A refused client may try again when its key or the settings have changed, not in a loop."""
Present = Callable[[str], Awaitable[None]]
"""Takes a key that a client sends. Raises: Refused."""


class Refused(Exception):
    """Why a client is not let in, or no longer."""

    def __init__(self, code: CloseCode, reason: str, *, retry_in: float) -> None:
        super().__init__(reason)
        self.code, self.reason, self.retry_in = code, reason, retry_in


class Gone(Exception):
    """The client left before it said anything."""


class Line:
    """What the feed gets instead of the server's own `receive` and `send`."""

    def __init__(self, receive: Receive, send: Send, *, present: Present) -> None:
        self._receive, self._send, self._present = receive, send, present
        self._connect: Message | None = None
        self._is_accepted = self._is_closed = False
        self._may_present = True
        """Only the first frame may be a key."""

    async def accept(self) -> None:
        """Before the feed does: a client that is not let in shall be told why, and one without headers be heard."""
        if self._is_accepted:
            return
        self._connect = await self._receive()
        await self.send({"type": "websocket.accept"})

    async def introduce(self) -> None:
        """Take the first frame, which has to be a key that opens. Raises: Refused, Gone."""
        await self.accept()
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Gone
        self._may_present = False
        auth = _auth_in(message)
        if auth is None:
            text = "log in as staff, or send an API key: in a header, or first of all as an auth frame"
            raise Refused(CloseCode.NOT_ALLOWED, text, retry_in=RETRY_SECONDS)
        await self._present(auth.key)

    async def receive(self) -> Message:
        """For the feed: what the client says, but for its key."""
        while True:
            if self._connect is not None:
                message, self._connect = self._connect, None
            else:
                message = await self._receive()
            if not (self._may_present and message["type"] == "websocket.receive") or not await self._is_key(message):
                return message

    async def _is_key(self, message: Message) -> bool:
        """Take it; one that does not open ends a connection that something else had opened."""
        self._may_present = False
        try:
            auth = _auth_in(message)
            if auth is not None:
                await self._present(auth.key)
        except Refused as refused:
            await self.end(refused)
            return True
        return auth is not None

    async def send(self, message: Message) -> None:
        """For the feed: accepts once, and sends nothing behind an end."""
        if self._is_closed or (message["type"] == "websocket.accept" and self._is_accepted):
            return
        self._is_accepted = self._is_accepted or message["type"] == "websocket.accept"
        self._is_closed = message["type"] == "websocket.close"
        await self._send(message)

    async def refuse(self, why: Refused) -> None:
        """End it before the feed has heard of it."""
        await self.accept()
        await self.end(why)

    async def end(self, why: Refused) -> None:
        """Say why, and close. The server then tells the feed that its client is gone."""
        if self._is_closed:
            return
        self._is_closed = True
        await say_goodbye(self._send, code=why.code, reason=why.reason, retry_in=why.retry_in)


def _auth_in(message: Any) -> Auth | None:
    try:
        return read_auth(message.get("text"))
    except ProtocolError as error:
        raise Refused(CloseCode.NOT_ALLOWED, error.message, retry_in=RETRY_SECONDS) from None
