"""Calendars are in memory before the first job asks: those of all that is collected."""

import pytest

from collector.models import QuoteSeries
from collector.services.calendars import preload_calendars
from providers.market import calendar as calendars
from providers.market.types import DAY_US, Hours
from tests.builders import us
from tests.integration.collector.rows import make_series

pytestmark = pytest.mark.django_db
NOW = us("2025-10-08 15:00")


@pytest.fixture
def fresh(monkeypatch):
    monkeypatch.setattr(calendars, "_calendars", {})


def test_calendars_of_all_that_is_collected_are_read_and_one_that_is_gone_costs_no_other(fresh, monkeypatch):
    make_series("AAPL", calendar="XNYS", hours="extended")
    make_series("BTC", mic="XXXX", calendar="24/7")
    make_series("OFF", mic="XLON", calendar="XLON", is_active=False)
    gone = make_series("GONE", mic="XPAR", calendar="XPAR").instrument
    type(gone).objects.filter(pk=gone.pk).update(calendar="NOWHERE")
    QuoteSeries.objects.create(
        instrument=make_series("EUR", mic="XYYY", calendar="FX", is_active=False).instrument, tier_id="T0"
    )
    assert preload_calendars(now=NOW) == 3

    monkeypatch.setattr(calendars.Calendar, "_read", lambda *_: pytest.fail("it was not in memory"))
    for name, hours in (("XNYS", Hours.EXTENDED), ("24/7", Hours.REGULAR), ("FX", Hours.REGULAR)):
        assert isinstance(calendars.get_calendar(name, hours).is_market_open(NOW - 13 * DAY_US), bool)
    assert ("XLON", Hours.REGULAR) not in calendars._calendars
