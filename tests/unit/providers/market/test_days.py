"""Dates, day numbers and wall clocks."""

from datetime import date, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.market.days import date_of, day_of, local_days, wall_instants, weekdays
from providers.market.types import DAY_US, from_us
from tests.unit.providers.market.times import text

ZONES = ["America/New_York", "Asia/Tokyo", "Asia/Kolkata", "Pacific/Auckland", "America/Sao_Paulo", "UTC", "Pacific/Kiritimati"]


@given(st.dates())
def test_day_number_and_date_are_each_others_reverse(day: date) -> None:
    assert date_of(day_of(day)) == day


@given(
    st.lists(st.integers(day_of(date(1950, 1, 1)) * DAY_US, day_of(date(2049, 1, 1)) * DAY_US), min_size=1),
    st.sampled_from(ZONES),
)
def test_local_days_are_what_zoneinfo_says(moments: list[int], zone: str) -> None:
    ts = np.array(moments)
    expected = [day_of(from_us(t).astimezone(ZoneInfo(zone)).date()) for t in ts.tolist()]
    assert local_days(ts, zone=ZoneInfo(zone)).tolist() == expected


def test_local_days_change_at_the_clock_change_when_midnight_is_skipped() -> None:
    # São Paulo's clocks went from 00:00 to 01:00 on 2018-11-04, at 03:00 UTC.
    change = day_of(date(2018, 11, 4)) * DAY_US + 3 * DAY_US // 24
    days = local_days(np.array([change - 1, change]), zone=ZoneInfo("America/Sao_Paulo"))
    assert [date_of(d) for d in days] == [date(2018, 11, 3), date(2018, 11, 4)]


@pytest.mark.parametrize("ts", [-(2**62), 2**62])
def test_local_days_are_utc_days_when_no_date_can_hold_the_instant(ts: int) -> None:
    assert local_days(np.array([ts]), zone=ZoneInfo("Asia/Tokyo")).tolist() == [ts // DAY_US]


def test_wall_instants_follow_the_zone_over_a_clock_change() -> None:
    days = np.array([day_of(date(2025, 3, 8)), day_of(date(2025, 3, 9))])
    found = wall_instants(days, at=time(17), zone=ZoneInfo("America/New_York"))
    assert [text(t) for t in found] == ["2025-03-08 22:00", "2025-03-09 21:00"]


def test_weekdays_are_mondays_to_fridays() -> None:
    found = [date_of(d) for d in weekdays(day_of(date(2025, 7, 1)), day_of(date(2025, 7, 31)))]
    assert found == [date(2025, 7, d) for d in range(1, 32) if date(2025, 7, d).weekday() < 5]
