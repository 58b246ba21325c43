"""`GET /coverage` as a client sees it."""

from datetime import date

import pytest
import time_machine

from tests.integration.rest.rows import at, make_coverage, make_series

pytestmark = pytest.mark.django_db
FRIDAY = date(2026, 11, 20)


def get(client, status=200, **parameters):
    response = client.get("/coverage", {"symbol": "AAPL", "start": "2026-11-20", **parameters})
    assert response.status_code == status, response.content
    return response.json()["coverage"] if status == 200 else response.json()["error"]


@pytest.fixture(autouse=True)
def _sunday():
    with time_machine.travel(at("2026-11-22 12:00"), tick=False):
        yield


def test_session_is_counted_out_when_part_of_it_is_missing(client):
    make_coverage(
        make_series(),
        FRIDAY,
        held=[(at("2026-11-20 14:30"), at("2026-11-20 20:00")), (at("2026-11-20 20:10"), at("2026-11-20 21:00"))],
        empty=[(at("2026-11-20 20:00"), at("2026-11-20 20:04"))],
    )
    (found,) = get(client)
    (missing,), (empty,) = found.pop("missing_spans"), found.pop("empty_spans")
    assert found == {
        "symbol": "AAPL",
        "mic": "XNAS",
        "interval": "1m",
        "hours": "regular",
        "adjustment": "raw",
        "session": "2026-11-20",
        "expected": 390,
        "held": 380,
        "empty": 4,
        "missing": 6,
        "filling": 0,
        "dead": 0,
        "abandoned": 0,
        "pending": 6,
        "withdrawn": 0,
    }
    assert (missing["start"], missing["end"], missing["slots"]) == ("2026-11-20T20:04:00Z", "2026-11-20T20:10:00Z", 6)
    assert empty == {"start": "2026-11-20T20:00:00Z", "end": "2026-11-20T20:04:00Z", "slots": 4, "by": []}


def test_session_is_wholly_missing_when_nothing_is_known(client):
    make_series()
    (session,) = get(client)
    assert (session["expected"], session["missing"], len(session["missing_spans"])) == (390, 390, 1)


def test_night_and_weekend_have_no_session_when_asked_for(client):
    make_series()
    assert [session["session"] for session in get(client, end="2026-11-22")] == ["2026-11-20"]


def test_thanksgiving_is_no_gap_and_the_day_after_is_short(client):
    make_series()
    with time_machine.travel(at("2026-11-28 12:00"), tick=False):
        found = get(client, start="2026-11-25", end="2026-11-27")
    assert [(session["session"][-2:], session["expected"]) for session in found] == [("25", 390), ("27", 210)]


def test_open_slot_is_not_expected_until_it_closes(client):
    make_series()
    for moment, expected in (("14:30", 0), ("14:30:59", 0), ("14:31", 1), ("15:00:30", 30)):
        with time_machine.travel(at(f"2026-11-20 {moment}"), tick=False):
            found = get(client)
        assert sum(session["expected"] for session in found) == expected


def test_life_of_series_and_instrument_bounds_what_is_expected(client):
    make_series("A", collect_from=at("2026-11-20 20:00"), collect_until=at("2026-11-20 20:30"))
    make_series("B", listed_at=at("2026-11-20 20:45"))
    make_series("C", delisted_at=at("2026-11-20 14:40"))
    assert [(one["symbol"], one["expected"]) for one in get(client, symbol="A,B,C")] == [("A", 30), ("B", 15), ("C", 10)]


def test_extended_hours_expect_more_when_the_series_has_them(client):
    make_series(hours="extended")
    assert get(client)[0]["expected"] == 960


def test_daily_series_has_one_slot_a_session(client):
    make_coverage(make_series(interval="1d"), FRIDAY, held=[(at("2026-11-20 00:00"), at("2026-11-21 00:00"))])
    found = get(client, interval="1d", start="2026-11-19", end="2026-11-20")
    assert [(one["session"], one["held"], one["missing"]) for one in found] == [("2026-11-19", 0, 1), ("2026-11-20", 1, 0)]


def test_daily_slot_is_not_expected_before_its_session_closes(client):
    make_series(interval="1d", hours="extended")
    for moment, expected in (("2026-11-21 00:59", 0), ("2026-11-21 01:00", 1)):
        with time_machine.travel(at(moment), tick=False):
            assert sum(session["expected"] for session in get(client, interval="1d")) == expected


def test_symbols_come_in_order_when_several_are_asked_for(client, django_assert_max_num_queries):
    for symbol in ("MSFT", "AAPL", "IBM"):
        make_series(symbol)
    with django_assert_max_num_queries(9):
        found = get(client, symbol=["MSFT", "IBM,AAPL"], start="2026-11-19", end="2026-11-20")
    assert [one["symbol"] for one in found] == ["AAPL"] * 2 + ["IBM"] * 2 + ["MSFT"] * 2


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"end": "2026-11-19"}, "end"),
        ({"start": "2026-10-01", "end": "2026-11-01"}, "end"),
        ({"start": "2026-11-31"}, "start"),
        ({"start": "2026-11-20T00:00:00Z"}, "start"),
        ({"start": "20261120"}, "start"),
        ({"interval": "5"}, "interval"),
        ({"hours": "all"}, "hours"),
        ({"sybmol": "A"}, "sybmol"),
    ],
)
def test_coverage_is_refused_with_the_field_when_a_parameter_is_wrong(client, parameters, field):
    make_series()
    error = get(client, status=422, **parameters)
    assert error["field"] == field
    assert field in error["message"]


def test_31_sessions_are_the_most_when_asked_for(client):
    make_series()
    assert len(get(client, start="2026-10-21", end="2026-11-20")) == 23
