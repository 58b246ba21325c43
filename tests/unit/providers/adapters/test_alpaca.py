import json
import math
import struct
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.adapter import Account, BarPage, HttpResponse, check_supported
from providers.errors import (
    AuthFailed,
    BadRequest,
    MalformedAnswer,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    UnsupportedRequest,
    VendorFault,
)
from providers.market.types import Adjustment, AssetClass, BarQuery, FeedScope, Interval, to_us
from providers.registry import get_adapter

ALPACA = get_adapter("alpaca")
ACCOUNT = Account(
    provider="alpaca",
    adapter="alpaca",
    base_url="http://127.0.0.1:1",
    credentials={"key_id": "made-up-id", "secret_key": "made-up-secret"},
)
ROW = {"t": "2024-01-02T14:30:00Z", "o": 1.5, "h": 2, "l": 1, "c": 1.25, "v": 1000, "n": 7, "vw": 1.3}
FILLER = ROW | {"v": 0, "n": 0, "vw": 0}


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


QUERY = BarQuery(("AAPL", "MSFT"), Interval.M1, at("2024-01-02"), at("2024-01-04"))
ONE = replace(QUERY, symbols=("AAPL",))
PAIR = replace(QUERY, symbols=("BTC/USD",), asset_class=AssetClass.CRYPTO)


def parse(document: object, query: BarQuery = QUERY, *, status: int = 200, account: Account = ACCOUNT) -> BarPage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ALPACA.parse_bars(HttpResponse(status, {}, body), query, account)


def rows_by_symbol(page: BarPage) -> list[str]:
    return [page.batch.symbols[i] for i in page.batch.symbol_index]


@pytest.mark.parametrize(
    ("symbol", "asset_class", "spelled"),
    [
        ("BRK.B", AssetClass.EQUITY, "BRK.B"),
        ("BTC-USD", AssetClass.CRYPTO, "BTC/USD"),
        ("BTCUSD", AssetClass.CRYPTO, "BTC/USD"),
        ("ETHUSDT", AssetClass.CRYPTO, "ETH/USDT"),
        ("BTC/USD", AssetClass.CRYPTO, "BTC/USD"),
        ("DOGE", AssetClass.CRYPTO, "DOGE"),
    ],
)
def test_symbol_is_spelled_the_vendors_way(symbol: str, asset_class: AssetClass, spelled: str) -> None:
    assert ALPACA.vendor_symbol(symbol, asset_class) == spelled


def test_stock_request_asks_raw_prices_of_its_feed_without_symbol_mapping() -> None:
    request = ALPACA.bars_request(replace(QUERY, end=at("2024-01-02T14:31")), ACCOUNT)
    assert request.url == "http://127.0.0.1:1/v2/stocks/bars"
    assert request.params == {
        "symbols": "AAPL,MSFT",
        "timeframe": "1Min",
        "start": "2024-01-02T00:00:00Z",
        "end": "2024-01-02T14:30:59.999999Z",
        "limit": "10000",
        "sort": "asc",
        "adjustment": "raw",
        "feed": "sip",
        "asof": "-",
    }
    assert (request.headers["APCA-API-KEY-ID"], request.headers["APCA-API-SECRET-KEY"]) == ("made-up-id", "made-up-secret")


def test_crypto_request_has_a_path_of_its_own_and_no_parameters_of_stocks() -> None:
    request = ALPACA.bars_request(PAIR, replace(ACCOUNT, feed_scope=FeedScope.VENUE))
    assert request.url.endswith("/v1beta3/crypto/us/bars")
    assert not {"feed", "adjustment", "asof"} & set(request.params)


@pytest.mark.parametrize("adjustment", list(Adjustment))
def test_request_passes_the_adjustment_on(adjustment: Adjustment) -> None:
    assert ALPACA.bars_request(replace(QUERY, adjustment=adjustment), ACCOUNT).params["adjustment"] == adjustment.value


def test_request_asks_the_feed_of_the_account() -> None:
    assert ALPACA.bars_request(QUERY, replace(ACCOUNT, feed_scope=FeedScope.IEX)).params["feed"] == "iex"
    with pytest.raises(UnsupportedRequest):
        ALPACA.bars_request(QUERY, replace(ACCOUNT, feed_scope=FeedScope.VENUE))


@pytest.mark.parametrize(
    ("query", "scopes"),
    [(QUERY, {FeedScope.CONSOLIDATED, FeedScope.IEX}), (PAIR, {FeedScope.CONSOLIDATED, FeedScope.VENUE})],
    ids=["stocks", "coins"],
)
def test_feeds_that_the_vendor_has_not_are_refused(query: BarQuery, scopes: set[FeedScope]) -> None:
    for scope in FeedScope:
        with nullcontext() if scope in scopes else pytest.raises(UnsupportedRequest, match=f"no {scope} feed"):
            check_supported(ALPACA, query, account=replace(ACCOUNT, feed_scope=scope))


@pytest.mark.parametrize(("month", "hour"), [("01", "05"), ("07", "04")])
def test_daily_stock_request_spans_midnights_of_new_york(month: str, hour: str) -> None:
    query = replace(QUERY, interval=Interval.D1, start=at(f"2024-{month}-02"), end=at(f"2024-{month}-05"))
    params = ALPACA.bars_request(query, ACCOUNT).params
    assert (params["start"], params["end"]) == (f"2024-{month}-02T{hour}:00:00Z", f"2024-{month}-04T{hour}:00:00Z")


def test_daily_crypto_request_spans_whole_dates() -> None:
    params = ALPACA.bars_request(replace(PAIR, interval=Interval.D1), ACCOUNT).params
    assert (params["start"], params["end"]) == ("2024-01-02T00:00:00Z", "2024-01-03T23:59:59Z")


def test_open_ended_query_can_be_spelled() -> None:
    params = ALPACA.bars_request(replace(QUERY, start=-(2**62), end=2**62), ACCOUNT).params
    assert (params["start"][:4], params["end"][:4]) == ("1677", "2261")


def test_map_of_lists_is_read_by_symbol() -> None:
    page = parse({"bars": {"MSFT": [ROW], "AAPL": [ROW, ROW]}, "next_page_token": None})
    assert rows_by_symbol(page) == ["MSFT", "AAPL", "AAPL"]
    batch = page.batch
    columns = (batch.start, batch.open, batch.high, batch.low, batch.close, batch.volume, batch.vwap, batch.trade_count)
    assert [column[0] for column in columns] == [at("2024-01-02T14:30"), 1.5, 2, 1, 1.25, 1000, 1.3, 7]


@pytest.mark.parametrize(
    "document",
    [
        {"bars": [ROW], "symbol": "AAPL", "next_page_token": None},
        {"bars": [ROW]},
        {"bars": {"AAPL": ROW}},
        {"bar": ROW, "symbol": "AAPL"},
        {"bars": {"AAPL": [ROW | {"v": "1000", "t": "2024-01-02T09:30:00.000000001-05:00"}]}},
    ],
)
def test_other_shapes_hold_the_same_bar(document: object) -> None:
    page = parse(document, ONE)
    assert rows_by_symbol(page) == ["AAPL"]
    assert page.batch.start.tolist() == [at("2024-01-02T14:30")]
    assert page.batch.volume.tolist() == [1000.0]


@pytest.mark.parametrize(
    "document",
    [
        {"bars": {}, "next_page_token": None},
        {"bars": {}},
        {"bars": None, "next_page_token": None, "symbol": "AAPL"},
        {"bars": None},
        {"bars": []},
        {"bars": {"AAPL": []}},
        {"bars": {"AAPL": None, "MSFT": []}, "next_page_token": ""},
        {"bar": None, "symbol": "AAPL"},
    ],
)
def test_nothing_is_empty_in_every_form(document: object) -> None:
    page = parse(document)
    assert (len(page.batch), page.batch.malformed, page.next, page.is_delayed) == (0, (), None, False)


def test_no_content_is_empty() -> None:
    assert len(parse(b"", status=204).batch) == 0


@pytest.mark.parametrize("key", ["v", "n", "vw"])
def test_missing_optional_value_is_nan(key: str) -> None:
    batch = parse({"bars": {"AAPL": [{k: v for k, v in ROW.items() if k != key}, ROW | {key: None}]}}).batch
    column = {"v": batch.volume, "n": batch.trade_count, "vw": batch.vwap}[key]
    assert [math.isnan(value) for value in column] == [True, True]


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({}, MalformedAnswer),
        ({"next_page_token": None}, MalformedAnswer),
        ({"bars": "none"}, MalformedAnswer),
        ({"bars": {"AAPL": [ROW]}, "next_page_token": 7}, MalformedAnswer),
        ({"bars": [ROW], "symbol": "TSLA"}, MalformedAnswer),
        ({"bars": None, "symbol": "TSLA"}, MalformedAnswer),
        ({"bars": {"TSLA": [ROW]}}, MalformedAnswer),
        ({"bars": [ROW]}, MalformedAnswer),
        ({"bars": ROW}, MalformedAnswer),
        ({"message": "too many requests."}, Throttled),
        ({"message": "subscription does not permit querying recent SIP data"}, NotEntitled),
        (b"", VendorFault),
        (b'{"bars":{"AAPL":[{"t":"2024-01-02T14:3', VendorFault),
    ],
)
def test_success_that_is_none_is_an_error(document: object, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        parse(document)


@pytest.mark.parametrize(
    ("status", "document", "error"),
    [
        (400, {"message": "invalid symbol: MSFT"}, UnknownSymbol),
        (400, {"message": "end should not be before start"}, BadRequest),
        (401, b"<html>401 Authorization Required</html>", AuthFailed),
        (403, {"message": "forbidden."}, AuthFailed),
        (403, b"", AuthFailed),
        (403, {"message": "subscription does not permit querying recent SIP data"}, NotEntitled),
        (422, {"message": "subscription does not permit querying recent SIP data"}, NotEntitled),
        (429, b"too many requests", Throttled),
        (500, {"message": "internal server error"}, VendorFault),
        (504, b"", VendorFault),
    ],
)
def test_refusal_is_read_by_its_meaning(status: int, document: object, error: type[ProviderError]) -> None:
    with pytest.raises(error) as caught:
        parse(document, status=status)
    if isinstance(caught.value, UnknownSymbol):
        assert caught.value.symbols == ("MSFT",)


def test_next_page_is_the_same_request_with_its_token() -> None:
    following = parse({"bars": {"AAPL": [ROW]}, "next_page_token": "QUFQTHw="}).next
    first = ALPACA.bars_request(QUERY, ACCOUNT)
    assert following is not None
    assert following == replace(first, params=first.params | {"page_token": "QUFQTHw="})
    assert following.headers == first.headers


def test_symbol_that_was_not_asked_for_is_kept_aside_and_proves_nothing() -> None:
    page = parse({"bars": {"AAPL": [ROW], "APPL": [ROW, ROW]}})
    assert rows_by_symbol(page) == ["AAPL"]
    assert [row.symbol for row in page.batch.malformed] == ["APPL", "APPL"]
    assert page.is_delayed


def test_bad_rows_are_kept_aside() -> None:
    bad: list[object] = [ROW | {"o": True}, ROW | {"t": "2024-01-02T14:30:00"}, ROW | {"h": "x"}, None, {"t": ROW["t"]}]
    page = parse({"bars": {"AAPL": [*bad, ROW]}})
    assert rows_by_symbol(page) == ["AAPL"]
    assert [json.loads(row.raw) for row in page.batch.malformed] == bad
    assert not page.is_delayed


def test_crypto_bar_without_trades_is_filler_and_a_stock_bar_is_not() -> None:
    assert len(parse({"bars": {"BTC/USD": [FILLER, ROW, ROW | {"v": 0}]}}, PAIR).batch) == 2
    assert len(parse({"bars": {"AAPL": [FILLER]}}).batch) == 1


@pytest.mark.parametrize(
    ("stamp", "query"),
    [
        ("2024-01-02T05:00:00Z", ONE),
        ("2024-07-02T04:00:00Z", ONE),
        ("2024-01-02T06:00:00Z", PAIR),
        ("2024-07-02T05:00:00Z", PAIR),
    ],
)
def test_daily_bar_is_stamped_at_its_session_date(stamp: str, query: BarQuery) -> None:
    query = replace(query, interval=Interval.D1, end=at("2025-01-01"))
    batch = parse({"bars": {query.symbols[0]: [ROW | {"t": stamp}]}}, query).batch
    assert batch.start.tolist() == [at(stamp[:10])]


def test_rows_outside_the_window_are_dropped() -> None:
    stamps = ["2024-01-01T23:59:00Z", "2024-01-02T00:00:00Z", "2024-01-03T23:59:00Z", "2024-01-04T00:00:00Z"]
    batch = parse({"bars": {"AAPL": [ROW | {"t": stamp} for stamp in stamps]}}).batch
    assert batch.start.tolist() == [at("2024-01-02"), at("2024-01-03T23:59")]


FINITE = st.floats(allow_nan=False, allow_infinity=False)


TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2106, 1, 1))  # noqa: DTZ001  # hypothesis takes naive bounds only


@given(st.lists(st.tuples(*[FINITE] * 6, st.integers(1, 2**53), TIMES), min_size=1))
def test_doubles_and_stamps_come_back_bit_for_bit(rows: list[tuple]) -> None:
    keys = ("o", "h", "l", "c", "v", "vw", "n")
    sent = [dict(zip(keys, row[:-1], strict=True)) | {"t": row[-1].isoformat() + "Z"} for row in rows]
    batch = parse({"bars": {"AAPL": sent}}, replace(QUERY, start=-(2**62), end=2**62)).batch
    columns = (batch.open, batch.high, batch.low, batch.close, batch.volume, batch.vwap, batch.trade_count)
    for i, row in enumerate(rows):
        assert [struct.pack("<d", column[i]) for column in columns] == [struct.pack("<d", float(value)) for value in row[:-1]]
        assert batch.start[i] == to_us(row[-1].replace(tzinfo=UTC))
