"""Who gets through to a WebSocket. A refused client is accepted first and then closed: a refusal before that shows no code."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http.request import validate_host

from collector.feed.consumers import Receive, Send, say_goodbye
from collector.feed.frames import CloseCode
from collector.feed.hub import in_thread
from collector.feed.peers import IDENTITY
from marketdata_site.line import RETRY_SECONDS, Gone, Line, Refused
from marketdata_site.line_watch import shared_watches
from marketdata_site.observability import clock
from ops.access.scopes import scope_of
from ops.auth import Caller, find_caller, key_caller, require_scope
from providers.api_errors import ApiError

Scope = Mapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
INTRODUCTION_SECONDS = 10.0
"""How long a client without headers may take to send its key."""
MOST_STRANGERS = 500
"""Connections of a process that have not said who they are yet."""


def origin_is_ours(origin: str | None) -> bool:
    """True for a page of our own hosts, and for clients that are no browsers and send no Origin."""
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return bool(host) and validate_host(f"[{host}]" if ":" in str(host) else str(host), settings.ALLOWED_HOSTS)


def _headers(scope: Scope) -> dict[str, str]:
    """By name in lower case; of several of one name the first counts."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(scope["headers"])}


class OriginCheck:
    """Refuses pages of other sites, which could use the session and the machine of whoever looks at them."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if origin_is_ours(_headers(scope).get("origin")):
            await self._inner(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        reason = "pages of this site may not connect"
        await say_goodbye(send, code=CloseCode.WRONG_ORIGIN, reason=reason, retry_in=RETRY_SECONDS)


class AccessCheck:
    """Lets through whom `ops.auth` knows, for as long as the key or session opens that let it in. Needs `scope["user"]` and `"session"`."""

    _strangers = 0

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        named = dict(scope)
        with ExitStack() as watched:

            async def present(text: str) -> None:
                admit(await _ask(_by_key, scope, text))

            def admit(caller: Caller) -> None:
                if caller.key is not None:
                    named[IDENTITY] = f"key {caller.key.id}"
                    watched.enter_context(shared_watches().keys.watching(caller.key.id, line))
                elif caller.user is not None:
                    watched.enter_context(shared_watches().sessions.watching(scope["session"].session_key, line))

            line = Line(receive, send, present=present)
            try:
                caller = await _ask(_by_headers, scope)
                if caller is None:
                    await self._introduce(line)
                else:
                    admit(caller)
            except Refused as refused:
                await line.refuse(refused)
                return
            except Gone:
                return
            await self._inner(named, line.receive, line.send)

    async def _introduce(self, line: Line) -> None:
        """Hear a stranger. Raises: Refused, Gone."""
        if self._strangers >= MOST_STRANGERS:
            text = "too many connections have not said who they are; send your key in a header"
            raise Refused(CloseCode.TOO_MUCH, text, retry_in=RETRY_SECONDS)
        self._strangers += 1
        try:
            async with asyncio.timeout(INTRODUCTION_SECONDS):
                await line.introduce()
        except TimeoutError:
            text = f"no key came within {INTRODUCTION_SECONDS:g} seconds"
            raise Refused(CloseCode.NOT_ALLOWED, text, retry_in=RETRY_SECONDS) from None
        finally:
            self._strangers -= 1


async def _ask(question: Callable[..., Caller | None], *about: Any) -> Any:
    """In a thread: rows may be read. Raises: Refused."""
    try:
        return await in_thread(question, *about)
    except ApiError as error:
        code = CloseCode.NOT_ALLOWED if error.retry_after is None else CloseCode.TOO_MUCH
        raise Refused(code, error.message, retry_in=error.retry_after or RETRY_SECONDS) from None
    except (DatabaseError, InterfaceError):
        raise Refused(CloseCode.TRY_AGAIN, "the database that knows the keys does not answer", retry_in=2) from None


def _by_headers(scope: Scope) -> Caller | None:
    caller = find_caller(peer=_peer(scope), headers=_headers(scope), session=lambda: scope.get("user"), now=clock.now())
    return None if caller is None else _with_scope(caller, scope)


def _by_key(scope: Scope, text: str) -> Caller:
    return _with_scope(key_caller(text, peer=_peer(scope), now=clock.now()), scope)


def _with_scope(caller: Caller, scope: Scope) -> Caller:
    """A connection is a GET of its path, whatever it subscribes to later. Raises: ApiError."""
    needed = scope_of(method="GET", path=scope["path"])
    if needed is not None:
        require_scope(caller, needed)
    return caller


def _peer(scope: Scope) -> str | None:
    peer: str | None = (scope.get("client") or [None])[0]
    return peer
