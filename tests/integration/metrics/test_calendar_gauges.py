"""Gauges of calendars: open as the exchange is, on half days, in lunch breaks and closures too; and how long a calendar lasts."""

import threading
from datetime import timedelta

import pytest

from collector.calendar_gauges import Loading, calendar_gauges
from collector.models import Instrument
from providers.market.calendar import Calendar, get_calendar
from tests.builders import moment
from tests.integration.collector.rows import make_override, make_series
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


def _gauges(when: str) -> tuple[dict[str, float], dict[str, float]]:
    is_open, remaining = (
        {sample.labels["calendar"]: sample.value for sample in family.samples} for family in calendar_gauges(now=moment(when))
    )
    return is_open, remaining


def _is_open(when: str) -> dict[str, float]:
    return _gauges(when)[0]


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2025-10-08 13:29", 0),
        ("2025-10-08 13:30", 1),
        ("2025-10-08 19:59", 1),
        ("2025-10-08 20:00", 0),
        ("2025-11-28 17:59", 1),
        ("2025-11-28 18:00", 0),
        ("2025-12-25 15:00", 0),
        ("2025-11-05 13:45", 0),
    ],
    ids=["before", "at the open", "last minute", "at the close", "half day", "half day, shut", "holiday", "winter time"],
)
def test_session_is_open_as_the_exchange_is_and_not_by_hours_of_utc(when: str, is_open: int) -> None:
    make_series(hours="extended")  # regular hours are meant all the same
    assert _is_open(when) == {"XNYS": is_open}


def test_session_is_shut_in_a_lunch_break() -> None:
    make_series("0700", mic="XHKG", calendar="XHKG")
    assert [_is_open(f"2025-10-08 {time}")["XHKG"] for time in ("03:59", "04:00", "04:59", "05:00")] == [1, 0, 0, 1]


def test_session_is_shut_by_a_closure_of_the_calendar_and_not_by_one_of_a_part_of_it() -> None:
    series = make_series(calendar="XNAS")
    make_override("2025-10-08 14:00", "2025-10-08 15:00", calendar="XNAS")
    make_override("2025-10-08 15:00", "2025-10-08 16:00", mic="XNAS")
    make_override("2025-10-08 15:00", "2025-10-08 16:00", kind="halt", instrument=series.instrument)
    assert [_is_open(f"2025-10-08 {hour}:30") for hour in (13, 14, 15)] == [{"XNYS": 1}, {"XNYS": 0}, {"XNYS": 1}]


def test_each_calendar_of_an_active_series_has_a_value_under_its_own_name() -> None:
    make_series()
    make_series("MSFT", calendar="XNAS")
    make_series("BTC-USD", mic="XXXX", calendar="24/7")
    make_series("VOD", mic="XLON", calendar="XLON", is_active=False)
    assert _is_open("2025-10-11 12:00") == {"24/7": 1, "XNYS": 0}


def test_remaining_days_are_told_of_calendars_that_end() -> None:
    make_series()
    make_series("0700", mic="XHKG", calendar="XHKG")
    end = get_calendar("XHKG").runs_out_on
    assert end is not None
    assert _gauges(f"{end - timedelta(days=20)} 23:00")[1] == {"XHKG": 20}


def test_calendar_that_the_library_does_not_know_any_more_has_no_days_left_and_no_session() -> None:
    make_series()
    Instrument.objects.update(calendar="GONE")
    assert _gauges("2025-10-08 15:00") == ({}, {"GONE": 0})


def test_gauges_are_told_of_calendars_that_are_in_memory_while_the_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slowly(name: str) -> Calendar:
        assert go_on.wait(60)
        return get_calendar(name)

    monkeypatch.setattr("collector.calendar_gauges.get_calendar", slowly)
    make_series(calendar="XNAS")
    calendars, now = Loading(), moment("2025-10-08 15:00")

    def told() -> list[float]:
        is_open, _ = calendar_gauges(now=now, calendars=calendars)
        return [sample.value for sample in is_open.samples]

    assert [told(), told()] == [[], []]
    go_on.set()
    wait_until(told, seconds=60, what="the calendar")
    assert told() == [1]
    make_series("0700", mic="XHKG", calendar="XHKG")
    wait_until(lambda: told() == [0, 1], seconds=60, what="the calendar that came later")
