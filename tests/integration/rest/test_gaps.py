"""`GET /coverage/gaps` as a client sees it."""

from datetime import date

import pytest
import time_machine

from collector.selectors import gap_pages
from tests.integration.rest.rows import at, make_coverage, make_series

pytestmark = pytest.mark.django_db
FRIDAY = date(2026, 11, 20)


def get(client, status=200, **parameters):
    response = client.get("/coverage/gaps", {"start": "2026-11-20", **parameters})
    assert response.status_code == status, response.content
    return response.json() if status == 200 else response.json()["error"]


def pages(client, **parameters) -> list[list[str]]:
    found, after = [], {}
    while True:
        page = get(client, **parameters, **after)
        found.append([f"{gap['symbol']} {gap['start'][5:16]}" for gap in page["gaps"]])
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


@pytest.fixture(autouse=True)
def _sunday():
    with time_machine.travel(at("2026-11-22 12:00"), tick=False):
        yield


@pytest.mark.parametrize("looked_at", [1, 2, 1_000])
def test_pages_hold_every_gap_once_in_order_however_they_are_cut(client, monkeypatch, looked_at):
    monkeypatch.setattr(gap_pages, "SERIES_A_LOOK", looked_at)
    for symbol, calendar in (("B", "XNYS"), ("A", "24/7"), ("C", "XNYS"), ("D", "XNYS")):
        series = make_series(symbol, calendar=calendar)
        if symbol != "A":
            held = [] if symbol == "B" else [(at(f"2026-11-20 {hour}"), at("2026-11-20 21:00")) for hour in ("15:00",)]
            make_coverage(series, FRIDAY, held=held)
    in_order = ["B 11-19T14:30", "B 11-20T14:30", "A 11-19T00:00", "A 11-20T00:00"]
    in_order += ["C 11-19T14:30", "C 11-20T14:30", "D 11-19T14:30", "D 11-20T14:30"]
    for limit in (1, 3, 8, 100):
        found = pages(client, start="2026-11-19", end="2026-11-20", limit=limit)
        assert [gap for page in found for gap in page] == in_order
        assert all(len(page) == limit for page in found[:-1])
        assert found[-1]


def test_filters_narrow_what_is_listed(client):
    make_series("A")
    make_series("A", interval="1d")
    make_series("B", tier="T1", mic="XLON", calendar="XLON")
    assert pages(client, tier="T1") == [["B 11-20T08:00"]]
    assert pages(client, symbol="A,B", interval="1d") == [["A 11-20T00:00"]]
    assert pages(client, mic="XNAS", interval="1m") == [["A 11-20T14:30"]]
    assert pages(client, tier="T9") == [[]]


@pytest.mark.parametrize(
    ("parameters", "status", "code", "field"),
    [
        ({"end": "2026-11-19"}, 422, "bad_range", "end"),
        ({"end": "2026-12-21"}, 422, "bad_range", "end"),
        ({"symbol": "AAPX"}, 404, "unknown_symbol", "symbol"),
        ({"symbol": "A"}, 422, "ambiguous_symbol", "mic"),
        ({"after": "nonsense"}, 422, "bad_cursor", "after"),
        ({"after": "WyJ4IiwxXQ"}, 422, "bad_cursor", "after"),  # ["x",1]
        ({"cursor": "1"}, 422, "unknown_parameter", "cursor"),
        ({"limit": "0"}, 422, "invalid_parameter", "limit"),
    ],
)
def test_list_is_refused_with_the_field_when_a_parameter_is_wrong(client, parameters, status, code, field):
    make_series("A")
    make_series("A", mic="XLON", calendar="XLON")
    error = get(client, status, **parameters)
    assert (error["code"], error["field"]) == (code, field)
