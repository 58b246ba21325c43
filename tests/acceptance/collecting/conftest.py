"""A world for each test, on a database with real commits."""

from collections.abc import Iterator

import pytest

from tests.acceptance.collecting.world import World, open_world
from tests.integration.collector.conftest import database  # noqa: F401  # the same fixture


@pytest.fixture
def world(database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:  # noqa: F811
    """Two vendors, no faults."""
    with open_world(monkeypatch) as opened:
        yield opened
