"""An event loop on a thread of its own, for programs without one."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import CancelledError
from threading import Lock, Thread
from typing import Any, TypeVar

from marketdata_client.errors import Closed

T = TypeVar("T")
MOST = 1_000
"""Values that are brought over at once: each way between the threads takes longer than making a value."""


class Loop:
    """Sockets are served on it while the caller is busy."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = Lock()
        self._is_stopped = False
        self._thread = Thread(target=self._loop.run_forever, name="marketdata-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work on the loop; interrupted, end it. Raises: what it raises, and Closed."""
        with self._lock:
            if self._is_stopped:
                work.close()
                raise Closed("the client is closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise Closed("the client was closed meanwhile") from None
        except BaseException:
            future.cancel()
            raise

    def each(self, found: AsyncIterator[T]) -> Iterator[T]:
        """The values of an iterator, which is never ahead of the caller by more than the caller has taken."""
        most = 1
        while True:
            some, error = self.run(_some(found, most))
            yield from some
            if error is not None:
                raise error
            if len(some) < most:
                return
            most = min(2 * most, MOST)

    def stop(self) -> None:
        """End all work and the thread; once is enough, more do no harm."""
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
            ended = asyncio.run_coroutine_threadsafe(_end_all(self._loop), self._loop)
        ended.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _some(found: AsyncIterator[T], most: int) -> tuple[list[T], Exception | None]:
    """The next ones, fewer than `most` at the end or before an error: what came before it is not lost."""
    some: list[T] = []
    try:
        while len(some) < most:
            some.append(await anext(found))
    except StopAsyncIteration:
        return some, None
    except Exception as error:  # raised on the caller's thread
        return some, error
    return some, None


async def _end_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await loop.shutdown_asyncgens()
