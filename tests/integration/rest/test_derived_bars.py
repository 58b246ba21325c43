"""5m, 15m and 1h bars of `GET /bars`."""

from datetime import date, timedelta

import pytest

from tests.integration.collector.rows import make_override
from tests.integration.rest.rows import (
    at,
    make_bar,
    make_bars,
    make_coverage,
    make_provider,
    make_revision,
    make_series,
    minutes,
)
from tests.integration.rest.test_bars import OPEN, get, pages

pytestmark = pytest.mark.django_db
SESSION = date(2026, 11, 20)


def brief(bars):
    return [(bar["start"][11:16], bar["complete"]) for bar in bars]


def test_hours_count_from_the_open_when_nothing_else_is_said(client):
    make_bars(make_series(), minutes(OPEN, 390))
    bars = get(client, symbol="AAPL", interval="1h")["bars"]
    assert brief(bars) == [(f"{hour}:30", True) for hour in range(14, 21)]
    assert [bar["volume"] for bar in bars] == [6000.0] * 6 + [3000.0]
    assert {key: bars[0][key] for key in ("provider", "rev", "vwap", "trade_count")} == {
        "provider": "polygon",
        "rev": None,
        "vwap": pytest.approx(10.1),
        "trade_count": 420,
    }


def test_hours_are_full_hours_when_anchored_at_the_clock(client):
    make_bars(make_series(), minutes(OPEN, 390))
    bars = get(client, symbol="AAPL", interval="1h", anchor="clock")["bars"]
    assert brief(bars) == [(f"{hour}:00", True) for hour in range(14, 21)]
    assert [bar["volume"] for bar in bars] == [3000.0] + [6000.0] * 6


def test_bar_is_incomplete_until_its_minutes_are_held_or_proven_empty(client):
    series = make_series()
    make_bars(series, minutes(OPEN, 4))
    assert brief(get(client, symbol="AAPL", interval="5m")["bars"]) == [("14:30", False)]
    make_coverage(series, SESSION, empty=[(at("2026-11-20 14:34"), at("2026-11-20 14:35"))])
    assert brief(get(client, symbol="AAPL", interval="5m")["bars"]) == [("14:30", True)]


def test_bar_is_complete_at_the_early_close_when_the_session_ends_there(client):
    make_bars(make_series(), minutes(at("2026-11-27 17:30"), 30))
    bars = get(client, symbol="AAPL", interval="1h", start="2026-11-27T00:00:00Z", end="2026-11-28T00:00:00Z")["bars"]
    assert brief(bars) == [("17:30", True)]


def test_off_session_minutes_are_left_out_when_anchored_at_the_session(client):
    make_bars(make_series(), [at("2026-11-20 14:29"), OPEN, at("2026-11-20 21:00")])
    assert [bar["start"][11:16] for bar in get(client, symbol="AAPL", interval="15m")["bars"]] == ["14:30"]
    clock = get(client, symbol="AAPL", interval="15m", anchor="clock")["bars"]
    assert [bar["start"][11:16] for bar in clock] == ["14:15", "14:30", "21:00"]


def test_range_applies_to_the_open_of_a_derived_bar(client):
    make_bars(make_series(), minutes(OPEN, 20))
    asked = {"start": "2026-11-20T14:31:00Z", "end": "2026-11-20T14:41:00Z"}
    bars = get(client, symbol="AAPL", interval="5m", **asked)["bars"]
    assert brief(bars) == [("14:35", True), ("14:40", True)]
    assert bars[-1]["volume"] == 500.0, "its later minutes lie behind the end of the range"


def test_unknown_stays_unknown_when_one_minute_is(client):
    series = make_series()
    make_bars(series, minutes(OPEN, 4))
    make_bar(series, at("2026-11-20 14:34"), volume=None, provider=make_provider("alpaca"))
    (bar,) = get(client, symbol="AAPL", interval="5m")["bars"]
    assert (bar["volume"], bar["vwap"], bar["provider"], bar["trade_count"]) == (None, None, None, 35)


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 7, 1000])
@pytest.mark.parametrize("anchor", ["session", "clock"])
def test_pages_of_derived_bars_add_up_when_followed(client, limit, anchor):
    for symbol in ("MSFT", "AAPL", "IBM"):
        series = make_series(symbol)
        if symbol != "IBM":
            make_bars(series, minutes(at("2026-10-30 19:47"), 13) + minutes(at("2026-11-20 14:41"), 17))
    asked = {"symbol": "MSFT,AAPL,IBM", "interval": "5m", "start": "2026-10-01T00:00:00Z", "anchor": anchor}
    whole = get(client, **asked, limit=10000)["bars"]
    found = list(pages(client, **asked, limit=limit))
    assert [bar for page in found for bar in page] == whole
    assert all(len(page) <= limit for page in found)
    assert len(whole) == 14


def test_page_ends_early_when_it_would_read_too_much(client, monkeypatch):
    make_bars(make_series(), minutes(OPEN, 30) + minutes(at("2026-10-20 13:30"), 30) + minutes(at("2026-09-21 13:30"), 30))
    monkeypatch.setattr("collector.selectors.derived_bars.Budget.__init__.__defaults__", (40, 60), raising=False)
    found = list(pages(client, symbol="AAPL", interval="15m", start="2026-09-01T00:00:00Z"))
    assert len(found) == 2
    assert [bar["start"][5:16] for page in found for bar in page] == [
        "09-21T13:30",
        "09-21T13:45",
        "10-20T13:30",
        "10-20T13:45",
        "11-20T14:30",
        "11-20T14:45",
    ]


def test_windows_join_without_a_seam_when_a_range_is_read_in_several(client, monkeypatch):
    monkeypatch.setattr("collector.selectors.derived_bars.WINDOW", timedelta(hours=7, minutes=13))
    series = make_series("BTC-USD", mic="XXXX", calendar="24/7", asset_class="crypto")
    make_bars(series, minutes(at("2026-11-01 00:07"), 2 * 1440))
    found = get(client, symbol="BTC-USD", interval="1h", start="2026-11-01T00:00:00Z", limit=10000)["bars"]
    assert len(found) == 2 * 24 + 1
    assert sum(bar["volume"] for bar in found) == 2 * 1440 * 100.0
    assert [bar["complete"] for bar in found] == [False] + [True] * (2 * 24 - 1) + [False]


def test_native_series_answers_when_it_is_asked_for(client):
    make_bars(make_series(), minutes(OPEN, 5))
    make_bar(make_series(interval="5m"), OPEN, volume=7.0)
    assert [bar["volume"] for bar in get(client, symbol="AAPL", interval="5m", source="native")["bars"]] == [7.0]
    assert [bar["volume"] for bar in get(client, symbol="AAPL", interval="5m")["bars"]] == [500.0]


def test_derived_bar_is_made_of_what_was_known_when_a_moment_is_named(client):
    series = make_series()
    make_bars(series, minutes(OPEN, 4))
    late = at("2026-11-20 14:34")
    make_revision(series, late, high=99.0, recorded_at=at("2026-11-20 22:00"), replaced_at=at("2026-11-20 23:00"))
    make_bar(series, late, rev=2, high=11.0, recorded_at=at("2026-11-20 23:00"))
    for moment, high in (("22:30", 99.0), ("23:00", 11.0)):
        (bar,) = get(client, symbol="AAPL", interval="5m", as_of=f"2026-11-20T{moment}:00Z")["bars"]
        assert bar["high"] == high


def test_slots_outside_of_the_listing_are_not_waited_for(client):
    series = make_series("NEWCO", listed_at=at("2026-11-20 14:32"))
    make_bars(series, minutes(at("2026-11-20 14:32"), 3))
    assert brief(get(client, symbol="NEWCO", interval="5m")["bars"]) == [("14:30", True)]


def test_no_bar_is_lost_at_the_edge_when_a_page_ends_with_its_window(client, monkeypatch):
    make_bars(make_series("BTC-USD", mic="XXXX", calendar="24/7"), minutes(OPEN, 180))
    monkeypatch.setattr("collector.selectors.derived_bars.WINDOW", timedelta(hours=1))
    monkeypatch.setattr("collector.selectors.derived_bars.Budget.__init__.__defaults__", (120_000, 1), raising=False)
    found = list(pages(client, symbol="BTC-USD", interval="15m"))
    assert [len(page) for page in found if page] == [4, 4, 4]


def test_bar_is_complete_when_what_it_lacks_was_closed_by_an_override(client):
    make_bars(make_series(), [*minutes(OPEN, 2), *minutes(OPEN + timedelta(minutes=5), 5)])
    assert brief(get(client, symbol="AAPL", interval="5m")["bars"]) == [("14:30", False), ("14:35", True)]
    make_override("2026-11-20 14:32", "2026-11-20 14:35", mic="XNAS")
    assert brief(get(client, symbol="AAPL", interval="5m")["bars"]) == [("14:30", True), ("14:35", True)]
