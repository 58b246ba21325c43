"""A moment in a session, and the bell of the tasks."""

import pytest
import time_machine

from tests.integration.rest.backfill.asked import NOW


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def _rung(rung):
    """Nothing leaves the process."""
