"""What clients are told of bars that are not kept."""

import pytest
import time_machine

from tests.integration.rest.rows import at, make_bar, make_instrument, make_series

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _time(settings):
    settings.BAR_KEEP_DAYS, settings.REVISION_KEEP_DAYS = 40, 30
    with time_machine.travel(at("2026-11-22 12:00"), tick=False):
        yield


def get(client, **parameters):
    return client.get("/bars", {"symbol": "AAPL", "start": "2026-10-01T00:00:00Z", **parameters})


def test_answer_says_from_when_on_bars_are_kept(client):
    make_series()
    make_series(interval="1d")
    assert get(client).json() == {"bars": [], "next": None, "kept_from": "2026-10-01T00:00:00Z"}
    assert get(client, interval="5m").json()["kept_from"] == "2026-10-01T00:00:00Z"
    assert get(client, interval="1d").json()["kept_from"] is None
    assert client.get("/bars?recorded_since=2026-11-20T00:00:00Z").json()["kept_from"] == "2026-10-01T00:00:00Z"


def test_range_before_that_is_answered_as_it_is_now_and_refused_as_of_then(client):
    make_bar(make_series(), at("2026-11-20 14:30"))
    early = {"start": "2026-09-30T23:59:00Z"}
    assert len(get(client, **early).json()["bars"]) == 1
    refused = get(client, **early, as_of="2026-11-20T20:00:00Z")
    assert (refused.status_code, refused.json()["error"]["code"], refused.json()["error"]["field"]) == (
        422,
        "not_kept",
        "start",
    )
    assert "bars are kept from 2026-10-01 00:00 UTC on" in refused.json()["error"]["message"]
    assert get(client, as_of="2026-11-20T20:00:00Z").status_code == 200


def test_moment_whose_values_are_deleted_is_refused(client):
    make_series()
    refused = get(client, as_of="2026-10-23T11:59:59Z")
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "as_of")
    assert get(client, as_of="2026-10-23T12:00:00Z").status_code == 200


def test_answer_says_from_when_on_quotes_are_kept(client, settings):
    settings.QUOTE_DAYS = 7
    make_instrument()
    for asked in ({"symbol": "AAPL", "start": "2026-10-01T00:00:00Z"}, {"recorded_since": "2026-10-01T00:00:00Z"}):
        assert client.get("/quotes", asked).json() == {"quotes": [], "next": None, "kept_from": "2026-11-15T00:00:00Z"}
