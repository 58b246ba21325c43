import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

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
from providers.market.types import DAY_US, Adjustment, AssetClass, BarQuery, Interval, to_us
from providers.registry import get_adapter

YAHOO = get_adapter("yahoo")
ACCOUNT = Account(provider="yahoo", adapter="yahoo", base_url="http://127.0.0.1:1")
T0 = 1704205800  # 2024-01-02T14:30Z
NAMES = ("open", "high", "low", "close", "volume")


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


QUERY = BarQuery(("AAPL",), Interval.M1, at("2024-01-02"), at("2024-01-04"), adjustment=Adjustment.SPLIT)
DAYS = replace(QUERY, interval=Interval.D1, start=at("2024-01-01"), end=at("2024-12-01"))


def chart(*stamps: int, meta: dict[str, Any] | None = None, **columns: object) -> bytes:
    size = len(stamps)
    quote = {
        "open": [1.5] * size,
        "high": [2] * size,
        "low": [1] * size,
        "close": [1.25] * size,
        "volume": [7] * size,
    } | columns
    about = {"symbol": "AAPL", "dataGranularity": "1m", "exchangeTimezoneName": "America/New_York", "gmtoffset": -14400}
    result = {"meta": about | (meta or {}), "timestamp": stamps, "indicators": {"quote": [quote]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def days(*texts: str, **meta: Any) -> bytes:
    return chart(*(at(text) // 1_000_000 for text in texts), meta={"dataGranularity": "1d"} | meta)


def parse(body: bytes, query: BarQuery = QUERY, *, status: int = 200) -> BarPage:
    return YAHOO.parse_bars(HttpResponse(status, {}, body), query, ACCOUNT)


def starts(page: BarPage) -> list[str]:
    return [datetime.fromtimestamp(start / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S") for start in page.batch.start.tolist()]


def test_request_speaks_as_a_browser_and_asks_for_extended_hours() -> None:
    request = YAHOO.bars_request(replace(QUERY, end=at("2024-01-02T14:31")), ACCOUNT)
    assert request.url == "http://127.0.0.1:1/v8/finance/chart/AAPL"
    assert request.params == {"period1": "1704153600", "period2": str(T0 + 59), "interval": "1m", "includePrePost": "true"}
    assert request.headers["User-Agent"].startswith("Mozilla/5.0")


def test_days_are_asked_wide_because_a_session_may_open_on_another_date_in_utc() -> None:
    params = YAHOO.bars_request(replace(DAYS, start=at("2024-01-02"), end=at("2024-01-03")), ACCOUNT).params
    assert (int(params["period1"]) * 10**6, int(params["period2"]) * 10**6) == (at("2024-01-01"), at("2024-01-03T23:59:59"))


@pytest.mark.parametrize(
    ("symbol", "asset_class", "spelled"),
    [
        ("AAPL", AssetClass.EQUITY, "AAPL"),
        ("BRK.B", AssetClass.EQUITY, "BRK-B"),
        ("VOD.L", AssetClass.EQUITY, "VOD.L"),
        ("VOLV-B.ST", AssetClass.EQUITY, "VOLV-B.ST"),
        ("EUR/USD", AssetClass.FX, "EURUSD=X"),
        ("BTC/USD", AssetClass.CRYPTO, "BTC-USD"),
        ("SPX", AssetClass.INDEX, "^SPX"),
        ("GC", AssetClass.FUTURE, "GC=F"),
        ("GC=F", AssetClass.FUTURE, "GC=F"),
    ],
)
def test_symbol_is_spelled_by_its_class(symbol: str, asset_class: AssetClass, spelled: str) -> None:
    assert YAHOO.vendor_symbol(symbol, asset_class) == spelled


def test_more_than_seven_days_of_minutes_in_one_request_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedRequest, match="at most 7 days of 1m bars"):
        YAHOO.bars_request(replace(QUERY, end=QUERY.start + 7 * DAY_US + 1), ACCOUNT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"adjustment": Adjustment.RAW}, "no raw prices"),
        ({"interval": Interval.H1}, "begin at the open"),
        ({"start": at("2023-12-01")}, "keeps 1m bars of equity for 30 days"),
        ({"interval": Interval.M5, "start": at("2023-11-01")}, "keeps 5m bars of equity for 60 days"),
    ],
)
def test_what_it_has_not_is_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    now = at("2024-01-05")
    check_supported(YAHOO, QUERY, account=ACCOUNT, now=now)
    check_supported(YAHOO, replace(DAYS, start=at("1990-01-01")), account=ACCOUNT, now=now)
    with pytest.raises(UnsupportedRequest, match=reason):
        check_supported(YAHOO, replace(QUERY, **changes), account=ACCOUNT, now=now)


def test_row_of_nulls_is_no_bar_and_a_row_with_some_is_kept_aside() -> None:
    body = chart(
        T0, T0 + 60, T0 + 120, T0 + 180, open=[1.5, None, 1.5, 1.5], high=[2, None, 2, 2], low=[1, None, None, 1],
        close=[1.25, None, 1.25, 1.25], volume=[7, None, 7, None],
    )  # fmt: skip
    batch = parse(body).batch
    assert batch.start.tolist() == [T0 * 10**6, (T0 + 180) * 10**6]
    assert str(batch.volume.tolist()) == "[7.0, nan]"
    assert [row.reason for row in batch.malformed] == ["low must be a number, got 'None'"]


@pytest.mark.parametrize(
    "changes",
    [{"timestamp": None}, {"timestamp": []}, {}],
)
@pytest.mark.parametrize("quote", [{}, {name: [] for name in NAMES}, dict.fromkeys(NAMES)])
def test_nothing_is_empty_in_every_form(changes: dict[str, object], quote: dict[str, object]) -> None:
    document = json.loads(chart())
    result = document["chart"]["result"][0]
    del result["timestamp"]
    result |= changes | {"indicators": {"quote": [quote]}}
    page = parse(json.dumps(document).encode())
    assert (len(page.batch), page.next, page.is_delayed) == (0, None, False)


@pytest.mark.parametrize("status", [200, 400, 422])
def test_window_without_data_is_empty_where_the_vendor_says_so(status: int) -> None:
    said = "Data doesn't exist for startDate = 1893715200, endDate = 1894147200"
    body = json.dumps({"chart": {"result": None, "error": {"code": "Bad Request", "description": said}}}).encode()
    assert len(parse(body, status=status).batch) == 0


@pytest.mark.parametrize(
    ("interval", "last"), [("1m", T0 + 77), ("5m", T0 + 660), ("15m", T0 + 1_000), ("30m", T0 + 1_801), ("1h", T0 + 3_700)]
)
@pytest.mark.parametrize("is_whole", [True, False])
def test_running_interval_is_left_out_without_a_rejection(interval: str, last: int, is_whole: bool) -> None:
    query = replace(QUERY, interval=Interval(interval))
    lows = [1, 1] if is_whole else [1, None]
    page = parse(chart(T0, last, meta={"dataGranularity": interval}, low=lows), query)
    assert (starts(page), page.batch.malformed, page.is_delayed) == (["2024-01-02T14:30:00"], (), False)


def test_row_off_the_grid_within_an_answer_is_not_taken_for_the_running_one() -> None:
    assert len(parse(chart(T0, T0 + 77, T0 + 120)).batch) == 3


def test_last_price_once_more_at_the_close_is_left_out() -> None:
    flat = {"open": [1.5, 1], "high": [2, 1], "low": [1, 1], "close": [1, 1], "volume": [7, 0]}
    assert len(parse(chart(T0, T0 + 60, meta={"regularMarketTime": T0 + 60}, **flat)).batch) == 1
    assert len(parse(chart(T0, T0 + 60, meta={"regularMarketTime": T0 + 99}, **flat)).batch) == 2
    assert len(parse(chart(T0, T0 + 60, meta={"regularMarketTime": T0 + 60})).batch) == 2


@pytest.mark.parametrize(
    ("traded_at", "end", "bars"),
    [
        (T0 + 64, T0 + 60, 1),  # the closing auction's trade, seconds after the session's end
        (T0 + 1_881, T0 + 60, 1),
        (T0 + 64, T0 + 120, 2),  # the session goes on: a minute with one price
        (T0 + 30, T0 + 60, 2),
        (T0 + 64, "soon", 2),
        (None, T0 + 60, 2),
    ],
)
def test_last_price_of_a_trade_after_the_close_is_left_out_at_the_close(traded_at: int | None, end: object, bars: int) -> None:
    flat = {"open": [1.5, 1], "high": [2, 1], "low": [1, 1], "close": [1, 1], "volume": [7, 0]}
    meta = {"regularMarketTime": traded_at, "currentTradingPeriod": {"regular": {"start": T0, "end": end}}}
    assert len(parse(chart(T0, T0 + 60, meta=meta, **flat)).batch) == bars
    assert len(parse(chart(T0, T0 + 60, meta=meta)).batch) == 2


def test_extra_bar_at_the_close_of_a_half_day_is_one_of_extended_hours() -> None:
    noon = at("2024-11-29T17:59") // 10**6
    query = replace(QUERY, start=at("2024-11-29"), end=at("2024-11-30"))
    assert starts(parse(chart(noon, noon + 60), query)) == ["2024-11-29T17:59:00", "2024-11-29T18:00:00"]


@pytest.mark.parametrize(
    ("stamp", "zone", "date"),
    [
        ("2024-01-02T14:30", "America/New_York", "2024-01-02"),
        ("2024-07-02T13:30", "America/New_York", "2024-07-02"),
        ("2024-07-01T23:00", "Europe/London", "2024-07-02"),
        ("2024-01-02T00:00", "Europe/London", "2024-01-02"),
        ("2024-01-01T23:00", "Australia/Sydney", "2024-01-02"),
        ("2024-01-02T00:00", "Asia/Tokyo", "2024-01-02"),
        ("2024-01-02T00:00", "UTC", "2024-01-02"),
    ],
)
def test_daily_bar_has_its_date_in_the_zone_of_its_exchange(stamp: str, zone: str, date: str) -> None:
    assert starts(parse(days(stamp, exchangeTimezoneName=zone), DAYS)) == [f"{date}T00:00:00"]


def test_running_day_is_left_out_and_its_absence_is_no_news() -> None:
    live = at("2024-01-03T19:12:07") // 10**6
    page = parse(days("2024-01-02T14:30", "2024-01-03T19:12:07", regularMarketTime=live), DAYS)
    assert (starts(page), page.is_delayed) == (["2024-01-02T00:00:00"], True)
    twice = parse(days("2024-01-02T14:30", "2024-01-03T14:30", "2024-01-03T21:00"), DAYS)
    assert (starts(twice), twice.is_delayed) == (["2024-01-02T00:00:00", "2024-01-03T00:00:00"], True)


@pytest.mark.parametrize("zone", ["Nowhere/Land", "", None, "../etc"])
def test_days_without_a_known_zone_are_malformed(zone: str | None) -> None:
    with pytest.raises(MalformedAnswer, match="time zone"):
        parse(days("2024-01-02T14:30", exchangeTimezoneName=zone), DAYS)


def test_another_granularity_than_asked_is_malformed() -> None:
    with pytest.raises(MalformedAnswer, match="asked yahoo for 30m bars, got '1h'"):
        parse(chart(T0, meta={"dataGranularity": "60m"} | {"dataGranularity": "1h"}), replace(QUERY, interval=Interval.M30))
    assert len(parse(chart(T0, meta={"dataGranularity": "60m"}), replace(QUERY, interval=Interval.H1)).batch) == 1


def test_another_symbol_than_asked_is_malformed_unless_it_is_the_same_pair() -> None:
    with pytest.raises(MalformedAnswer, match="asked yahoo for AAPL, got 'MSFT'"):
        parse(chart(T0, meta={"symbol": "MSFT"}))
    pair = replace(QUERY, symbols=("USDINR=X",), asset_class=AssetClass.FX)
    assert len(parse(chart(T0, meta={"symbol": "INR=X"}), pair).batch) == 1


@pytest.mark.parametrize(("asset_class", "volume"), [(AssetClass.FX, "nan"), (AssetClass.CRYPTO, "0.0")])
def test_volume_of_currencies_is_unknown_and_not_zero(asset_class: AssetClass, volume: str) -> None:
    query = replace(QUERY, symbols=("EURUSD=X",), asset_class=asset_class)
    batch = parse(chart(T0, meta={"symbol": "EURUSD=X"}, volume=[0]), query).batch
    assert ([str(v) for v in batch.volume.tolist()], batch.malformed) == ([volume], ())


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_unequal_length_are_malformed_even_beside_a_running_row(name: str) -> None:
    with pytest.raises(MalformedAnswer, match="equal length"):
        parse(chart(T0, T0 + 77, **{name: [1]}))


@pytest.mark.parametrize(
    "body",
    [
        b'{"chart": {"result": null, "error": null}}',
        b'{"chart": {"result": [], "error": null}}',
        b'{"chart": {"result": [{"meta": {}}], "error": null}}',
        b'{"chart": 7}',
        b"null",
        b"<html>consent</html>",
        chart(T0, open=None),
    ],
)
def test_success_of_another_shape_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        parse(body)


def envelope(code: str, description: str, name: str = "chart") -> bytes:
    return json.dumps({name: {"result": None, "error": {"code": code, "description": description}}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, envelope("Not Found", "No data found, symbol may be delisted"), UnknownSymbol),
        (200, envelope("Not Found", "No data found, symbol may be delisted"), UnknownSymbol),
        (404, b"<html>404 Not Found</html>", BadRequest),
        (
            422,
            envelope("Unprocessable Entity", "1m data not available. Only 7 days worth are allowed per request."),
            BadRequest,
        ),
        (
            200,
            envelope("Unprocessable Entity", "1m data not available. Only 7 days worth are allowed per request."),
            BadRequest,
        ),
        (422, envelope("Unprocessable Entity", "The requested range must be within the last 30 days."), NotEntitled),
        (401, envelope("Unauthorized", "Invalid Crumb", "finance"), AuthFailed),
        (200, envelope("Unauthorized", "Invalid Crumb", "finance"), AuthFailed),
        (403, envelope("Forbidden", "not for you", "finance"), NotEntitled),
        (429, b"Edge: Too Many Requests", Throttled),
        (200, b"Edge: Too Many Requests", Throttled),
        (200, b"Too Many Requests\r\n", Throttled),
        (400, envelope("Bad Request", "Data doesn't exist for startDate = 1893715200, endDate = 189"), BadRequest),
        (302, b"", VendorFault),
        (500, envelope("Internal Server Error", "server error"), VendorFault),
        (200, envelope("internal-error", "server error"), VendorFault),
        (502, b"<html>Will be right back...</html>", VendorFault),
    ],
)
def test_refusal_is_read_by_its_meaning(status: int, body: bytes, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        parse(body, status=status)
    assert type(caught.value) is error
