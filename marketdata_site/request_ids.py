"""ASGI: every request and every WebSocket has an id, the caller's own or a new one, told in the answer and in each log line."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from marketdata_site.observability import log_context

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Mapping[str, Any], Receive, Send], Awaitable[None]]

_HEADER = log_context.REQUEST_HEADER.lower().encode()
_ANSWERS = frozenset({"http.response.start", "websocket.accept"})


class RequestIds:
    """Outside of everything: what Django itself says about an answer carries the id as well."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        request_id = _told(scope) or log_context.new_request_id()

        async def answer(message: Message) -> None:
            if message["type"] in _ANSWERS:
                message = {**message, "headers": [*message.get("headers", ()), (_HEADER, request_id.encode())]}
            await send(message)

        with log_context.working_for(request_id=request_id):
            await self._inner(scope, receive, answer)


def _told(scope: Mapping[str, Any]) -> str | None:
    """The first one counts; one that is not well formed is as good as none."""
    told = next((value for name, value in scope["headers"] if name.lower() == _HEADER), b"")
    return log_context.well_formed(told.decode("latin-1"))
