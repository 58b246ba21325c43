"""Who gets through to a WebSocket. A refused client is accepted first and then closed: a refusal before that shows no code."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from collector.feed.consumers import Receive, Send, say_goodbye
from collector.feed.protocol import CloseCode
from ops.auth import direct_host, is_allowed

Scope = Mapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
RETRY_SECONDS = 60
"""A refused client may try again when its key or the settings have changed, not in a loop."""


def origin_is_ours(origin: str | None) -> bool:
    """True for a page of our own hosts, and for clients that are no browsers and send no Origin."""
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return bool(host) and validate_host(f"[{host}]" if ":" in str(host) else str(host), settings.ALLOWED_HOSTS)


def _header(scope: Scope, name: bytes) -> str | None:
    found: str | None = next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), None)
    return found


async def _refuse(receive: Receive, send: Send, *, code: CloseCode, reason: str) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await say_goodbye(send, code=code, reason=reason, retry_in=RETRY_SECONDS)


class OriginCheck:
    """Refuses pages of other sites, which could use the session and the machine of whoever looks at them."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if origin_is_ours(_header(scope, b"origin")):
            await self._inner(scope, receive, send)
        else:
            await _refuse(receive, send, code=CloseCode.WRONG_ORIGIN, reason="pages of this site may not connect")


class AccessCheck:
    """Refuses whom `ops.auth` does not know. Needs `scope["user"]`."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        user = scope.get("user")
        allowed = is_allowed(
            client_host=direct_host(
                peer=(scope.get("client") or [None])[0], header_names=[key.decode("latin-1") for key, _ in scope["headers"]]
            ),
            authorization=_header(scope, b"authorization"),
            is_staff=bool(user is not None and user.is_active and user.is_staff),
        )
        if allowed:
            await self._inner(scope, receive, send)
        else:
            reason = "log in as staff, or send Authorization: Bearer with the shared secret"
            await _refuse(receive, send, code=CloseCode.NOT_ALLOWED, reason=reason)
