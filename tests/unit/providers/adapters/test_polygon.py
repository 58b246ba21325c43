import json
import math
import struct
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.adapter import Account, BarPage, HttpResponse, check_supported
from providers.errors import (
    AuthFailed,
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

POLYGON = get_adapter("polygon")
ACCOUNT = Account(provider="polygon", adapter="polygon", base_url="http://127.0.0.1:1", credentials={"api_key": "made-up-key"})
T0 = 1704205800000  # 2024-01-02T14:30Z
ROW = {"t": T0, "o": 1.5, "h": 2, "l": 1, "c": 1.25, "v": 1e3, "vw": 1.3, "n": 7}


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


QUERY = BarQuery(("AAPL",), Interval.M1, at("2024-01-02"), at("2024-01-04"))


def answer(*rows: object, **envelope: object) -> bytes:
    return json.dumps({"ticker": "AAPL", "status": "OK", "resultsCount": len(rows), "results": rows} | envelope).encode()


def parse(body: bytes, query: BarQuery = QUERY, *, status: int = 200, **headers: str) -> BarPage:
    return POLYGON.parse_bars(HttpResponse(status, headers, body), query, ACCOUNT)


@pytest.mark.parametrize("scope", [FeedScope.IEX, FeedScope.VENUE])
def test_feed_of_one_venue_is_refused_because_its_bars_are_of_all(scope: FeedScope) -> None:
    check_supported(POLYGON, QUERY, account=ACCOUNT)
    with pytest.raises(UnsupportedRequest, match=f"no {scope} feed"):
        check_supported(POLYGON, QUERY, account=replace(ACCOUNT, feed_scope=scope))


def daily(stamp: str, **changes: object) -> str:
    row = ROW | {"t": at(stamp) // 1000}
    query = replace(QUERY, interval=Interval.D1, start=at("2020-01-01"), end=at("2030-01-01"), **changes)
    batch = parse(answer(row, ticker=query.symbols[0]), query).batch
    return str(datetime.fromtimestamp(int(batch.start[0]) / 1e6, UTC).isoformat())


@pytest.mark.parametrize(
    ("symbol", "asset_class", "spelled"),
    [
        ("AAPL", AssetClass.EQUITY, "AAPL"),
        ("BRK.B", AssetClass.EQUITY, "BRK.B"),
        ("SPX", AssetClass.INDEX, "I:SPX"),
        ("EUR/USD", AssetClass.FX, "C:EURUSD"),
        ("BTC-USD", AssetClass.CRYPTO, "X:BTCUSD"),
        ("X:BTCUSD", AssetClass.CRYPTO, "X:BTCUSD"),
        ("O:RDFN211119C00025000", AssetClass.EQUITY, "O:RDFN211119C00025000"),
    ],
)
def test_symbol_gets_the_prefix_of_its_class(symbol: str, asset_class: AssetClass, spelled: str) -> None:
    assert POLYGON.vendor_symbol(symbol, asset_class) == spelled


def test_request_asks_raw_prices_in_milliseconds_with_an_inclusive_end() -> None:
    request = POLYGON.bars_request(replace(QUERY, end=at("2024-01-02T14:31")), ACCOUNT)
    assert request.url == f"http://127.0.0.1:1/v2/aggs/ticker/AAPL/range/1/minute/1704153600000/{T0 + 59_999}"
    assert request.params == {"adjusted": "false", "sort": "asc", "limit": "50000"}
    assert request.headers["Authorization"] == "Bearer made-up-key"


@pytest.mark.parametrize(
    ("interval", "span"), [("5m", "5/minute"), ("15m", "15/minute"), ("30m", "30/minute"), ("1h", "1/hour")]
)
def test_request_spells_the_interval(interval: str, span: str) -> None:
    assert f"/range/{span}/" in POLYGON.bars_request(replace(QUERY, interval=Interval(interval)), ACCOUNT).url


@pytest.mark.parametrize(
    ("start", "end", "dates"),
    [
        ("2024-01-02", "2024-01-03", "2024-01-02/2024-01-02"),
        ("2024-01-02", "2024-01-05T10:00", "2024-01-02/2024-01-05"),
        ("2024-01-02T00:01", "2024-01-05", "2024-01-03/2024-01-04"),
    ],
)
def test_daily_request_names_the_dates_whose_midnight_is_in_the_window(start: str, end: str, dates: str) -> None:
    query = replace(QUERY, interval=Interval.D1, start=at(start), end=at(end))
    assert POLYGON.bars_request(query, ACCOUNT).url.endswith(f"/range/1/day/{dates}")


def test_daily_request_without_any_session_date_is_refused() -> None:
    with pytest.raises(UnsupportedRequest):
        POLYGON.bars_request(
            replace(QUERY, interval=Interval.D1, start=at("2024-01-02T10:00"), end=at("2024-01-02T20:00")), ACCOUNT
        )


@pytest.mark.parametrize(
    ("symbol", "quoted"), [("BRK.B", "BRK.B"), ("X:BTCUSD", "X:BTCUSD"), ("UNITTEST/BTC", "UNITTEST%2FBTC"), ("A?b", "A%3Fb")]
)
def test_symbol_is_quoted_in_the_path(symbol: str, quoted: str) -> None:
    assert f"/ticker/{quoted}/range/" in POLYGON.bars_request(replace(QUERY, symbols=(symbol,)), ACCOUNT).url


def test_request_adjusts_only_as_the_vendor_can() -> None:
    assert POLYGON.bars_request(replace(QUERY, adjustment=Adjustment.SPLIT), ACCOUNT).params["adjusted"] == "true"
    with pytest.raises(UnsupportedRequest):
        POLYGON.bars_request(replace(QUERY, adjustment=Adjustment.DIVIDEND), ACCOUNT)
    with pytest.raises(UnsupportedRequest):
        POLYGON.bars_request(replace(QUERY, symbols=("A", "B")), ACCOUNT)


@pytest.mark.parametrize("key", ["", "two\nlines", "sch\u00fcssel"])
def test_request_refuses_a_key_that_no_header_may_hold(key: str) -> None:
    with pytest.raises(AuthFailed):
        POLYGON.bars_request(QUERY, replace(ACCOUNT, credentials={"api_key": key}))


def test_row_is_read_into_columns() -> None:
    batch = parse(answer(ROW)).batch
    columns = (batch.start, batch.open, batch.high, batch.low, batch.close, batch.volume, batch.vwap, batch.trade_count)
    assert [column.tolist() for column in columns] == [[T0 * 1000], [1.5], [2.0], [1.0], [1.25], [1000.0], [1.3], [7.0]]
    assert (batch.symbols, batch.symbol_index.tolist()) == (("AAPL",), [0])


@pytest.mark.parametrize("gone", [{}, {"v": None, "vw": None, "n": None}])
def test_index_without_volume_has_nan(gone: dict[str, None]) -> None:
    row = {key: value for key, value in ROW.items() if key not in ("v", "vw", "n")} | gone
    batch = parse(answer(row)).batch
    assert all(math.isnan(column[0]) for column in (batch.volume, batch.vwap, batch.trade_count))


@pytest.mark.parametrize(
    "envelope",
    [{}, {"results": None}, {"results": None, "resultsCount": 0, "ticker": None}, {"resultsCount": "0"}, {"status": "DELAYED"}],
)
def test_nothing_is_empty_in_every_form(envelope: dict[str, object]) -> None:
    page = parse(answer(**envelope))
    assert (len(page.batch), page.next, page.is_delayed) == (0, None, envelope.get("status") == "DELAYED")


def test_missing_results_are_empty() -> None:
    assert (
        len(parse(b'{"ticker":"AAPL","queryCount":0,"resultsCount":0,"adjusted":true,"status":"OK","request_id":"x"}').batch)
        == 0
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{}", MalformedAnswer),
        (b'{"results": []}', MalformedAnswer),
        (b'{"status": "OK", "resultsCount": 3}', MalformedAnswer),
        (b'{"status": "OK", "results": {"a": 1}}', MalformedAnswer),
        (b'{"status": "ERROR", "error": "Unknown API Key"}', AuthFailed),
        (b'{"status": "ERROR", "error": "something"}', VendorFault),
        (b'{"status": "NOT_AUTHORIZED"}', NotEntitled),
        (b'{"status": "NOT_FOUND"}', UnknownSymbol),
        (b'{"status": "ERROR", "error": "You\'ve exceeded the maximum requests per minute"}', Throttled),
        (answer(ROW, status="ERROR"), VendorFault),
        (answer(ROW, ticker="MSFT"), MalformedAnswer),
        (answer(ticker="MSFT"), MalformedAnswer),
        (answer(ROW | {"T": "MSFT"}, ticker=None), MalformedAnswer),
        (answer(ROW, next_url="https://elsewhere.io/v3/trades?cursor=x"), MalformedAnswer),
    ],
)
def test_success_that_is_none_is_an_error(body: bytes, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        parse(body)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", AuthFailed),
        (403, b"", NotEntitled),
        (403, b'{"status":"ERROR","error":"Unknown API Key"}', AuthFailed),
        (404, b'{"status":"NOT_FOUND","message":"Data not found."}', UnknownSymbol),
        (404, b"404 page not found", ProviderError),
        (429, b"", Throttled),
        (502, b"<html>", VendorFault),
    ],
)
def test_refusal_is_read_by_its_meaning(status: int, body: bytes, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        parse(body, status=status)


def test_wrong_path_does_not_make_the_symbol_unknown() -> None:
    with pytest.raises(ProviderError) as caught:
        parse(b"404 page not found", status=404)
    assert caught.value.code == "bad_request"


def test_delayed_answer_says_so() -> None:
    assert parse(answer(ROW, status="DELAYED")).is_delayed
    assert not parse(answer(ROW)).is_delayed


@pytest.mark.parametrize(
    ("date", "is_delayed"),
    [
        ("Thu, 04 Jan 2024 10:59:59 GMT", True),  # the window ended at midnight
        ("Thu, 04 Jan 2024 11:00:00 GMT", False),
        ("Mon, 04 Mar 2024 00:00:00 GMT", False),
        ("Wed, 03 Jan 2024 20:00:00 GMT", True),
        ("soon", True),
    ],
)
def test_delay_of_a_plan_says_nothing_about_a_window_that_is_long_over(date: str, is_delayed: bool) -> None:
    assert parse(answer(ROW, status="DELAYED"), date=date).is_delayed is is_delayed
    assert parse(answer(status="DELAYED"), date=date).is_delayed is is_delayed
    assert not parse(answer(ROW), date=date).is_delayed


def test_page_with_fewer_rows_than_it_counts_proves_no_absence() -> None:
    page = parse(answer(ROW, resultsCount=2))
    assert (len(page.batch), page.is_delayed) == (1, True)


def test_bad_rows_are_kept_aside() -> None:
    bad: list[object] = [ROW | {"o": None}, ROW | {"t": "noon"}, {"t": T0}, 17, ROW | {"T": "MSFT"}, ROW | {"t": 1e300}]
    batch = parse(answer(ROW, *bad)).batch
    assert len(batch) == 1
    assert [json.loads(row.raw) for row in batch.malformed] == bad
    assert [row.symbol for row in batch.malformed] == ["AAPL", "AAPL", "AAPL", "AAPL", "MSFT", "AAPL"]


def test_grouped_answer_gives_the_asked_rows_only() -> None:
    rows = [ROW | {"T": "MSFT"}, ROW | {"T": "AAPL"}]
    batch = parse(answer(*rows, ticker=None)).batch
    assert [batch.symbols[i] for i in batch.symbol_index] == ["AAPL"]
    assert batch.malformed == ()


@pytest.mark.parametrize(
    ("next_url", "asked"),
    [
        (
            "https://api.polygon.io/v2/aggs/ticker/X/range/1/day/1/2?cursor=YQ%3D%3D",
            "/v2/aggs/ticker/X/range/1/day/1/2?cursor=YQ%3D%3D",
        ),
        (
            "https://evil.example/v2/aggs/ticker/X/range/1/day/1/2?apiKey=k&cursor=a+b",
            "/v2/aggs/ticker/X/range/1/day/1/2?cursor=a+b",
        ),
        ("/v2/aggs/ticker/X/range/1/day/1/2?cursor=a", "/v2/aggs/ticker/X/range/1/day/1/2?cursor=a"),
    ],
)
def test_next_page_is_asked_of_the_accounts_own_host_with_the_key_in_a_header(next_url: str, asked: str) -> None:
    following = parse(answer(ROW, next_url=next_url)).next
    assert following is not None
    assert (following.url, following.params) == (ACCOUNT.base_url + asked, {})
    assert following.headers["Authorization"] == "Bearer made-up-key"


def test_next_page_keeps_the_base_urls_path_once() -> None:
    account = replace(ACCOUNT, base_url="http://h/poly/")
    body = answer(ROW, next_url="http://h/poly/v2/aggs/x?cursor=1")
    following = POLYGON.parse_bars(HttpResponse(200, {}, body), QUERY, account).next
    assert following is not None
    assert following.url == "http://h/poly/v2/aggs/x?cursor=1"


@pytest.mark.parametrize(
    ("stamp", "changes"),
    [
        ("2024-01-02T05:00", {}),
        ("2024-01-02T21:00", {}),
        ("2024-01-02T06:00", {"asset_class": AssetClass.INDEX, "symbols": ("I:SPX",)}),
        ("2024-01-02T00:00", {"asset_class": AssetClass.FX, "symbols": ("C:EURUSD",)}),
        ("2024-01-02T23:59:59.999", {"asset_class": AssetClass.FX, "symbols": ("C:EURUSD",)}),
        ("2024-01-02T00:00", {"symbols": ("X:BTCUSD",)}),
    ],
)
def test_daily_bar_is_stamped_at_its_session_date(stamp: str, changes: dict[str, object]) -> None:
    assert daily(stamp, **changes) == "2024-01-02T00:00:00+00:00"


@pytest.mark.parametrize(
    ("stamp", "date"),
    [("2024-03-08T05:00", "2024-03-08"), ("2024-03-11T04:00", "2024-03-11"), ("2024-11-04T05:00", "2024-11-04")],
)
def test_daily_bar_keeps_its_date_over_a_change_of_clocks(stamp: str, date: str) -> None:
    assert daily(stamp).startswith(date)


FINITE = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30).map(lambda d: f"{d:e}")


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


@given(st.lists(st.tuples(*[FINITE] * 6, st.integers(0, 2**53)), min_size=1, max_size=20))
def test_doubles_come_back_bit_for_bit(rows: list[tuple[float, ...]]) -> None:
    keys = ("o", "h", "l", "c", "v", "vw", "n")
    batch = parse(answer(*({"t": T0} | dict(zip(keys, row, strict=True)) for row in rows))).batch
    columns = (batch.open, batch.high, batch.low, batch.close, batch.volume, batch.vwap, batch.trade_count)
    for i, row in enumerate(rows):
        assert [bits(column[i]) for column in columns] == [bits(float(value)) for value in row]


@given(DECIMALS)
def test_any_decimal_is_the_nearest_double_on_both_ways_of_reading(text: str) -> None:
    plain = answer(ROW | {"o": 0, "c": 0}).replace(b'"o": 0', f'"o": {text}'.encode())
    lenient = plain.replace(b'"c": 0', b'"c": "0"')
    assert bits(parse(plain).batch.open[0]) == bits(parse(lenient).batch.open[0]) == bits(float(text))
