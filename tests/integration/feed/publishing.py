"""Publishing from an event loop, and a ring that forgets."""

from typing import Any

from collector.feed.hub import in_thread
from collector.feed.publisher import publish
from collector.feed.ring import STREAM
from tests.feed_support import add_batch, bar, valkey


def _publish(numbers: range, symbol: str, size: int, more: dict[str, Any]) -> None:
    ids = [add_batch([bar(symbol, n, **more) for n in numbers[i : i + size]]) for i in range(0, len(numbers), size)]
    publish(batch_ids=ids)


async def put(numbers: range, symbol: str = "AAPL", *, size: int = 2, **more: Any) -> None:
    """Publish bars as batches of some."""
    await in_thread(_publish, numbers, symbol, size, more)


async def evict_all() -> None:
    """The ring lets go of all that it holds, as it does of what is old."""
    await in_thread(valkey().delete, STREAM)
