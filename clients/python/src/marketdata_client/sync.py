"""The same client for programs without an event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import datetime
from threading import Thread
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from marketdata_client.backoff import Backoff
from marketdata_client.client import LOCAL, Client
from marketdata_client.models import Message
from marketdata_client.position import Position
from marketdata_client.subscription import Subscription

T = TypeVar("T")
P = ParamSpec("P")


class _Loop:
    """An event loop on a thread of its own: sockets are served while the caller is busy."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="marketdata-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work on the loop."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


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
        self._client, self._loop = client, _Loop()
        self.bars = self._iterating(client.bars)
        self.quotes = self._iterating(client.quotes)
        self.latest_quotes = self._waiting(client.latest_quotes)
        self.coverage = self._iterating(client.coverage)
        self.gaps = self._iterating(client.gaps)
        self.read = self._iterating(client.read)

    def subscribe(
        self, *channels: str, since: Position | datetime | None = None, remember: int = 100_000, page: int = 2_000
    ) -> "SyncSubscription":
        """See Client.subscribe. The socket is served in between, so that a slow caller loses no connection by its silence."""
        make = _soon(self._client.subscribe, *channels, since=since, remember=remember, page=page)
        return SyncSubscription(self._loop, self._loop.run(make))

    def close(self) -> None:
        """Close all connections and end the thread; subscriptions have been closed before."""
        self._loop.run(self._client.close())
        self._loop.stop()

    def __enter__(self) -> "SyncClient":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _iterating(self, method: Callable[P, AsyncIterator[T]]) -> Callable[P, Iterator[T]]:
        def each(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            found = method(*args, **kwargs)
            while (one := self._loop.run(_next(found))) is not None:
                yield one

        return each

    def _waiting(self, method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
        def wait(*args: P.args, **kwargs: P.kwargs) -> T:
            return self._loop.run(method(*args, **kwargs))

        return wait


class SyncSubscription:
    """`for message in subscription`: see Subscription. `close` ends it from any thread."""

    def __init__(self, loop: _Loop, subscription: Subscription) -> None:
        self._loop, self._subscription = loop, subscription

    @property
    def position(self) -> Position | None:
        """Where the messages yielded so far lead to."""
        return self._subscription.position

    def start(self) -> Position:
        """See Subscription.start."""
        return self._loop.run(self._subscription.start())

    def __iter__(self) -> "SyncSubscription":
        return self

    def __next__(self) -> Message:
        message = self._loop.run(_next(self._subscription))
        if message is None:
            raise StopIteration
        return message

    def __enter__(self) -> "SyncSubscription":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._loop.run(self._subscription.close())


async def _next(found: AsyncIterator[T]) -> T | None:
    """The next one, None at the end: StopAsyncIteration does not pass through a future."""
    return await anext(found, None)


async def _soon(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)
