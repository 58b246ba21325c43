"""Polygon's words: shapes as recorded, parameters and errors as the vendor has them."""

from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from providers.market.types import DAY_US, MINUTE_US, Interval
from providers.simulator.damage import StruckFeed
from providers.simulator.synthetic import SyntheticSource
from providers.simulator.wire.base import Refusal, VendorRequest
from providers.simulator.wire.polygon import PolygonWire
from tests.recorded import needs_recorded, recordings
from tests.unit.providers.simulator.clockwork import always

WIRE = PolygonWire()
DAY = 19_724  # 2024-01-02
NOW = (DAY + 30) * DAY_US
SOURCE = SyntheticSource(seed=1, calendars=always)
BASE = "http://127.0.0.1:9"


def _request(path: str, **query: str) -> VendorRequest:
    return VendorRequest(path=path, query=query, headers={}, base_url=BASE, now=NOW, number=1)


def _page(ticker: str = "AAPL", span: str = "1/minute", start: object = "2024-01-02", end: object = "2024-01-02", **query: str):
    request = _request(f"/v2/aggs/ticker/{ticker}/range/{span}/{start}/{end}", **query)
    answer = WIRE.answer(request, StruckFeed(source=SOURCE, now=NOW))
    return answer, msgspec.json.decode(answer.body)


def _follow(body: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(body["next_url"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    answer = WIRE.answer(_request(parts.path.replace("%2F", "/"), **query), StruckFeed(source=SOURCE, now=NOW))
    return msgspec.json.decode(answer.body)


def _all(**asked: Any) -> list[dict[str, Any]]:
    _, body = _page(**asked)
    pages = [body]
    while "next_url" in body:
        body = _follow(body)
        pages.append(body)
    return pages


def test_a_date_as_to_means_its_whole_day_in_new_york() -> None:
    _, body = _page(limit="50000")
    assert (body["queryCount"], body["results"][0]["t"]) == (1440, (DAY * DAY_US + 5 * 60 * MINUTE_US) // 1000)
    assert body["results"][-1]["t"] == body["results"][0]["t"] + 1439 * 60_000


def test_both_ends_are_inclusive_and_snapped_to_whole_bars() -> None:
    noon = (DAY * DAY_US + DAY_US // 2) // 1000
    _, body = _page(span="5/minute", start=noon + 1, end=noon + 600_000)
    assert [row["t"] for row in body["results"]] == [noon, noon + 300_000, noon + 600_000]


def test_pages_count_base_aggregates_and_hold_whole_bars() -> None:
    pages = _all(span="1/hour", limit="150")
    assert [page["queryCount"] for page in pages] == [120] * 12
    assert [page["resultsCount"] for page in pages] == [2] * 12
    assert [row for page in pages for row in page["results"]] == _page(span="1/hour")[1]["results"]


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_a_bar_of_more_minutes_than_the_limit_still_comes(sort: str) -> None:
    pages = _all(span="1/hour", limit="10", sort=sort)
    assert [page["resultsCount"] for page in pages] == [1] * 24


@pytest.mark.parametrize("span", ["1/minute", "30/minute", "1/day"])
def test_pages_newest_first_hold_the_same_rows(span: str) -> None:
    asked = {"span": span, "start": "2024-01-02", "end": "2024-01-09", "limit": "700"}
    oldest_first = [row for page in _all(**asked) for row in page["results"]]
    newest_first = [row for page in _all(**asked, sort="desc") for row in page["results"]]
    assert newest_first == oldest_first[::-1]


def test_a_next_url_is_of_this_host_and_holds_no_key() -> None:
    answer, body = _page(ticker="BRK/A", limit="10", apiKey="secret")
    assert body["next_url"].startswith(f"{BASE}/v2/aggs/ticker/BRK%2FA/range/1/minute/")
    assert "secret" not in answer.body.decode()
    assert answer.headers["Link"] == f'<{body["next_url"]}>; rel="next"'


def test_the_parameters_of_the_first_page_hold_for_the_next_one() -> None:
    _, body = _page(limit="10", adjusted="false", sort="desc")
    following = _follow(body)
    assert (following["adjusted"], following["resultsCount"]) == (False, 10)
    assert following["results"][0]["t"] == body["results"][-1]["t"] - 60_000


def test_the_last_page_has_no_next_url_even_when_it_is_full() -> None:
    pages = _all(limit="720")
    assert [page["resultsCount"] for page in pages] == [720, 720]


def test_an_empty_window_has_no_results() -> None:
    for ticker, start in (("UNKNOWN1", "2024-01-02"), ("AAPL", "2030-01-01")):
        answer, body = _page(ticker=ticker, start=start, end="2030-01-01")
        assert (answer.status, body["status"], body["resultsCount"], body["queryCount"]) == (200, "OK", 0, 0)
        assert body.keys() == {"ticker", "queryCount", "resultsCount", "adjusted", "status", "request_id"}


@pytest.mark.parametrize(("ticker", "hour"), [("AAPL", 5), ("I:SPX", 6), ("X:BTCUSD", 0), ("C:EURUSD", 0)])
def test_days_are_stamped_at_the_exchanges_midnight(ticker: str, hour: int) -> None:
    _, body = _page(ticker=ticker, span="1/day", end="2024-01-04")
    assert [row["t"] for row in body["results"]] == [(DAY + day) * 86_400_000 + hour * 3_600_000 for day in range(3)]
    assert ("v" in body["results"][0]) == (ticker != "I:SPX")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"start": "2024-02-30"}, "Could not parse the time parameter: 'from'. Use YYYY-MM-DD or Unix MS Timestamps"),
        ({"end": "tomorrow"}, "Could not parse the time parameter: 'to'. Use YYYY-MM-DD or Unix MS Timestamps"),
        ({"end": "9" * 15}, "Could not parse the time parameter: 'to'. Use YYYY-MM-DD or Unix MS Timestamps"),
        ({"end": "9" * 40}, "Could not parse the time parameter: 'to'. Use YYYY-MM-DD or Unix MS Timestamps"),
        ({"end": "9999-12-31"}, "Could not parse the time parameter: 'to'. Use YYYY-MM-DD or Unix MS Timestamps"),
        ({"start": "2024-01-03"}, "The parameter 'to' cannot be a time that occurs before 'from'"),
        ({"span": "7/minute"}, "this simulator has no bars of 7 minute"),
        ({"limit": "many"}, "Could not parse the parameter: 'limit'. Use a whole number up to 50000"),
        ({"limit": "0"}, "Could not parse the parameter: 'limit'. Use a whole number up to 50000"),
        ({"sort": "up"}, "Could not parse the parameter: 'sort'. Use asc or desc"),
        ({"cursor": "!"}, "Could not parse the cursor"),
    ],
)
def test_malformed_parameters_are_400_in_the_vendors_words(asked: dict[str, str], said: str) -> None:
    answer, body = _page(**asked)
    assert (answer.status, body["status"], body["error"]) == (400, "ERROR", said)


@pytest.mark.parametrize(
    ("headers", "query", "shown"),
    [
        ({"authorization": "Bearer k1"}, {}, "k1"),
        ({}, {"apiKey": "k2"}, "k2"),
        ({"authorization": "Bearer"}, {}, None),
        ({}, {"apiKey": ""}, None),
    ],
)
def test_a_key_is_a_bearer_or_a_parameter(headers: dict[str, str], query: dict[str, str], shown: str | None) -> None:
    request = VendorRequest(path="/", query=query, headers=headers, base_url=BASE, now=NOW, number=1)
    assert WIRE.credentials(request) == shown


@needs_recorded
def test_errors_have_the_recorded_shape() -> None:
    by_name = {recording.name: recording for recording in recordings("polygon")}
    for name, refusal in (("err_403_not_entitled", Refusal.FORBIDDEN_ENTITLEMENT), ("err_429", Refusal.THROTTLE)):
        recorded = by_name[name].response
        answer = WIRE.refuse(refusal, _request("/v2/aggs/ticker/A/range/1/day/1/2"))
        made, real = msgspec.json.decode(answer.body), msgspec.json.decode(recorded.body)
        assert answer.status == recorded.status
        assert {**made, "request_id": ""} == {**real, "request_id": ""}


@needs_recorded
def test_bars_have_the_recorded_members() -> None:
    by_name = {recording.name: recording for recording in recordings("polygon")}
    real = msgspec.json.decode(by_name["openbb_polygon_aggs_AAPL_1day"].response.body)
    _, made = _page(span="1/day", end="2024-01-04")
    assert made.keys() == real.keys()
    assert made["results"][0].keys() == real["results"][0].keys()
    index = next(r for name, r in by_name.items() if name.startswith("spec_v2_aggs_ticker__indicesTicker__range"))
    _, made = _page(ticker="I:SPX", span="1/day", end="2024-01-04")
    assert made["results"][0].keys() == msgspec.json.decode(index.response.body)["results"][0].keys()


def test_the_interval_codes_cover_all_intervals() -> None:
    codes = {Interval.M1: "1/minute", Interval.M5: "5/minute", Interval.M15: "15/minute", Interval.M30: "30/minute"}
    codes |= {Interval.H1: "1/hour", Interval.D1: "1/day"}
    for interval, span in codes.items():
        _, body = _page(span=span, end="2024-01-04", limit="50000")
        stamps = [row["t"] for row in body["results"]]
        assert {later - earlier for earlier, later in pairwise(stamps)} == {interval.us // 1000}
