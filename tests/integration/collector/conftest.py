"""A database in which commits are real, emptied behind each test."""

from collections.abc import Iterator

import pytest

from collector.feed.ring import shared_ring
from collector.partitions import forget_known
from tests.integration.collector.rows import TIERS, make_tier


@pytest.fixture
def database(transactional_db: None) -> Iterator[None]:
    """What a test writes is committed, as in a worker: `on_commit` runs, other connections see it. The three tiers are there."""
    forget_known()
    shared_ring.cache_clear()
    for code in TIERS:
        make_tier(code)
    yield
    shared_ring.cache_clear()
