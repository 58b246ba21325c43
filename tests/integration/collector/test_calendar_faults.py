"""Who looks after the tables tells of calendars that run out."""

import logging
from collections.abc import Iterator

import pytest
from django.utils import timezone

from collector.partitions import forget_known
from collector.services import calendars
from ops.tasks import look_after_tables
from providers.market.calendar import get_calendar
from tests.integration.collector.rows import make_series

pytestmark = pytest.mark.django_db
DAY_SECONDS = 86_400


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that told nothing yet; partitions that are rolled back are forgotten."""
    monkeypatch.setattr(calendars, "_told_on", None)
    forget_known()
    yield
    forget_known()


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def _move_to(monkeypatch: pytest.MonkeyPatch, *, days_before_the_end: int) -> None:
    end = get_calendar("XHKG").runs_out_on
    assert end is not None
    days = (end - timezone.now().date()).days - days_before_the_end
    monkeypatch.setenv("MARKETDATA_CLOCK_OFFSET", str(days * DAY_SECONDS))


def test_task_warns_once_a_day_when_a_calendar_that_is_used_runs_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_series(calendar="XHKG")
    make_series("BTC-USD", mic="XXXX", calendar="24/7")
    _move_to(monkeypatch, days_before_the_end=50)
    look_after_tables()
    look_after_tables()
    assert [text.split(" (")[0][:38] for text in _told(caplog)] == ["The calendar XHKG knows no session aft"]
    _move_to(monkeypatch, days_before_the_end=49)
    look_after_tables()
    assert len(_told(caplog)) == 2


def test_task_warns_of_nothing_when_calendars_reach_far(caplog: pytest.LogCaptureFixture) -> None:
    make_series(calendar="XHKG")
    look_after_tables()
    assert _told(caplog) == []
