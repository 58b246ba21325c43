"""Servers that many scenarios share, one for each set of bounds."""

import json
from collections.abc import Callable, Iterator

import pytest
from pytest_django import DjangoDbBlocker

from collector.feed.ring import PENDING, shared_ring
from tests.acceptance.feed.conformance.stage import BOUNDS, ELSEWHERE, Stage
from tests.feed_support import valkey
from tests.web_server import Web, end, start


@pytest.fixture(scope="module")
def shared_webs(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[[str], Web]]:
    """Start them when they are first asked for."""
    running: dict[str, Web] = {}

    def named(name: str) -> Web:
        if name not in running:
            module = "tests.acceptance.feed.conformance.bounded"
            running[name] = start(module=module, BOUNDS=json.dumps(BOUNDS[name]), **ELSEWHERE.get(name, {}))
        return running[name]

    with django_db_blocker.unblock():
        yield named
        end(list(running.values()))


@pytest.fixture
def stage_at(transactional_db: None, shared_webs: Callable[[str], Web]) -> Iterator[Callable[[str], Stage]]:
    """A stage at a server. Its clients leave before the database is emptied."""
    shared_ring.cache_clear()
    made: list[Stage] = []

    def at(server: str) -> Stage:
        made.append(Stage(shared_webs(server), shared_webs))
        return made[-1]

    yield at
    for stage in made:
        for peer in stage.peers:
            peer.close()
    with valkey() as client:
        client.delete(PENDING)  # the next test's rows may have the numbers of this one's
    shared_ring.cache_clear()
