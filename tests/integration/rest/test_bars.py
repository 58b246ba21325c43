"""`GET /bars` as a client sees it."""

import pytest

from tests.integration.rest.rows import MINUTE, at, make_bar, make_bars, make_provider, make_revision, make_series, minutes

pytestmark = pytest.mark.django_db

DAY = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}
OPEN = at("2026-11-20 14:30")


def get(client, status=200, **parameters):
    response = client.get("/bars", {**DAY, **parameters})
    assert response.status_code == status, response.content
    return response.json()


def pages(client, **parameters):
    after: dict[str, str] = {}
    while True:
        page = get(client, **parameters, **after)
        yield page["bars"]
        if page["next"] is None:
            return
        after = {"after": page["next"]}


def test_bar_shows_all_of_its_columns_when_read(client):
    make_bar(make_series(), OPEN)
    assert get(client, symbol="AAPL") == {
        "bars": [
            {
                "symbol": "AAPL",
                "mic": "XNAS",
                "interval": "1m",
                "hours": "regular",
                "adjustment": "raw",
                "start": "2026-11-20T14:30:00Z",
                "open": 10.0,
                "high": 10.5,
                "low": 9.5,
                "close": 10.25,
                "volume": 100.0,
                "vwap": 10.1,
                "trade_count": 7,
                "provider": "polygon",
                "rev": 1,
                "received_at": "2026-11-20T22:00:00Z",
                "recorded_at": "2026-11-20T22:00:00Z",
                "complete": True,
                "withdrawn": False,
            }
        ],
        "next": None,
        "kept_from": None,
    }


def test_unknown_volume_stays_null_when_read(client):
    make_bar(make_series(), OPEN, volume=None, vwap=None, trade_count=None)
    (bar,) = get(client, symbol="AAPL")["bars"]
    assert (bar["volume"], bar["vwap"], bar["trade_count"]) == (None, None, None)


def test_start_is_inclusive_and_end_exclusive_when_bars_lie_on_both(client):
    make_bars(make_series(), minutes(OPEN, 3))
    found = get(client, symbol="AAPL", start="2026-11-20T14:30:00Z", end="2026-11-20T14:32:00Z")["bars"]
    assert [bar["start"] for bar in found] == ["2026-11-20T14:30:00Z", "2026-11-20T14:31:00Z"]


def test_offset_of_a_time_counts_when_it_is_not_utc(client):
    make_bars(make_series(), minutes(OPEN, 2))
    found = get(client, symbol="AAPL", start="2026-11-20T09:31:00-05:00", end="2026-11-20T09:32:00-05:00")["bars"]
    assert [bar["start"] for bar in found] == ["2026-11-20T14:31:00Z"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 100])
def test_pages_add_up_to_everything_in_order_when_followed(client, limit):
    for symbol in ("MSFT", "AAPL", "QUIET", "IBM"):
        series = make_series(symbol)
        if symbol != "QUIET":
            make_bars(series, minutes(OPEN, 3))
    found = list(pages(client, symbol="MSFT,AAPL,QUIET,IBM", limit=limit))
    assert all(len(page) <= limit for page in found)
    assert [(bar["symbol"], bar["start"][14:16]) for page in found for bar in page] == [
        (symbol, minute) for symbol in ("AAPL", "IBM", "MSFT") for minute in ("30", "31", "32")
    ]


def test_pages_cross_months_when_the_range_does(client):
    make_bars(make_series(calendar="24/7"), minutes(at("2026-10-31 23:58"), 4))
    found = list(pages(client, symbol="AAPL", start="2026-10-01T00:00:00Z", limit=3))
    assert [len(page) for page in found] == [3, 1]


def test_daily_bars_come_from_their_own_table_when_asked_for(client):
    make_bar(make_series(interval="1d"), at("2026-11-20 00:00"), close=10.5)
    (bar,) = get(client, symbol="AAPL", interval="1d")["bars"]
    assert (bar["interval"], bar["start"], bar["close"]) == ("1d", "2026-11-20T00:00:00Z", 10.5)


def test_regular_hours_win_when_both_series_exist(client):
    make_bar(make_series(hours="extended"), OPEN, volume=1.0)
    make_bar(make_series(hours="regular"), OPEN, volume=2.0)
    assert [bar["volume"] for bar in get(client, symbol="AAPL")["bars"]] == [2.0]
    assert [bar["volume"] for bar in get(client, symbol="AAPL", hours="extended")["bars"]] == [1.0]


def test_extended_series_answers_when_there_is_no_other(client):
    make_bar(make_series(hours="extended"), OPEN)
    assert len(get(client, symbol="AAPL")["bars"]) == 1


class TestAsOf:
    """A bar of 14:30 known at 15:00, corrected at 16:00 and again at 17:00; one of 14:31 known since 17:00; one withdrawn at 16:00."""

    @pytest.fixture(autouse=True)
    def _bars(self):
        series = make_series()
        make_revision(series, OPEN, rev=1, close=10.1, recorded_at=at("2026-11-20 15:00"), replaced_at=at("2026-11-20 16:00"))
        make_revision(series, OPEN, rev=2, close=10.2, recorded_at=at("2026-11-20 16:00"), replaced_at=at("2026-11-20 17:00"))
        make_bar(series, OPEN, rev=3, close=10.3, recorded_at=at("2026-11-20 17:00"))
        make_bar(series, at("2026-11-20 14:31"), close=9.9, recorded_at=at("2026-11-20 17:00"))
        gone = at("2026-11-20 14:32")
        make_revision(series, gone, rev=1, close=9.7, recorded_at=at("2026-11-20 15:00"), replaced_at=at("2026-11-20 16:00"))

    @pytest.mark.parametrize(
        ("moment", "closes"),
        [
            ("14:59:59", []),
            ("15:00:00", [10.1, 9.7]),
            ("15:59:59.999999", [10.1, 9.7]),
            ("16:00:00", [10.2]),
            ("17:00:00", [10.3, 9.9]),
        ],
    )
    def test_values_are_those_held_then_when_a_moment_is_named(self, client, moment, closes):
        found = get(client, symbol="AAPL", as_of=f"2026-11-20T{moment}Z")["bars"]
        assert [bar["close"] for bar in found] == closes

    def test_pages_add_up_when_a_moment_is_named(self, client):
        found = list(pages(client, symbol="AAPL", as_of="2026-11-20T15:00:00Z", limit=1))
        assert [[bar["close"] for bar in page] for page in found] == [[10.1], [9.7]]


class TestWithdrawn:
    """What was taken back counts for nothing, and is there for who asks for it."""

    @pytest.fixture(autouse=True)
    def _bars(self):
        series = make_series("AAPL")
        make_bar(series, OPEN, recorded_at=at("2026-11-20 14:31"))
        known = {"recorded_at": at("2026-11-20 14:32")}
        make_bar(series, OPEN + MINUTE, rev=2, withdrawn_by="vendor", recorded_at=at("2026-11-20 20:00"))
        make_revision(series, OPEN + MINUTE, replaced_at=at("2026-11-20 20:00"), **known)

    def test_it_is_left_out_unless_asked_for_and_then_marked(self, client):
        assert [bar["rev"] for bar in get(client, symbol="AAPL")["bars"]] == [1]
        found = get(client, symbol="AAPL", withdrawn="true")["bars"]
        assert [(bar["rev"], bar["withdrawn"]) for bar in found] == [(1, False), (2, True)]

    def test_it_was_there_before_it_was_taken_back(self, client):
        revs = [
            [bar["rev"] for bar in get(client, symbol="AAPL", as_of=f"2026-11-20T{t}Z")["bars"]]
            for t in ("19:00:00", "20:00:00")
        ]
        assert revs == [[1, 1], [1]]

    def test_derived_bar_is_made_without_it_and_readers_of_what_was_recorded_are_told(self, client):
        (five,) = get(client, symbol="AAPL", interval="5m")["bars"]
        assert (five["volume"], five["complete"]) == (100.0, False)
        answer = client.get("/bars?recorded_since=2026-11-20T15:00:00Z").json()["bars"]
        assert [(bar["rev"], bar["withdrawn"]) for bar in answer] == [(2, True)]


class TestRefusals:
    """Each refusal has a code, and a message that names the field."""

    @pytest.mark.parametrize(
        ("parameters", "expected"),
        [
            ({"symbol": "AAPX"}, (404, "unknown_symbol", "symbol", "'AAPX'")),
            ({"symbol": "AAPL", "mic": "XLON"}, (404, "unknown_symbol", "symbol", "XLON")),
            ({"symbol": "TWIN"}, (422, "ambiguous_symbol", "mic", "XLON, XNAS")),
            ({"symbol": "AAPL", "interval": "1d"}, (404, "no_series", "interval", "1m regular raw")),
            ({"symbol": "AAPL", "interval": "5m", "source": "native"}, (404, "no_series", "interval", "1m regular raw")),
            ({"symbol": "AAPL", "interval": "1d", "source": "derived"}, (422, "not_derived", "source", "5m, 15m, 1h")),
            ({"symbol": "AAPL", "interval": "2m"}, (422, "invalid_parameter", "interval", "'1m'")),
            ({}, (422, "invalid_parameter", "symbol", "required")),
            ({"symbol": ""}, (422, "invalid_parameter", "symbol", "got 0")),
            ({"symbol": "A B"}, (422, "invalid_parameter", "symbol", "without spaces")),
            ({"symbol": "A\x00"}, (422, "invalid_parameter", "symbol", "without spaces")),
            ({"symbol": ",".join(f"S{i}" for i in range(101))}, (422, "invalid_parameter", "symbol", "got 101")),
            ({"symbol": "AAPL", "start": "0"}, (422, "invalid_parameter", "start", "RFC 3339")),
            ({"symbol": "AAPL", "start": "2026-11-20T00:00:00"}, (422, "invalid_parameter", "start", "with a zone")),
            ({"symbol": "AAPL", "start": "2026-11-20"}, (422, "invalid_parameter", "start", "RFC 3339")),
            ({"symbol": "AAPL", "start": "2026-02-30T00:00:00Z"}, (422, "invalid_parameter", "start", "no such time")),
            ({"symbol": "AAPL", "start": "2026-11-20T00:00:00 01:00"}, (422, "invalid_parameter", "start", "%2B")),
            ({"symbol": "AAPL", "start": "0001-01-01T00:00:00+23:59"}, (422, "invalid_parameter", "start", "time")),
            ({"symbol": "AAPL", "start": "2026-11-21T00:00:00Z"}, (422, "empty_range", "end", "after start")),
            ({"symbol": "AAPL", "limit": "0"}, (422, "invalid_parameter", "limit", "greater")),
            ({"symbol": "AAPL", "limit": "10001"}, (422, "invalid_parameter", "limit", "10000")),
            ({"symbol": "AAPL", "after": "nonsense"}, (422, "bad_cursor", "after", "`next`")),
            ({"symbol": "AAPL", "after": "WyJJQk0iLDFd"}, (422, "bad_cursor", "after", "another query")),
            ({"symbol": "AAPL", "as_off": "2026-11-20T00:00:00Z"}, (422, "unknown_parameter", "as_off", "as_of")),
        ],
    )
    def test_refusal_names_the_field_when_a_parameter_is_wrong(self, client, parameters, expected):
        status, code, field, words = expected
        make_series("AAPL")
        make_series("TWIN", mic="XNAS")
        make_series("TWIN", mic="XLON", calendar="XLON")
        error = get(client, status=status, **parameters)["error"]
        assert (error["code"], error["field"]) == (code, field)
        assert words in error["message"]

    def test_ambiguous_symbol_is_answered_when_its_venue_is_named(self, client):
        make_bar(make_series("TWIN", mic="XNAS"), OPEN)
        make_series("TWIN", mic="XLON", calendar="XLON")
        assert len(get(client, symbol="TWIN", mic="XNAS")["bars"]) == 1


def test_provider_is_named_when_it_is_another(client):
    make_bar(make_series(), OPEN, provider=make_provider("alpaca"))
    assert get(client, symbol="AAPL")["bars"][0]["provider"] == "alpaca"


def test_queries_do_not_grow_with_symbols_when_the_page_holds_them_all(client, django_assert_max_num_queries):
    for i in range(30):
        make_bar(make_series(f"S{i:02}"), OPEN)
    with django_assert_max_num_queries(4):
        found = get(client, symbol=[f"S{i:02}" for i in range(30)], start="2026-11-20T14:30:00Z", end="2026-11-20T14:31:00Z")
    assert len(found["bars"]) == 30
