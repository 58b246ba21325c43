"""What is missing is what is expected less what is held or proven empty, and nothing else."""

import itertools
import logging
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from collector.core.closures import vanished
from collector.core.spans import inside
from collector.models import CalendarOverride, Instrument, Series
from collector.selectors.coverage import coverage_of
from collector.selectors.scopes import Scope, reach_of
from collector.services.series import switch
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, Hours, Interval, from_us
from providers.services import policies
from tests.builders import moment, us
from tests.integration.collector.gaps import cover, gaps, slots_of, spans, texts
from tests.integration.collector.rows import make_override, make_policy, make_provider, make_series

pytestmark = pytest.mark.django_db

WEDNESDAY = date(2025, 10, 8)
EVENING = us("2025-10-08 22:00")
WAIT = 90 * SECOND_US
numbers = itertools.count()


def held_but(series, *without: tuple[str, str], first=WEDNESDAY, last=WEDNESDAY, calendar="XNYS"):
    """Cover all slots but those that start in the spans `without`."""
    starts, days = get_calendar(calendar, Hours(series.hours)).session_slots(Interval(series.interval), first, last)
    kept = np.ones(len(starts), dtype=bool)
    for start, end in without:
        kept &= (starts < us(start)) | (starts >= us(end))
    cover(series, starts[kept], days[kept])


def on(day=WEDNESDAY, *, now=EVENING, **values):
    return texts(gaps(start=day, end=day, now=now, **values))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    name=st.sampled_from(["XNYS", "XLON", "XTKS", "XHKG", "CME", "FX", "24/7"]),
    interval=st.sampled_from([Interval.M1, Interval.M5, Interval.H1, Interval.D1]),
    first=st.dates(date(2023, 1, 1), date(2025, 6, 30)),
    days=st.integers(0, 45),
    history=st.lists(st.tuples(st.sampled_from(["held", "empty", "missing"]), st.integers(1, 700)), min_size=1, max_size=30),
    born=st.integers(0, 20 * 1440),
    died=st.none() | st.integers(0, 40 * 1440),
    seen=st.integers(0, 50 * 86_400),
    closed=st.none()
    | st.tuples(st.sampled_from(["calendar", "mic", "instrument"]), st.integers(-1440, 40 * 1440), st.integers(1, 7 * 1440)),
    asked_for=st.lists(st.tuples(st.integers(-10 * 1440, 50 * 1440), st.integers(1, 5 * 1440)), max_size=3),
)
def test_gaps_and_held_and_empty_are_disjoint_and_together_what_is_expected(
    *, name, interval, first, days, history, born, died, seen, closed, asked_for
):
    begin, last = us(f"{first} 00:00"), from_us(us(f"{first} 00:00") + days * DAY_US).date()
    low, now = begin + born * MINUTE_US, begin + seen * SECOND_US
    high = None if died is None else low + (died + 1) * MINUTE_US
    earlier = [(begin + start * MINUTE_US, begin + (start + length) * MINUTE_US) for start, length in asked_for]
    series = make_series(
        f"S{next(numbers)}",
        calendar=name,
        interval=interval,
        collect_from=from_us(low),
        collect_until=high and from_us(high),
        history=Multirange([Range(from_us(start), from_us(end)) for start, end in earlier]),
        mic="XXXX",
    )
    starts, sessions = get_calendar(name).session_slots(interval, first, last)
    states = np.resize(np.repeat([state for state, _ in history], [length for _, length in history]), len(starts))
    for column in ("held", "empty"):
        cover(series, starts[states == column], sessions[states == column], column=column)
    is_collected = (starts >= low) & (starts < (high or now))
    for start, end in earlier:
        is_collected |= (starts >= start) & (starts < end)
    CalendarOverride.objects.all().delete()
    if closed is not None:
        about, start, length = closed
        span = begin + start * MINUTE_US, begin + (start + length) * MINUTE_US
        names = {"calendar": name, "mic": series.instrument.mic, "instrument": series.instrument}
        make_override(*(f"{from_us(at):%Y-%m-%d %H:%M}" for at in span), **{about: names[about]})
        gone = vanished(
            get_calendar(name), interval, closed=np.array([span]), start=begin - 2 * DAY_US, end=begin + 60 * DAY_US
        )
        is_collected &= ~inside(starts, gone)
    ((_, shown),) = coverage_of(series=[Series.objects.get(pk=series.pk)], first=first, last=last, now=now)
    assert sum(session.expected for session in shown) == np.count_nonzero(is_collected & (starts + interval.us <= now))
    is_expected = is_collected & (starts + interval.us + WAIT <= now)
    found = slots_of(gaps(start=first, end=last, now=now, series_ids=[series.pk]), starts)
    known = starts[is_expected & (states != "missing")].tolist()
    assert sorted(found + known) == starts[is_expected].tolist()


def test_hole_is_one_gap_with_all_that_names_it():
    series = make_series()
    held_but(series, ("2025-10-08 14:00", "2025-10-08 14:05"))
    (gap,) = gaps(now=EVENING, start=WEDNESDAY)
    assert (gap.series_id, gap.symbol, gap.mic, gap.interval, gap.hours, gap.adjustment) == (
        series.pk,
        "AAPL",
        "XNAS",
        "1m",
        "regular",
        "raw",
    )
    assert (gap.tier, gap.session, gap.start, gap.end, gap.slots) == (
        "T0",
        WEDNESDAY,
        us("2025-10-08 14:00"),
        us("2025-10-08 14:05"),
        5,
    )


def test_session_of_which_nothing_is_known_is_one_gap_a_session():
    make_series()
    found = gaps(now=EVENING, start=date(2025, 10, 3), end=WEDNESDAY)
    assert texts(found) == [f"AAPL 10-0{day} 13:30 +390" for day in (3, 6, 7, 8)]  # no weekend


def test_absence_that_is_believed_is_no_gap_and_a_bar_of_whichever_vendor_neither():
    series = make_series()
    held_but(series, ("2025-10-08 14:00", "2025-10-08 14:05"))
    starts = np.arange(us("2025-10-08 14:00"), us("2025-10-08 14:05"), MINUTE_US)
    cover(series, starts[:3], np.full(3, us("2025-10-08 00:00") // DAY_US), column="empty")
    assert on() == ["AAPL 10-08 14:03 +2"]


def test_many_series_are_told_apart_when_they_lack_the_same_and_when_not():
    for symbol, hole in (("A", "14:00"), ("B", "14:00"), ("C", "15:00")):
        held_but(make_series(symbol), (f"2025-10-08 {hole}", f"2025-10-08 {hole[:3]}10"))
    held_but(make_series("D"))
    assert on() == ["A 10-08 14:00 +10", "B 10-08 14:00 +10", "C 10-08 15:00 +10"]


class TestEdges:
    """Where a slot stops being expected."""

    def test_slot_that_vendors_may_still_deliver_is_no_gap(self):
        make_series()
        at = lambda text, more: sum(g.slots for g in gaps(start=WEDNESDAY, now=us(f"2025-10-08 {text}") + more))  # noqa: E731
        assert at("13:31", WAIT - 1) == 0
        assert at("13:31", WAIT) == 1
        assert at("14:00", WAIT - 1) == 29

    def test_slowest_provider_of_the_route_decides_what_is_settled(self):
        make_provider("polygon", settle_after_seconds=60)
        make_provider("alpaca", settle_after_seconds=900)
        make_provider("slower", adapter="polygon", settle_after_seconds=3_600)  # nobody's choice
        make_series("A")
        make_series("B", tier="T1")
        make_policy("polygon", "alpaca", tier="T0")
        make_policy("polygon", tier="T1")
        found = gaps(snapshot=policies.current(), now=us("2025-10-08 14:00"), start=WEDNESDAY)
        assert texts(found) == ["A 10-08 13:30 +15", "B 10-08 13:30 +29"]

    def test_life_clips_both_ends(self):
        make_series("A", collect_from=moment("2025-10-08 19:00:30"), collect_until=moment("2025-10-08 19:30:30"))
        make_series("B", listed_at=moment("2025-10-08 19:45"))
        make_series("C", delisted_at=moment("2025-10-08 13:40"))
        make_series(
            "D", collect_from=moment("2025-10-08 15:00"), delisted_at=moment("2025-10-08 14:00")
        )  # delisted before collected
        assert on() == ["A 10-08 19:01 +30", "B 10-08 19:45 +15", "C 10-08 13:30 +10"]

    def test_history_that_was_asked_for_is_expected_beside_the_collection_and_within_the_listing(self):
        asked_for = spans(("2025-10-07 19:50:30", "2025-10-08 13:40"), ("2025-10-08 15:00", "2025-10-08 15:30"))
        make_series("A", collect_from=moment("2025-10-08 15:20"), collect_until=moment("2025-10-08 15:40"), history=asked_for)
        make_series("B", collect_from=moment("2025-11-01 00:00"), history=asked_for, listed_at=moment("2025-10-08 13:35"))
        assert texts(gaps(now=EVENING)) == [
            "A 10-07 19:51 +9", "A 10-08 13:30 +10", "A 10-08 15:00 +40", "B 10-08 13:35 +5", "B 10-08 15:00 +30"
        ]  # fmt: skip

    def test_series_that_is_not_active_is_not_scanned(self):
        make_series(is_active=False)
        assert on() == []
        assert reach_of(Scope()).series == 0

    def test_what_a_series_missed_while_it_was_not_active_is_a_gap_unless_its_life_begins_later(self):
        series = make_series(is_active=False)
        switch(ids=[series.pk], is_active=True)
        assert on() == ["AAPL 10-08 13:30 +390"]
        Series.objects.update(collect_from=from_us(EVENING))
        assert on() == []

    def test_retention_horizon_clips_to_whole_days(self, settings):
        make_series()
        settings.BAR_DAYS = 1
        assert texts(gaps(now=EVENING)) == ["AAPL 10-07 13:30 +390", "AAPL 10-08 13:30 +390"]
        settings.BAR_DAYS = 0
        assert texts(gaps(now=EVENING, end=date(2020, 1, 2))) == ["AAPL 01-02 14:30 +390"]

    def test_instants_bound_slots_by_their_start(self):
        make_series()
        wanted = {"start": us("2025-10-08 15:00"), "end": us("2025-10-08 15:10")}
        assert texts(gaps(now=EVENING, **wanted)) == ["AAPL 10-08 15:00 +10"]
        assert texts(gaps(now=EVENING, **{name: from_us(value) for name, value in wanted.items()})) == ["AAPL 10-08 15:00 +10"]

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (date(2025, 10, 11), date(2025, 10, 12)),  # a weekend
            (date(2025, 10, 8), date(2025, 10, 7)),
            (date(2019, 12, 30), date(2019, 12, 31)),  # before its life
            (date(2199, 1, 1), date(2199, 12, 31)),
            (datetime.fromisoformat("2025-10-08T20:00Z"), datetime.fromisoformat("2025-10-09T13:30Z")),  # a night
        ],
    )
    def test_span_without_a_slot_has_no_gap(self, start, end):
        make_series()
        assert gaps(now=EVENING, start=start, end=end) == []

    def test_future_is_never_missing(self):
        make_series()
        assert on(date(2025, 10, 9)) == []


class TestCalendars:
    """Each venue's own days."""

    @pytest.mark.parametrize(
        ("day", "slots"),
        [
            ("2025-11-28", ["AAPL 11-28 14:30 +210"]),  # half day: shut from 13:00 New York
            ("2025-11-27", []),  # Thanksgiving
            ("2025-03-07", ["AAPL 03-07 14:30 +390"]),  # before summer time
            ("2025-03-10", ["AAPL 03-10 13:30 +390"]),  # behind
        ],
    )
    def test_half_day_holiday_and_summer_time_of_new_york(self, day, slots):
        make_series()
        assert on(date.fromisoformat(day), now=us("2025-12-01 00:00")) == slots

    def test_lunch_break_is_never_in_a_gap(self):
        make_series("0700", calendar="XHKG", mic="XHKG")
        assert on() == ["0700 10-08 01:30 +150", "0700 10-08 05:00 +180"]

    def test_session_that_opens_on_the_evening_before_is_whole(self):
        make_series("ES", calendar="CME", mic="XCME")
        make_series("EURUSD", calendar="FX", mic="XXXX")
        assert on() == ["ES 10-07 22:00 +1380", "EURUSD 10-07 21:00 +1440"]

    @pytest.mark.parametrize(("monday", "slots"), [("2025-03-10", "03-09 21:00 +1440"), ("2025-11-03", "11-02 22:00 +1440")])
    def test_foreign_exchange_opens_an_hour_later_in_winter(self, monday, slots):
        make_series("EURUSD", calendar="FX", mic="XXXX")
        assert on(date.fromisoformat(monday), now=us("2025-12-01 00:00")) == [f"EURUSD {slots}"]

    def test_extended_hours_reach_into_the_next_utc_day(self):
        series = make_series(hours="extended")
        found = gaps(now=us("2025-12-05 12:00"), start=date(2025, 12, 3), end=date(2025, 12, 3))
        assert texts(found) == ["AAPL 12-03 09:00 +960"]
        held_but(series, ("2025-12-04 00:55", "2025-12-04 01:00"), first=date(2025, 12, 3), last=date(2025, 12, 3))
        assert on(date(2025, 12, 3), now=us("2025-12-05 12:00")) == ["AAPL 12-04 00:55 +5"]

    def test_coarser_intervals_have_their_own_slots(self):
        make_series("A", interval="5m")
        make_series("B", interval="1h")
        make_series("C", interval="1d")
        assert on(now=us("2025-10-09 00:05")) == ["C 10-08 00:00 +1", "B 10-08 13:00 +7", "A 10-08 13:30 +78"]
        assert on(now=EVENING) == ["B 10-08 13:00 +7", "A 10-08 13:30 +78"]  # the day is not over

    def test_daily_gap_is_one_over_weekends_and_ends_at_a_bar_that_is_held(self):
        series = make_series(interval="1d")
        held_but(
            series, ("2025-09-26 00:00", "2025-09-30 00:00"), ("2025-10-02 00:00", "2025-10-04 00:00"), first=date(2025, 9, 1)
        )
        (first, second) = gaps(now=us("2025-10-09 12:00"), start=date(2025, 9, 1), end=WEDNESDAY)
        assert (first.start, first.end, first.slots) == (us("2025-09-26 00:00"), us("2025-09-30 00:00"), 2)
        assert (second.session, second.slots) == (date(2025, 10, 2), 2)

    def test_bars_held_under_the_sessions_of_another_calendar_are_no_gaps(self):
        series = make_series("ES", calendar="24/7", mic="XCME")
        held_but(series, first=date(2025, 10, 6), last=date(2025, 10, 9), calendar="24/7")
        Instrument.objects.update(calendar="CME")
        assert texts(gaps(now=us("2025-10-10 00:00"), start=date(2025, 10, 7), end=WEDNESDAY)) == []

    def test_calendar_that_is_gone_costs_its_own_series_only(self, caplog):
        make_series("GONE", calendar="XOLD", mic="XOLD")
        make_series("LSE", calendar="XLON", hours="extended", mic="XLON")
        make_series()
        with caplog.at_level(logging.ERROR):
            assert on() == ["AAPL 10-08 13:30 +390"]
        told = [record.getMessage() for record in caplog.records if getattr(record, "action", "") == "calendar_unusable"]
        assert len(told) == 2
        assert "XOLD" in told[1]
        reach = reach_of(Scope())
        assert (reach.series, len(reach.faults)) == (3, 2)
        assert "1 series of 1m on XLON can't be scanned" in reach.faults[0]


def test_scope_narrows_by_tier_and_symbol_and_venue_and_interval():
    make_series("A")
    make_series("A", mic="XLON", calendar="XLON", tier="T1")
    make_series("A", interval="5m", tier="T1")
    make_series("B", tier="T2")

    def found(**scope):
        return sorted((gap.symbol, gap.mic, gap.interval.value) for gap in gaps(now=EVENING, start=WEDNESDAY, **scope))

    everything = [("A", "XLON", "1m"), ("A", "XNAS", "1m"), ("A", "XNAS", "5m"), ("B", "XNAS", "1m")]
    assert found() == everything
    assert found(tiers=["T1"]) == [everything[0], everything[2]]
    assert found(tiers=["T1", "T2"], symbols=["B"]) == [everything[3]]
    assert found(symbols=["A"], mic="XNAS", interval=Interval.M1) == [everything[1]]
    assert found(tiers=[]) == []


def test_scan_costs_three_statements_when_all_series_share_a_calendar(django_assert_num_queries):
    for symbol in "ABCDEFGH":
        make_series(symbol, tier="T1" if symbol < "D" else "T0")
    with django_assert_num_queries(3):
        assert len(gaps(now=EVENING, start=date(2025, 9, 8), end=WEDNESDAY)) == 8 * 23
