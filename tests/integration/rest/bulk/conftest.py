"""A clock that stands still but for the ticks of bulk operations."""

import pytest
import time_machine

from ops.bulk.advancing import advance_all
from tests.integration.rest.bulk.operations import NOW, TICK


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def tick(clock):
    """A tick five seconds after the one before, as beat rings."""
    moments = [NOW]

    def once(times: int = 1) -> None:
        for _ in range(times):
            advance_all(now=moments[-1])
            moments.append(moments[-1] + TICK)
            clock.move_to(moments[-1])

    return once
