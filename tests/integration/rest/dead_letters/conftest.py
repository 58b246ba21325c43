"""A clock that stands still."""

import pytest
import time_machine

from tests.integration.rest.dead_letters.letters import NOW


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller
