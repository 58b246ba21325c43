"""Five years of seven venues, completely held: nothing is missing, however the sessions fall."""

from datetime import date

import numpy as np
import pytest

from collector.models import Series
from providers.market.calendar import get_calendar
from providers.market.types import Hours, Interval
from tests.builders import us
from tests.integration.collector.gaps import cover, gaps
from tests.integration.collector.rows import make_series

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2020, 11, 2), date(2025, 10, 31)
NOW = us("2025-11-01 12:00")
VENUES = ["XNYS", "XLON", "XTKS", "XHKG", "CME", "FX", "24/7"]


@pytest.mark.parametrize("interval", [Interval.M1, Interval.H1, Interval.D1])
def test_complete_years_have_no_gap_and_one_lost_slot_is_found(interval):
    lost, expected = {}, 0
    for name in VENUES:
        series = make_series(name, calendar=name, interval=interval, mic="XXXX")
        starts, days = get_calendar(name).session_slots(interval, FIRST, LAST)
        expected += len(starts)
        at = len(starts) // 3
        cover(series, np.delete(starts, at), np.delete(days, at))
        lost[name] = int(starts[at]), days[at : at + 1]
    assert expected > {Interval.M1: 5_000_000, Interval.H1: 90_000, Interval.D1: 9_000}[interval]
    found = {gap.symbol: gap for gap in gaps(now=NOW, start=FIRST, end=LAST)}
    assert {name: (gap.start, gap.slots) for name, gap in found.items()} == {
        name: (start, 1) for name, (start, _) in lost.items()
    }
    for gap in found.values():
        start, day = lost[gap.symbol]
        cover(Series.objects.get(pk=gap.series_id), np.array([start]), day)
    assert gaps(now=NOW, start=FIRST, end=LAST) == []


def test_complete_years_of_extended_hours_have_no_gap():
    series = make_series(hours="extended")
    starts, days = get_calendar("XNYS", Hours.EXTENDED).session_slots(Interval.M1, FIRST, LAST)
    cover(series, starts, days)
    assert gaps(now=NOW, start=FIRST, end=LAST) == []
