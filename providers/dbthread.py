"""Database work for coroutines: one thread with one connection of its own.

An event loop must not wait for Postgres, and Django's connections belong to threads. The thread begins with the first piece of
work and ends, its connection closed, with `close()`: else a test's database could not be dropped, nor a pool be filled again.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections, connections

Result = TypeVar("Result")


class DatabaseThread:
    """Owned by `providers.loop.EventLoopThread`; `run` is for its coroutines."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` gives, done in the thread, one after the other. A cancelled caller does not stop it. Raises: what it raises."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vendor-database")
        return await asyncio.get_running_loop().run_in_executor(self._executor, _with_a_live_connection, work)

    async def close(self) -> None:
        """Let what is under way end, close the connection and end the thread; harmless when nothing was run."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        await asyncio.get_running_loop().run_in_executor(executor, connections.close_all)
        executor.shutdown()


def _with_a_live_connection(work: Callable[[], Result]) -> Result:
    close_old_connections()  # one that a restart of the database broke is replaced here
    return work()
