"""Who is behind: at the open, in lunch breaks, at night, on half days; quiet, halted, new and dead ones; by calendar, life and overrides."""

import pytest

from collector.models import Abandonment, Coverage, Series
from providers.market.types import Interval
from tests.builders import moment, us
from tests.integration.collector.gaps import spans
from tests.integration.collector.rows import make_override, make_series
from tests.integration.slo.holding import answer, behind, hold, make_many, measured

pytestmark = pytest.mark.django_db
# XNYS on Wednesday 2025-10-08: 13:30 to 20:00; on 2025-11-28 until 18:00. XTKS: 00:00 to 02:30 and 03:30 to 06:30.


@pytest.mark.parametrize(("dead", "share"), [(0, "0 of 5"), (2, "2 of 5"), (5, "5 of 5")])
def test_share_that_is_behind_is_told(dead: int, share: str) -> None:
    make_many(5 - dead, "2025-10-08 15:00")
    make_many(dead, "2025-10-08 14:50", prefix="D")
    assert behind("2025-10-08 15:00:30") == share


def test_tiers_and_intervals_are_told_apart_and_an_empty_tier_is_not_told() -> None:
    make_many(2, "2025-10-08 15:00", tier="T0")
    make_many(1, "2025-10-08 14:50", prefix="D", tier="T2")
    make_many(1, "2025-10-08 15:00", prefix="F", interval="5m", tier="T2")
    found = measured("2025-10-08 15:00:30").pairs
    assert {(*pair, one.behind, one.sampled) for pair, one in found.items()} == {
        ("T0", Interval.M1, 0, 2),
        ("T2", Interval.M1, 1, 1),
        ("T2", Interval.M5, 0, 1),
    }


def test_series_is_behind_when_more_than_two_intervals_have_passed_since_the_end_of_its_newest_bar() -> None:
    hold(make_series(), "2025-10-08 14:50")
    assert behind("2025-10-08 14:52") == "0 of 1"
    assert behind("2025-10-08 14:52:01") == "1 of 1"


def test_first_minutes_of_a_session_are_no_fault_and_a_dead_series_shows_two_intervals_after_the_open() -> None:
    hold(make_series(), "2025-10-07 20:00")
    for now in ("2025-10-07 20:05", "2025-10-08 03:00", "2025-10-08 13:29", "2025-10-08 13:30", "2025-10-08 13:32"):
        assert behind(now) == "0 of 1"
    assert behind("2025-10-08 13:32:01") == "1 of 1"


def test_nobody_is_behind_at_night_and_who_was_so_at_the_close_is_so_at_the_open_again() -> None:
    hold(make_series("DEAD"), "2025-10-08 16:00")
    hold(make_series("LATE"), "2025-10-08 19:58")
    make_many(2, "2025-10-08 20:00")
    assert behind("2025-10-08 20:00") == "1 of 4"
    for now in ("2025-10-08 20:00:00.000001", "2025-10-08 23:59", "2025-10-09 13:30"):
        assert behind(now) == "0 of 4"
    assert behind("2025-10-09 13:30:01") == "2 of 4", "two minutes before the close and a second of this day"


def test_weekend_and_holiday_count_for_nothing() -> None:
    hold(make_series(), "2025-08-29 20:00")  # Friday; Monday is Labor Day
    assert behind("2025-09-02 13:32") == "0 of 1"
    assert behind("2025-09-02 13:33") == "1 of 1"


def test_half_day_ends_at_its_early_close() -> None:
    hold(make_series("GOOD"), "2025-11-28 18:00")
    hold(make_series("DEAD"), "2025-11-28 17:50")
    assert behind("2025-11-28 18:00") == "1 of 2"
    assert behind("2025-11-28 18:30") == "0 of 2"
    assert behind("2025-12-01 14:32") == "1 of 2"
    assert behind("2025-12-01 14:33") == "2 of 2"


def test_lunch_break_counts_for_nothing() -> None:
    tokyo = {"mic": "XTKS", "calendar": "XTKS"}
    hold(make_series("7203", **tokyo), "2025-10-08 02:30")
    assert behind("2025-10-08 03:29") == "0 of 1"
    assert behind("2025-10-08 03:32") == "0 of 1"
    assert behind("2025-10-08 03:32:01") == "1 of 1"


def test_around_the_clock_there_is_no_night() -> None:
    hold(make_series("BTCUSD", mic="XXXX", calendar="24/7"), "2025-10-11 23:59")
    assert behind("2025-10-12 00:01") == "0 of 1"
    assert behind("2025-10-12 00:01:01") == "1 of 1"


def test_quiet_series_is_not_behind_while_a_vendor_credibly_answers() -> None:
    quiet, proven = (hold(make_series(symbol), "2025-10-08 14:00") for symbol in ("QUIET", "PROVEN"))
    answer(quiet, "2025-10-08 15:00")
    hold(proven, "2025-10-08 15:00", column="empty", since="2025-10-08 14:00")
    assert behind("2025-10-08 15:01") == "0 of 2"
    assert behind("2025-10-08 15:03") == "2 of 2"


def test_mute_vendor_proves_nothing() -> None:
    """Its silence is doubted, so nothing is proven empty and nothing answered through."""
    hold(make_series(), "2025-10-08 14:00")
    assert behind("2025-10-08 15:01") == "1 of 1"


def test_withdrawn_bar_is_known_no_more() -> None:
    series = hold(make_series(), "2025-10-08 15:00")
    row = Coverage.objects.get(series=series, session="2025-10-08")
    Coverage.objects.filter(pk=row.pk).update(void=row.held, held=[])
    assert behind("2025-10-08 15:00:30") == "1 of 1"


def test_new_series_has_two_intervals_from_its_first_slot() -> None:
    make_series(collect_from=moment("2025-10-08 15:00"))
    assert behind("2025-10-08 14:59:59") == "0 of 0"
    assert behind("2025-10-08 15:02") == "0 of 1"
    assert behind("2025-10-08 15:02:01") == "1 of 1"


def test_new_series_of_a_shut_market_is_not_behind() -> None:
    make_series(collect_from=moment("2025-10-08 21:00"))
    assert behind("2025-10-09 13:30") == "0 of 1"


def test_halted_series_is_not_behind_and_has_two_intervals_after_the_halt() -> None:
    halted = hold(make_series("HALT"), "2025-10-08 14:00")
    make_override("2025-10-08 14:00", "2025-10-08 16:00", kind="halt", instrument=halted.instrument)
    assert behind("2025-10-08 15:59") == "0 of 1"
    assert behind("2025-10-08 16:02") == "0 of 1"
    assert behind("2025-10-08 16:02:01") == "1 of 1"


def test_closure_of_a_venue_counts_for_all_of_its_series_and_no_others() -> None:
    make_many(2, "2025-10-08 14:00")
    hold(make_series("OTHER", mic="XNYS"), "2025-10-08 14:00")
    make_override("2025-10-08 14:00", "2025-10-08 20:00", mic="XNAS")
    assert behind("2025-10-08 15:00") == "1 of 3"


def test_series_that_is_collected_no_more_is_not_looked_at() -> None:
    hold(make_series("ENDED", collect_until=moment("2025-10-08 14:30")), "2025-10-08 14:00")
    hold(make_series("DELISTED", delisted_at=moment("2025-10-08 14:30")), "2025-10-08 14:00")
    hold(make_series("UNLISTED", listed_at=moment("2025-10-09 14:30")), "2025-10-08 14:00")
    hold(make_series("OFF", is_active=False), "2025-10-08 14:00")
    assert behind("2025-10-08 15:00") == "0 of 0"


def test_abandoned_time_is_expected_of_nobody() -> None:
    series = hold(make_series(), "2025-10-08 14:00")
    Abandonment.objects.create(
        series=series,
        start=moment("2025-10-08 14:00"),
        end=moment("2025-10-08 20:00"),
        created_at=moment("2025-10-08 21:00"),
        who="me",
        why="no such bars",
    )
    assert behind("2025-10-08 22:00") == "0 of 1"
    assert behind("2025-10-09 13:32:01") == "1 of 1"


def test_hourly_bars_count_trading_time_and_not_the_whole_cell_in_which_the_session_opens() -> None:
    hold(make_series(interval="1h"), "2025-10-07 20:00")
    assert behind("2025-10-08 15:30") == "0 of 1"
    assert behind("2025-10-08 15:30:01") == "1 of 1"


def test_daily_bars_have_two_sessions_and_weekends_count_for_nothing() -> None:
    daily = hold(make_series(interval="1d"), "2025-10-02 00:00")  # Wednesday's bar is held, Thursday's is not
    assert Coverage.objects.filter(series=daily, session="2025-10-01").exists()
    for now in ("2025-10-02 23:00", "2025-10-03 06:00", "2025-10-04 00:00", "2025-10-05 12:00", "2025-10-06 00:00"):
        assert behind(now) == "0 of 1"
    assert behind("2025-10-06 00:01") == "1 of 1"


def test_daily_bars_that_come_hours_after_the_close_are_in_time() -> None:
    hold(make_series(interval="1d"), "2025-10-07 00:00")
    assert behind("2025-10-08 06:00") == "0 of 1"


def test_two_weeks_without_trading_count_for_nothing() -> None:
    hold(make_series("600519", mic="XSHG", calendar="XSHG"), "2025-09-30 07:00")
    assert behind("2025-10-09 01:32") == "0 of 1"  # after the National Day holidays
    assert behind("2025-10-09 01:32:01") == "1 of 1"


def test_worst_are_named_with_what_is_known_of_them_from_before() -> None:
    make_many(3, "2025-10-08 14:50")
    hold(make_series("OLD"), "2025-10-01 20:00")
    make_series("NEVER")
    make_many(1, "2025-10-08 15:00", prefix="GOOD")
    (found,) = measured("2025-10-08 15:00:30").pairs.values()
    assert [(one.symbol, one.last) for one in found.worst] == [
        ("NEVER", None),
        ("OLD", us("2025-10-01 20:00")),
        *((f"S0{number}", us("2025-10-08 14:50")) for number in range(3)),
    ]


def test_calendar_that_can_not_be_had_costs_its_own_series_and_is_named() -> None:
    gone = make_series("GONE")
    make_many(2, "2025-10-08 15:00")
    type(gone.instrument).objects.filter(pk=gone.instrument_id).update(calendar="NOPE")
    found = measured("2025-10-08 15:00:30")
    assert [one.sampled for one in found.pairs.values()] == [2]
    assert len(found.faults) == 1
    assert "1 series of 1m on NOPE" in found.faults[0]


def test_fresh_newest_bar_does_not_hide_what_is_missing_of_the_last_session_hour() -> None:
    series = hold(make_series(), "2025-10-08 14:20")
    hold(series, "2025-10-08 15:00", since="2025-10-08 14:30")
    make_many(1, "2025-10-08 15:00")
    (found,) = measured("2025-10-08 15:00:30").pairs.values()
    assert (found.behind, found.interior_missing, found.recent.expected) == (0, 10, 120)
    (found,) = measured("2025-10-08 15:24:30").pairs.values()
    assert found.interior_missing == 2 * 23 + 7, "and what was never sent since 15:00, as far as it is due"


def test_silence_that_is_too_young_to_be_proven_is_not_missing_and_an_old_one_is() -> None:
    series = hold(make_series(), "2025-10-08 14:50")
    answer(series, "2025-10-08 15:00")
    (found,) = measured("2025-10-08 15:00:30").pairs.values()
    # Slots that have been over for less than 90 s and two plans are too young: those from 14:57 on.
    assert found.interior_missing == 7


def test_history_that_was_asked_for_is_looked_at_for_its_own_time_only() -> None:
    series = make_series(collect_from=moment("2025-10-09 00:00"))
    Series.objects.filter(pk=series.pk).update(history=spans(("2025-10-08 00:00", "2025-10-08 16:00")))
    assert behind("2025-10-08 15:00") == "1 of 1"
    assert behind("2025-10-08 17:00") == "0 of 0"
