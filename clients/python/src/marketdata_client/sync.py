"""The same client for programs without an event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import datetime
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from marketdata_client.backoff import Backoff
from marketdata_client.client import LOCAL, Client
from marketdata_client.errors import Closed
from marketdata_client.line import Mode
from marketdata_client.loop import Loop
from marketdata_client.models import Message
from marketdata_client.position import Position
from marketdata_client.subscription import Subscription

T = TypeVar("T")
P = ParamSpec("P")


class SyncClient:
    """Every method of Client, with the same parameters: its iterators are plain ones here, its coroutines plain functions."""

    def __init__(
        self,
        base_url: str = LOCAL,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        attempts: int = 4,
        backoff: Backoff | None = None,
    ) -> None:
        client = Client(base_url, api_key=api_key, timeout_s=timeout_s, attempts=attempts, backoff=backoff)
        self._client, self._loop = client, Loop()
        self.bars = self._iterating(client.bars)
        self.quotes = self._iterating(client.quotes)
        self.latest_quotes = self._waiting(client.latest_quotes)
        self.coverage = self._iterating(client.coverage)
        self.gaps = self._iterating(client.gaps)
        self.read = self._iterating(client.read)

    def subscribe(
        self,
        *channels: str,
        since: Position | datetime | None = None,
        mode: Mode = "every",
        remember: int = 100_000,
        page: int = 2_000,
    ) -> "SyncSubscription":
        """See Client.subscribe. The socket is served in between, so that a caller who is busy for a while loses no connection."""
        make = _soon(self._client.subscribe, *channels, since=since, mode=mode, remember=remember, page=page)
        return SyncSubscription(self._loop, self._loop.run(make))

    def close(self) -> None:
        """End subscriptions, close all connections and end the thread. Threads that wait for something here get Closed."""
        try:
            with suppress(Closed):
                self._loop.run(self._client.close())
        finally:
            self._loop.stop()

    def __enter__(self) -> "SyncClient":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _iterating(self, method: Callable[P, AsyncIterator[T]]) -> Callable[P, Iterator[T]]:
        @wraps(method)
        def each(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            return self._loop.each(method(*args, **kwargs))

        return each

    def _waiting(self, method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
        @wraps(method)
        def wait(*args: P.args, **kwargs: P.kwargs) -> T:
            return self._loop.run(method(*args, **kwargs))

        return wait


class SyncSubscription:
    """`for message in subscription`: see Subscription. `close` ends it from any thread; an interrupt (Ctrl-C) loses no message."""

    def __init__(self, loop: Loop, subscription: Subscription) -> None:
        self._loop, self._subscription = loop, subscription

    @property
    def position(self) -> Position | None:
        """Where the messages yielded so far lead to."""
        return self._subscription.position

    def start(self, *, timeout_s: float | None = None) -> None:
        """See Subscription.start. Raises: TimeoutError as well."""
        self._loop.run(_within(timeout_s, self._subscription.start))

    def poll(self, *, timeout_s: float) -> Message | None:
        """The next message, None when none comes in that time. Raises: what iterating raises; Closed behind the end."""
        try:
            return self._next(timeout_s)
        except TimeoutError:
            return None
        except StopAsyncIteration:
            raise Closed("the subscription is closed") from None

    def __iter__(self) -> "SyncSubscription":
        return self

    def __next__(self) -> Message:
        try:
            return self._next(None)
        except (StopAsyncIteration, Closed):
            raise StopIteration from None

    def _next(self, timeout_s: float | None) -> Message:
        """Waiting takes nothing, so that whatever interrupts it, the message is still there and `position` does not count it."""
        if not self._subscription.is_ready:
            self._loop.run(_within(timeout_s, self._subscription.ready))
        return self._subscription.take()

    def __enter__(self) -> "SyncSubscription":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        with suppress(Closed):  # by its client, that was closed before
            self._loop.run(self._subscription.close())


async def _within(timeout_s: float | None, wait: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async with asyncio.timeout(timeout_s):
        return await wait()


async def _soon(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)
