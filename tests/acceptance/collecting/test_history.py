"""History that an operator asked for: found, fetched, shown, and nobody's gap any more once it is answered for."""

from datetime import date

import pytest

from collector.models import Backfill, Series
from collector.selectors.coverage import coverage_of
from collector.selectors.scopes import Scope
from collector.services.backfill.draining import drain
from collector.services.gap_scan import scan
from marketdata_site.observability.clock import now_us
from providers.services import policies
from tests.builders import moment, us
from tests.integration.collector.gaps import spans
from tests.integration.collector.reading import coverage
from tests.integration.collector.rows import make_series

WEDNESDAY = date(2025, 10, 8)


@pytest.fixture
def series(world) -> Series:
    """Collected from the next day on, at one vendor that had no trade for five minutes of the day before."""
    world.policy("polygon")
    world.set_clock("2025-10-09 12:00:00")
    world.control.set_fault("withdrawn", vendor="polygon", start=us("2025-10-08 14:10"), end=us("2025-10-08 14:15"))
    return make_series(collect_from=moment("2025-10-09 13:30"))


def shown(series: Series) -> list[tuple[int, int, int, int]]:
    ((_, sessions),) = coverage_of(series=[series], first=WEDNESDAY, last=WEDNESDAY, now=now_us())
    return [(one.expected, one.held, one.empty, one.missing) for one in sessions]


def look() -> int:
    return scan(scope=Scope(), now=now_us(), snapshot=policies.current(), lane=None).enqueued


def test_span_before_collection_is_found_filled_and_proven_once_it_was_asked_for(world, series):
    assert (look(), shown(series)) == (0, [])
    series.history = spans(("2025-10-08 14:00", "2025-10-08 14:30"))
    series.save()
    assert (look(), shown(series)) == (1, [(30, 0, 0, 30)])
    drain(worker="me", loop=world.loop)
    assert set(Backfill.objects.values_list("state", flat=True)) == {"done"}
    assert coverage(series)[1] == [[us("2025-10-08 14:10"), us("2025-10-08 14:15")]]
    assert (look(), shown(series)) == (0, [(30, 25, 5, 0)])
