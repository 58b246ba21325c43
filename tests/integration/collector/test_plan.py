"""What is planned when: only series whose venue trades, each boundary once, however many beats fire."""

import threading

import numpy as np
import pytest
from django.db import connection, connections

from collector.models import Instrument, Series
from collector.schemas import BarsFetchJob
from collector.services.live import plan
from collector.store import write_bars
from collector.store_batch import AbsentSlots
from providers.market.types import DAY_US, SECOND_US, Interval, to_us
from tests.builders import minutes, moment, row, us
from tests.integration.collector.gaps import spans
from tests.integration.collector.rows import make_policy, make_provider, make_series, make_tier, make_write

pytestmark = pytest.mark.usefixtures("database")

NOON = "2025-10-08 16:00"
LATE = 2 * SECOND_US


def at(text, *, late=LATE):
    return plan(now=us(text) + late)


def due(text):
    return sorted(symbol for job in at(text) for symbol in job.symbols)


def window(job):
    return to_us(job.start), to_us(job.end)


def hold(series, starts):
    rows = [row(start, symbol=series.instrument.symbol) for start in starts]
    write_bars(make_write([series], rows, provider=make_provider(), asked_at=us(NOON)), history_before=0)


def test_plan_asks_for_the_live_window_and_nothing_after_its_boundary():
    make_series()
    (job,) = at(NOON)
    assert window(job) == (us("2025-10-08 15:50"), us(NOON))
    assert (job.symbols, job.mic, job.tier, job.interval) == (["AAPL"], "XNAS", "T0", Interval.M1)
    assert BarsFetchJob.model_validate(job.model_dump(mode="json")) == job


def test_plan_waits_for_the_lateness_of_its_tier():
    make_series()
    make_series("MSFT", tier="T1")
    assert due("2025-10-08 16:00") == ["AAPL", "MSFT"]  # T1 for the minute before: 16:00:02 is too early for it
    assert [job.symbols for job in plan(now=us(NOON) + 4 * SECOND_US)] == []
    assert [job.symbols for job in plan(now=us(NOON) + 5 * SECOND_US)] == [["MSFT"]]


def test_plan_reads_the_overlap_again_from_the_first_open_slot():
    make_provider("polygon", overlap_seconds=900)
    make_policy("polygon")
    series = make_series()
    hold(series, minutes(us("2025-10-08 15:30"), 29))
    (job,) = at(NOON)
    assert window(job) == (us("2025-10-08 15:44"), us(NOON))


def test_plan_never_reads_before_the_life_that_the_slot_belongs_to():
    make_provider("polygon", overlap_seconds=900)
    make_policy("polygon")
    asked_for = spans(("2025-10-08 15:44", "2025-10-08 15:49"), ("2025-10-08 15:50:30", "2025-10-08 15:58"))
    series = make_series(collect_from=moment("2025-11-01 00:00"), history=asked_for)
    hold(series, minutes(us("2025-10-08 15:51"), 6))
    (job,) = at(NOON)
    assert window(job) == (us("2025-10-08 15:44"), us(NOON))  # the overlap reaches into the other span
    Series.objects.update(history=spans(("2025-10-08 15:50:30", "2025-10-08 15:58")))
    (job,) = at("2025-10-08 16:01")
    assert window(job)[0] == us("2025-10-08 15:51")


def test_plan_has_nothing_to_do_when_all_is_held_or_proven_empty():
    series = make_series()
    hold(series, minutes(us("2025-10-08 15:45"), 10))
    assert due(NOON) == ["AAPL"]
    spans = np.array([[us("2025-10-08 15:55"), us("2025-10-08 16:01")]])
    absent = [AbsentSlots(series.pk, us(NOON) // DAY_US, spans, is_believed=True, why="settled")]
    write_bars(make_write([series], [], provider=make_provider(), asked_at=us(NOON), absent=absent), history_before=0)
    assert due("2025-10-08 16:01") == []


def test_plan_of_a_boundary_is_made_once():
    make_series()
    assert len(at(NOON)) == 1
    assert at(NOON) == []
    assert at(NOON, late=30 * SECOND_US) == []
    assert len(at("2025-10-08 16:01")) == 1


def test_beats_that_fire_at_once_make_one_plan():
    make_series()
    gate, plans = threading.Barrier(4), []

    def beat():
        gate.wait()
        plans.extend(at(NOON))
        connections.close_all()

    beats = [threading.Thread(target=beat) for _ in range(4)]
    for thread in beats:
        thread.start()
    for thread in beats:
        thread.join()
    assert len(plans) == 1


def test_plan_covers_all_that_was_missed_in_five_minutes_at_once():
    series = make_series()
    hold(series, minutes(us("2025-10-08 15:40"), 15))
    (job,) = at(NOON)
    assert window(job) == (us("2025-10-08 15:55"), us(NOON))


def test_plan_puts_at_most_a_thousand_symbols_into_a_job():
    tier = make_tier("T2")
    listed = Instrument.objects.bulk_create(Instrument(symbol=f"S{i}", mic="XNYS", calendar="XNYS") for i in range(1001))
    Series.objects.bulk_create(
        Series(instrument=one, tier=tier, interval="1m", collect_from=moment("2025-01-01 00:00")) for one in listed
    )
    jobs = plan(now=us(NOON) + 10 * SECOND_US)
    assert sorted(len(job.symbols) for job in jobs) == [1, 1000]
    assert len({symbol for job in jobs for symbol in job.symbols}) == 1001


def test_plan_keeps_venues_and_kinds_of_series_apart():
    make_series("A", mic="XNAS")
    make_series("B", mic="XNYS")
    make_series("C", mic="XNAS", interval="5m")
    make_series("D", mic="XNAS", hours="extended")
    make_series("E", mic="XNAS", adjustment="split")
    assert sorted(job.symbols for job in at(NOON)) == [["A"], ["B"], ["C"], ["D"], ["E"]]


CALENDARS = {"XNYS": "SHARE", "XTKS": "TOKYO", "24/7": "COIN", "FX": "EURUSD"}
SEASONS = [
    ("2025-11-28 17:59", ["COIN", "EURUSD", "SHARE"]),  # the day after Thanksgiving, New York closes at 13:00
    ("2025-11-28 18:20", ["COIN", "EURUSD"]),
    ("2025-03-07 14:20", ["COIN", "EURUSD"]),  # winter: New York opens at 14:30 UTC
    ("2025-03-10 13:35", ["COIN", "EURUSD", "SHARE"]),  # summer: at 13:30
    ("2025-10-31 13:35", ["COIN", "EURUSD", "SHARE"]),
    ("2025-11-03 13:35", ["COIN", "EURUSD"]),
    ("2025-11-03 14:35", ["COIN", "EURUSD", "SHARE"]),
    ("2025-10-08 02:25", ["COIN", "EURUSD", "TOKYO"]),
    ("2025-10-08 03:00", ["COIN", "EURUSD"]),  # lunch
    ("2025-10-08 03:35", ["COIN", "EURUSD", "TOKYO"]),
    ("2025-10-11 12:00", ["COIN"]),  # Saturday
    ("2025-10-12 21:00", ["COIN"]),  # Sunday: the FX week opens at 17:00 in New York
    ("2025-10-12 21:01", ["COIN", "EURUSD"]),
    ("2025-12-25 15:00", ["COIN", "EURUSD"]),
]


@pytest.mark.parametrize(("time", "expected"), SEASONS)
def test_plan_asks_only_for_series_whose_venue_traded_in_the_window(time, expected):
    for calendar, symbol in CALENDARS.items():
        make_series(symbol, mic="XXXX", calendar=calendar)
    assert due(time) == expected


def test_plan_is_made_up_to_the_last_minute_of_a_half_day_and_not_past_it():
    make_series(mic="XNYS")
    (job,) = at("2025-11-28 18:05")
    assert window(job) == (us("2025-11-28 17:55"), us("2025-11-28 18:05"))
    hold(Series.objects.get(), minutes(us("2025-11-28 17:50"), 10))
    assert at("2025-11-28 18:06") == []


def test_plan_begins_with_the_first_whole_slot_of_a_series_that_was_made_within_one():
    make_series(collect_from=moment("2025-10-08 15:58:30"))
    (job,) = at(NOON)
    assert window(job) == (us("2025-10-08 15:59"), us(NOON))


def test_plan_has_nothing_of_a_series_before_its_first_whole_slot_is_closed():
    make_series(collect_from=moment("2025-10-08 15:59:30"))
    assert at(NOON) == []
    assert due("2025-10-08 16:01") == ["AAPL"]


LIVES = [
    ({"listed_at": moment("2025-10-08 15:58")}, 2),
    ({"listed_at": moment("2025-10-08 17:00")}, 0),
    ({"delisted_at": moment("2025-10-08 15:52")}, 2),
    ({"delisted_at": moment("2025-10-08 15:50")}, 0),
    ({"collect_until": moment("2025-10-08 15:51")}, 1),
    ({"is_active": False}, 0),
]


@pytest.mark.parametrize(("life", "slots"), LIVES)
def test_plan_asks_for_slots_of_a_series_life_only(life, slots):
    series = make_series(**life)
    jobs = at(NOON)
    assert bool(jobs) == bool(slots)
    if slots:
        first = max(us("2025-10-08 15:50"), to_us(life.get("listed_at", moment("2025-10-08 15:50"))))
        assert to_us(jobs[0].start) == first
        hold(series, minutes(first, slots))
        assert at("2025-10-08 16:01" if "listed_at" not in life else NOON) == []


def test_plan_of_all_others_is_made_when_one_was_delisted_before_it_was_collected():
    make_series("GONE", delisted_at=moment("2024-01-01 00:00"), collect_from=moment("2025-10-01 00:00"))
    make_series("LATE", listed_at=moment("2026-01-01 00:00"), collect_until=moment("2025-12-01 00:00"))
    make_series()
    assert due(NOON) == ["AAPL"]


def test_plan_asks_for_yesterdays_daily_bar_behind_midnight():
    make_series(interval="1d")
    (job,) = at("2025-10-09 00:01")
    assert window(job) == (us("2025-10-08 00:00"), us("2025-10-09 00:01"))
    hold(Series.objects.get(), [us("2025-10-08 00:00"), us("2025-10-07 00:00")])
    assert at("2025-10-09 00:02") == []


def test_plan_asks_for_a_daily_bar_when_its_session_is_over_that_goes_on_behind_midnight():
    make_series(interval="1d", hours="extended")
    hold(Series.objects.get(), [us("2025-01-14 00:00")])
    assert at("2025-01-16 00:59") == []  # 19:59 in New York
    (job,) = at("2025-01-16 01:00")
    assert window(job) == (us("2025-01-15 00:00"), us("2025-01-16 01:00"))


def test_plan_that_fails_is_made_again(monkeypatch):
    make_series()
    monkeypatch.setattr("collector.services.live.split", _fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        at(NOON)
    monkeypatch.undo()
    assert not connection.in_atomic_block
    assert len(at(NOON)) == 1


def _fail(*_, **__):
    raise RuntimeError("in the middle of a plan")


def test_calendar_that_cannot_be_had_costs_its_own_series_only(caplog):
    make_series("LOST", calendar="XLON", hours="extended")
    make_series("AAPL")
    (job,) = at(NOON)
    assert job.symbols == ["AAPL"]
    assert "no plan for T0 series on XLON" in caplog.text


def test_job_expires_when_the_next_plan_is_made():
    make_series()
    (job,) = at(NOON)
    assert to_us(job.expires_at) == window(job)[1] + 62_000_000
