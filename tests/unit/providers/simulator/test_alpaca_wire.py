"""Alpaca's words: shapes as recorded, parameters and errors as the vendor has them."""

import base64
from typing import Any

import msgspec
import pytest

from providers.market.types import DAY_US, MINUTE_US
from providers.simulator.damage import StruckFeed
from providers.simulator.synthetic import SyntheticSource
from providers.simulator.wire.alpaca import AlpacaWire
from providers.simulator.wire.base import Answer, LimitState, Refusal, VendorRequest
from tests.recorded import needs_recorded, recordings
from tests.unit.providers.simulator.clockwork import always

WIRE = AlpacaWire()
DAY = 19_724  # 2024-01-02
NOW = DAY * DAY_US + 12 * 60 * MINUTE_US + 30 * MINUTE_US
SOURCE = SyntheticSource(seed=1, calendars=always)
MULTI, CRYPTO = "/v2/stocks/bars", "/v1beta3/crypto/us/bars"
NOON = {"start": "2024-01-02T12:00:00Z", "end": "2024-01-02T12:09:00Z", "timeframe": "1Min"}


def _request(path: str, query: dict[str, str], headers: dict[str, str] | None = None) -> VendorRequest:
    return VendorRequest(path=path, query=query, headers=headers or {}, base_url="http://x", now=NOW, number=1)


def _ask(path: str = MULTI, **query: str) -> tuple[Answer, dict[str, Any]]:
    answer = WIRE.answer(_request(path, query), StruckFeed(source=SOURCE, now=NOW))
    return answer, msgspec.json.decode(answer.body)


def _pages(path: str = MULTI, **query: str) -> list[dict[str, Any]]:
    _, body = _ask(path, **query)
    pages = [body]
    while body["next_page_token"] is not None:
        _, body = _ask(path, **query, page_token=body["next_page_token"])
        pages.append(body)
    return pages


def _joined(pages: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    joined: dict[str, list[dict[str, Any]]] = {}
    for page in pages:
        for symbol, rows in page["bars"].items():
            joined.setdefault(symbol, []).extend(rows)
    return joined


@pytest.mark.parametrize("limit", ["1", "3", "10", "11", "20", "29", "30", "31"])
@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_pages_are_cut_by_rows_over_all_symbols_and_lose_none(limit: str, sort: str) -> None:
    asked = {"symbols": "C,A,B,UNKNOWN1", "sort": sort, **NOON}
    _, whole = _ask(**asked)
    pages = _pages(**asked, limit=limit)
    assert _joined(pages) == whole["bars"]
    assert list(whole["bars"]) == ["A", "B", "C"]
    assert [sum(map(len, page["bars"].values())) for page in pages[:-1]] == [int(limit)] * (len(pages) - 1)
    stamps = [row["t"] for row in whole["bars"]["A"]]
    assert stamps == sorted(stamps, reverse=sort == "desc")
    assert len(stamps) == 10


def test_a_token_names_the_last_row_sent_as_the_vendors_does() -> None:
    _, body = _ask(symbols="AAPL", limit="2", **NOON)
    assert base64.b64decode(body["next_page_token"]) == b"AAPL|M|2024-01-02T12:01:00.000000000Z"


def test_start_and_end_are_inclusive_to_the_nanosecond() -> None:
    for end, count in (("2024-01-02T12:08:59.999999999Z", 9), ("2024-01-02T12:09:00Z", 10), ("2024-01-02T07:09:00-05:00", 10)):
        _, body = _ask(symbols="A", **{**NOON, "end": end})
        assert len(body["bars"]["A"]) == count


def test_without_start_and_end_today_up_to_now_is_meant() -> None:
    _, body = _ask(symbols="A", timeframe="1Min", limit="10000")
    stamps = [row["t"] for row in body["bars"]["A"]]
    assert (stamps[0], stamps[-1]) == ("2024-01-02T05:00:00Z", "2024-01-02T12:28:00Z")


def test_empty_answers_have_the_vendors_two_forms() -> None:
    assert _ask(symbols="UNKNOWN1,UNKNOWN2", **NOON)[1] == {"bars": {}, "next_page_token": None}
    assert _ask("/v2/stocks/UNKNOWN1/bars", **NOON)[1] == {"bars": None, "symbol": "UNKNOWN1", "next_page_token": None}
    assert len(_ask("/v2/stocks/A/bars", **NOON)[1]["bars"]) == 10


@pytest.mark.parametrize(("path", "symbol", "hour"), [(MULTI, "AAPL", "05"), (CRYPTO, "BTC/USD", "06")])
def test_days_are_stamped_at_midnight_in_new_york_or_chicago(path: str, symbol: str, hour: str) -> None:
    asked = {"symbols": symbol, "timeframe": "1Day", "start": "2023-12-28", "end": "2023-12-30"}
    _, body = _ask(path, **asked)
    assert [row["t"] for row in body["bars"][symbol]] == [f"2023-12-{day}T{hour}:00:00Z" for day in (28, 29, 30)]
    assert _joined(_pages(path, **asked, limit="1")) == body["bars"]
    assert _joined(_pages(path, **asked, limit="1", sort="desc")) == {symbol: body["bars"][symbol][::-1]}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"symbols": ""}, "symbols is required"),
        ({"symbols": "aapl"}, "invalid symbol: aapl"),
        ({"timeframe": "1min"}, "invalid timeframe: 1min"),
        ({"timeframe": ""}, "invalid timeframe: "),
        ({"timeframe": "1M"}, "this simulator has no bars of 1M"),
        ({"start": "noon"}, "invalid start: noon"),
        ({"end": "2024-01-02T25:00:00Z"}, "invalid end: 2024-01-02T25:00:00Z"),
        ({"end": "2024-01-01"}, "end should not be before start"),
        ({"limit": "10001"}, "invalid limit: 10001, it should be between 1 and 10000"),
        ({"limit": "-1"}, "invalid limit: -1, it should be between 1 and 10000"),
        ({"sort": "up"}, "invalid sort: up"),
        ({"feed": "tape"}, "invalid feed: tape"),
        ({"adjustment": "raw,none"}, "invalid adjustment: none"),
        ({"page_token": "x"}, "invalid page token"),
        ({"page_token": "eHh4"}, "invalid page token"),
    ],
)
def test_malformed_parameters_are_400_with_a_message(asked: dict[str, str], said: str) -> None:
    answer, body = _ask(**{"symbols": "A", **NOON, **asked})
    assert (answer.status, body) == (400, {"message": said})


def test_known_parameters_are_accepted() -> None:
    for more in ({"feed": "iex"}, {"adjustment": "split,dividend"}, {"asof": "-"}, {"currency": "USD"}, {"timeframe": "1T"}):
        assert _ask(**{"symbols": "A", **NOON, **more})[0].status == 200


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"apca-api-key-id": "id", "apca-api-secret-key": "secret"}, "id:secret"),
        ({"apca-api-key-id": "id"}, None),
        ({"authorization": "Basic aWQ6c2VjcmV0"}, "id:secret"),
        ({"authorization": "Basic %%%"}, None),
        ({"authorization": "Bearer token"}, "token"),
        ({}, None),
    ],
)
def test_keys_come_in_headers_basic_or_bearer(headers: dict[str, str], shown: str | None) -> None:
    assert WIRE.credentials(_request(MULTI, {}, headers)) == shown


def test_the_limit_is_told_in_epoch_seconds() -> None:
    headers = WIRE.limit_headers(LimitState(limit=200, remaining=199, reset_at=1_674_044_550_000_001))
    assert headers == {"X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "199", "X-RateLimit-Reset": "1674044551"}


@needs_recorded
def test_bars_and_errors_have_the_recorded_shapes() -> None:
    by_name = {recording.name: msgspec.json.decode(recording.response.body) for recording in recordings("alpaca")}
    real = by_name["py_get_bars"]
    _, made = _ask(symbols="AAPL", limit="2", **NOON)
    assert made.keys() == real.keys()
    assert made["bars"]["AAPL"][0].keys() == real["bars"]["AAPL"][0].keys()
    assert _ask("/v2/stocks/UNKNOWN1/bars", **NOON)[1].keys() == by_name["bars_single_null"].keys()
    refused = WIRE.refuse(Refusal.FORBIDDEN_ENTITLEMENT, _request(MULTI, {}))
    assert msgspec.json.decode(refused.body) == by_name["err_403_recent_sip"]
