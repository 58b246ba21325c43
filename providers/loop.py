"""The one event loop of a worker process: a background thread that owns the HTTP client and the thread for its database work.

Celery tasks are synchronous; connections must outlive a task. So each worker process starts one `EventLoopThread` after its
fork and closes it at shutdown.
"""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from marketdata_site.observability.trace import in_this_trace
from providers.dbthread import DatabaseThread
from providers.http import VendorHttp

Result = TypeVar("Result")
_CLOSE_TIMEOUT_S = 5.0


class EventLoopThread:
    """A loop in a daemon thread with one `VendorHttp`; `start()` after the fork, `close()` at shutdown, or use it with
    `with`."""

    def __init__(self, *, http: VendorHttp | None = None) -> None:
        self.http = http or VendorHttp()
        self.database = DatabaseThread()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. Raises: RuntimeError when it runs already."""
        if self._loop is not None:
            raise RuntimeError("the event loop thread runs already")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vendor-http", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Result], *, timeout: float | None = None) -> Result:
        """Run a coroutine in the loop and wait for its result.

        Whatever ends the wait (a time-out, a task's soft time limit, Ctrl-C) cancels the coroutine: left alone it would go on
        asking vendors for a task that is no more.

        Raises: what the coroutine raises; TimeoutError after `timeout` seconds; RuntimeError when not started.
        """
        if self._loop is None or threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("run() needs a started event loop thread and another thread to wait in")
        future = asyncio.run_coroutine_threadsafe(in_this_trace(coroutine), self._loop)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what runs, close the connections, stop the loop and join the thread; harmless when not running."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._wind_down(), loop).result(_CLOSE_TIMEOUT_S)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLOSE_TIMEOUT_S)
            if not thread.is_alive():
                loop.close()
            self._loop = self._thread = None

    async def _wind_down(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.http.close()
        await self.database.close()
        await asyncio.get_running_loop().shutdown_asyncgens()
        await asyncio.get_running_loop().shutdown_default_executor()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
