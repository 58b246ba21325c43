"""GET /quotes and /quotes/latest: what is listed in which order, page by page, and what is refused."""

from datetime import timedelta

import pytest

from collector.api_schemas import QuoteOut
from tests.integration.rest.rows import RECORDED, at, make_instrument, make_provider, make_quote

pytestmark = pytest.mark.django_db

OPEN = at("2026-11-20 14:30")
START = "2026-11-20T00:00:00Z"
SECOND = timedelta(seconds=1)


def get(client, path="/quotes", status=200, **parameters):
    response = client.get(path, parameters)
    assert response.status_code == status, response.content
    return response.json()


def pages(client, **parameters):
    """All pages of two quotes each."""
    found, after = [], {}
    while True:
        page = get(client, limit=2, **parameters, **after)
        assert len(page["quotes"]) <= 2
        found += page["quotes"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def keys(quotes):
    return [(q["symbol"], q["at"], q["provider"]) for q in quotes]


@pytest.fixture
def _quotes():
    apple, microsoft = make_instrument(), make_instrument("MSFT")
    other = make_provider("alpaca")
    for number in range(3):
        make_quote(apple, OPEN + number * SECOND, recorded_at=RECORDED + number * SECOND)
    make_quote(apple, OPEN + SECOND, provider=other, recorded_at=RECORDED + 9 * SECOND)
    make_quote(microsoft, OPEN + SECOND, is_latest=True, ask=9.5, is_crossed=True, size_unit="", recorded_at=RECORDED)
    make_quote(apple, OPEN + timedelta(days=1), is_latest=True, bid=None, bid_size=None, recorded_at=RECORDED + 5 * SECOND)


ALL = [
    ("AAPL", "2026-11-20T14:30:00Z", "polygon"),
    ("AAPL", "2026-11-20T14:30:01Z", "polygon"),
    ("AAPL", "2026-11-20T14:30:01Z", "alpaca"),
    ("AAPL", "2026-11-20T14:30:02Z", "polygon"),
    ("AAPL", "2026-11-21T14:30:00Z", "polygon"),
    ("MSFT", "2026-11-20T14:30:01Z", "polygon"),
]


@pytest.mark.usefixtures("_quotes")
def test_quotes_come_by_symbol_and_time_whatever_the_page_length(client):
    wanted = {"symbol": "MSFT,AAPL", "start": START, "end": "2026-11-22T00:00:00Z"}
    assert sorted(keys(get(client, **wanted)["quotes"])) == sorted(ALL)
    assert keys(pages(client, **wanted)) == keys(get(client, **wanted)["quotes"])
    assert [key[:2] for key in keys(pages(client, **wanted))] == [key[:2] for key in ALL]


@pytest.mark.usefixtures("_quotes")
def test_start_is_inclusive_and_end_exclusive(client):
    found = get(client, symbol="AAPL", start="2026-11-20T14:30:01Z", end="2026-11-20T14:30:02Z")["quotes"]
    assert {quote["at"] for quote in found} == {"2026-11-20T14:30:01Z"}


@pytest.mark.usefixtures("_quotes")
def test_quote_has_all_its_fields_and_null_for_what_is_not_there(client):
    (quote,) = get(client, symbol="MSFT", start=START)["quotes"]
    assert set(quote) == set(QuoteOut.model_fields)
    assert QuoteOut.model_validate(quote)
    assert (quote["crossed"], quote["locked"], quote["size_unit"], quote["mic"]) == (True, False, None, "XNAS")


@pytest.mark.usefixtures("_quotes")
def test_latest_gives_the_newest_of_each_symbol_and_nothing_for_one_without(client):
    make_instrument("QUIET")
    found = get(client, "/quotes/latest", symbol="QUIET,MSFT,AAPL")["quotes"]
    assert keys(found) == [ALL[4], ALL[5]]
    assert (found[0]["bid"], found[0]["ask"]) == (None, 10.5)


@pytest.mark.usefixtures("_quotes")
def test_recorded_since_lists_by_the_time_of_recording_and_takes_any_symbol(client):
    found = pages(client, recorded_since="2026-11-20T22:00:01Z")
    assert [quote["recorded_at"][17:19] for quote in found] == ["01", "02", "05", "09"]
    assert keys(pages(client, recorded_since=START, symbol="MSFT,NONE")) == [ALL[5]]
    assert get(client, recorded_since=START, symbol="NONE")["quotes"] == []
    until = get(client, recorded_since=START, recorded_until="2026-11-20T22:00:02Z")["quotes"]
    assert len(until) == 3


REFUSED = [
    ({"symbol": "NOPE", "start": START}, 404, "unknown_symbol", "symbol"),
    ({"symbol": "AAPL"}, 422, "invalid_parameter", "start"),
    ({"start": START}, 422, "invalid_parameter", "symbol"),
    ({"symbol": "AAPL", "start": START, "end": START}, 422, "empty_range", "end"),
    ({"symbol": "AAPL", "start": START, "recorded_until": START}, 422, "invalid_parameter", "recorded_until"),
    ({"recorded_since": START, "start": START}, 422, "invalid_parameter", "start"),
    ({"recorded_since": START, "recorded_until": START}, 422, "empty_range", "recorded_until"),
    ({"symbol": "AAPL", "start": START, "after": "x"}, 422, "bad_cursor", "after"),
    ({"symbol": "AAPL", "start": START, "after": "999999.1763647200000000.1"}, 422, "bad_cursor", "after"),
    ({"recorded_since": START, "after": "1.2.3.4"}, 422, "bad_cursor", "after"),
    ({"symbol": "AAPL", "start": START, "interval": "1m"}, 422, "unknown_parameter", "interval"),
]


@pytest.mark.usefixtures("_quotes")
@pytest.mark.parametrize(("parameters", "status", "code", "field"), REFUSED)
def test_wrong_parameter_is_named(client, parameters, status, code, field):
    error = get(client, status=status, **parameters)["error"]
    assert (error["code"], error["field"]) == (code, field)


def test_symbol_of_two_venues_is_told_apart_by_mic(client):
    for mic in ("XNAS", "XLON"):
        make_quote(make_instrument("TWIN", mic=mic), OPEN, is_latest=True)
    assert get(client, "/quotes/latest", status=422, symbol="TWIN")["error"]["code"] == "ambiguous_symbol"
    assert [q["mic"] for q in get(client, "/quotes/latest", symbol="TWIN", mic="XLON")["quotes"]] == ["XLON"]
