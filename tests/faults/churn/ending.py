"""Ending tasks for sure."""

import asyncio
from collections.abc import Iterable


async def end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel them, again where a library swallowed it. Raises: whatever one of them had ended of before."""
    running = set(tasks)
    ended = {task for task in running if task.done()}
    for task in ended:
        task.result()
    running -= ended
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=1)
