"""An empty Valkey for each test, and hubs that end with it."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from collector.feed.hub import Hub
from collector.feed.ring import shared_ring
from tests.feed_support import Wire, connections_end_with_their_work, new_hub, valkey


@pytest.fixture(autouse=True)
def _empty_feed(transactional_db: None) -> Iterator[None]:
    shared_ring.cache_clear()
    client = valkey()
    client.flushall()
    with connections_end_with_their_work():
        yield
    client.close()
    shared_ring.cache_clear()


@pytest_asyncio.fixture
async def hubs() -> AsyncIterator[Callable[..., Hub]]:
    """Make hubs, which are stopped at the end."""
    made: list[Hub] = []

    def make(**limits: Any) -> Hub:
        made.append(new_hub(**limits))
        return made[-1]

    yield make
    while Wire.open:
        await Wire.open.pop().hang_up()
    for hub in made:
        await hub.stop()
