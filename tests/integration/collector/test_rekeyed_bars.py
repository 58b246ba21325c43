"""Bars that are held under the sessions of a calendar which their instrument no longer has."""

import numpy as np
import pytest

from collector.models import Instrument
from collector.store import write_bars
from tests.builders import minutes, row, us
from tests.integration.collector.reading import closes
from tests.integration.collector.rows import make_provider, make_series, make_write

pytestmark = pytest.mark.usefixtures("database")

EVENING = us("2025-10-08 22:00")  # Thursday's session for FX, still Wednesday for 24/5
ASKED = us("2025-10-08 22:30")


def test_write_goes_on_when_the_calendar_of_held_bars_was_changed() -> None:
    series, provider = make_series("EURUSD", calendar="24/5", asset_class="fx"), make_provider()
    rows = [row(start, symbol="EURUSD") for start in minutes(EVENING, 10)]
    write_bars(make_write([series], rows, provider=provider, asked_at=ASKED), history_before=0)
    Instrument.objects.update(calendar="FX")
    series.refresh_from_db()
    series.instrument.refresh_from_db()
    changed = [*rows[:9], row(rows[9]["start"], 10.4, symbol="EURUSD"), row(EVENING + 11 * 60_000_000, symbol="EURUSD")]
    again = make_write([series], changed, provider=provider, asked_at=ASKED + 1)
    assert not np.array_equal(again.session_days[:10], make_days(EVENING, "24/5"))
    result = write_bars(again, history_before=0)
    assert (result.new, result.replaced, result.unchanged) == (1, 1, 9)
    assert len(closes(series)) == 11


def make_days(start: int, calendar: str) -> np.ndarray:
    from providers.market.calendar import get_calendar
    from providers.market.types import Interval

    return get_calendar(calendar).session_days(np.array(minutes(start, 10), dtype=np.int64), Interval.M1)
