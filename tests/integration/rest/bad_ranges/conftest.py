"""A series with bars from two vendors."""

import pytest

from tests.acceptance.collecting.conftest import world  # noqa: F401  # the same fixture
from tests.builders import moment
from tests.integration.collector.conftest import database  # noqa: F401  # the same fixture
from tests.integration.collector.rows import make_series


@pytest.fixture
def series(world):  # noqa: F811
    """Ten bars from polygon, in front of alpaca in the policy."""
    world.policy("polygon", "alpaca")
    made = make_series(collect_from=moment("2025-10-08 14:00"), collect_until=moment("2025-10-08 14:10"))
    world.set_clock("2025-10-08 16:00:00")
    world.collect("AAPL", start="2025-10-08 14:00", end="2025-10-08 14:10")
    world.control.forget_calls()
    return made
