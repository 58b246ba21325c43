"""Whose quotes are planned when: only of what trades now, once a tier's cadence, however many beats fire."""

import threading

import pytest
from django.db import connections

from collector.models import Instrument, QuoteSeries, Tier
from collector.schemas import Priority, QuotesFetchJob
from collector.services.quote_plan import plan_quotes
from providers.market.types import SECOND_US, to_us
from tests.builders import moment, us
from tests.integration.collector.rows import make_tier
from tests.quotes import make_quote_series

pytestmark = pytest.mark.usefixtures("database")

NOON = "2025-10-08 16:00"


@pytest.fixture(autouse=True)
def _cadences(database):
    for code, seconds in (("T0", 10), ("T1", 30), ("T2", 60)):
        Tier.objects.filter(code=code).update(quote_cadence_seconds=seconds)


def at(text, *, late=0.0):
    return plan_quotes(now=us(text) + int(late * SECOND_US))


def due(text, **rest):
    return sorted(symbol for job in at(text, **rest) for symbol in job.symbols)


def test_job_names_its_venue_and_ends_with_the_next_plan():
    make_quote_series()
    (job,) = at(NOON, late=3.5)
    assert (job.symbols, job.mic, job.tier, job.priority) == (["AAPL"], "XNAS", "T0", Priority.LIVE)
    assert to_us(job.expires_at) == us("2025-10-08 16:00:10")
    assert QuotesFetchJob.model_validate(job.model_dump(mode="json")) == job


def test_each_tier_is_planned_once_in_its_own_cadence():
    for code in ("T0", "T1", "T2"):
        make_quote_series(code, tier=code)
    found = {second: due(NOON, late=second) for second in range(61)}
    assert {second for second in found if "T0" in found[second]} == {0, 10, 20, 30, 40, 50, 60}
    assert {second for second in found if "T1" in found[second]} == {0, 30, 60}
    assert {second for second in found if "T2" in found[second]} == {0, 60}


EVERYTHING = ["COIN", "EXTENDED", "REGULAR"]
VENUES = [
    ("2025-10-08 12:00", ["COIN", "EXTENDED"]),
    ("2025-10-08 13:29:50", ["COIN", "EXTENDED"]),
    ("2025-10-08 13:30", EVERYTHING),
    ("2025-10-08 19:59:50", EVERYTHING),
    ("2025-10-08 20:00", ["COIN", "EXTENDED"]),
    ("2025-10-11 15:00", ["COIN"]),
    ("2025-11-28 17:59:50", EVERYTHING),
    ("2025-11-28 18:00", ["COIN", "EXTENDED"]),
]


@pytest.mark.parametrize(("text", "expected"), VENUES)
def test_only_what_trades_now_is_asked_for(text, expected):
    make_quote_series("REGULAR")
    make_quote_series("EXTENDED", hours="extended")
    make_quote_series("COIN", mic="XXXX", calendar="24/7")
    assert due(text) == expected


def test_what_is_switched_off_not_listed_yet_or_delisted_is_left_out():
    make_quote_series("OFF", is_active=False)
    make_quote_series("LATER", listed_at=moment("2025-10-08 16:00:01"))
    make_quote_series("GONE", delisted_at=moment(NOON))
    make_quote_series("HERE", listed_at=moment(NOON), delisted_at=moment("2025-10-08 16:00:01"))
    assert due(NOON) == ["HERE"]


def test_calendar_that_is_gone_costs_its_own_instruments_only(caplog):
    make_quote_series()
    odd = make_quote_series("ODD", mic="XNYS")
    Instrument.objects.filter(pk=odd.instrument_id).update(calendar="NONE")
    assert due(NOON) == ["AAPL"]
    assert "no plan for T0 quotes on NONE" in caplog.text


def test_job_holds_at_most_a_thousand_symbols_of_one_venue():
    tier = make_tier("T1")
    listed = Instrument.objects.bulk_create(
        [Instrument(symbol=f"S{i}", mic="XNYS", calendar="XNYS") for i in range(1001)]
        + [Instrument(symbol="S1", mic="XNAS", calendar="XNYS")]
    )
    QuoteSeries.objects.bulk_create(QuoteSeries(instrument=one, tier=tier) for one in listed)
    jobs = at(NOON)
    assert sorted((job.mic, len(job.symbols)) for job in jobs) == [("XNAS", 1), ("XNYS", 1), ("XNYS", 1000)]


def test_beats_that_fire_at_once_make_one_plan():
    make_quote_series()
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


def test_plans_of_bars_and_of_quotes_keep_their_own_marks():
    make_quote_series()
    at(NOON)
    tier = Tier.objects.get(code="T0")
    assert (to_us(tier.quotes_planned_through), tier.planned_through) == (us(NOON), None)
