"""Real web processes on an empty Valkey, which end before the database is emptied."""

from collections.abc import Callable, Iterator

import pytest

from collector.feed.ring import shared_ring
from tests.feed_support import valkey
from tests.web_server import Web, end, start


@pytest.fixture
def webs(transactional_db: None) -> Iterator[Callable[[], Web]]:
    """Start web processes."""
    shared_ring.cache_clear()
    with valkey() as client:
        client.flushall()
    running: list[Web] = []

    def another() -> Web:
        running.append(start())
        return running[-1]

    yield another
    end(running)
    shared_ring.cache_clear()
