import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from providers.accounts import symbols_per_call
from providers.adapter import Account, BarPage, HttpResponse, check_supported, windows
from providers.adapters.twelve_data import TwelveData
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
from providers.market.types import DAY_US, MINUTE_US, Adjustment, AssetClass, BarQuery, FeedScope, Interval, from_us, to_us

VENDOR = TwelveData()
ACCOUNT = Account(provider="twelve", adapter="twelve_data", base_url="", credentials={"api_key": "made-up-key"})
NO_DATA = {"code": 400, "message": "No data is available on the specified dates. Try setting different start/end dates."}
UNKNOWN = {"code": 404, "message": "**symbol** or **figi** parameter is missing or invalid.", "status": "error"}
GROW = {
    "code": 404,
    "message": "This symbol is available starting with Grow. Consider upgrading your API Key now.",
    "status": "error",
}
MINUTE = {
    "code": 429,
    "message": "You have run out of API credits for the current minute. 9 API credits were used.",
    "status": "error",
}
DAY = {"code": 429, "message": "You have run out of API credits for the day. 801 API credits were used.", "status": "error"}
KEY = {"code": 401, "message": "**apikey** parameter is incorrect or not specified.", "status": "error"}


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


QUERY = BarQuery(symbols=("AAPL",), interval=Interval.M1, start=at("2024-01-02"), end=at("2024-01-04"))
TWO = replace(QUERY, symbols=("AAPL", "MSFT"))
ROW = {"datetime": "2024-01-02 14:30:00", "open": "1.50", "high": "2.0", "low": "1", "close": "1.25", "volume": "1000"}
SERIES = {"meta": {"symbol": "AAPL", "interval": "1min"}, "values": [ROW], "status": "ok"}


def parse(document: object, query: BarQuery = QUERY, *, status: int = 200, **headers: str) -> BarPage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return VENDOR.parse_bars(HttpResponse(status, headers, body), query, ACCOUNT)


def params(query: BarQuery, **options: str) -> dict[str, str]:
    return VENDOR.bars_request(query, replace(ACCOUNT, options=options)).params


def test_request_spells_every_default_and_asks_for_utc() -> None:
    assert params(TWO) == {
        "symbol": "AAPL,MSFT",
        "interval": "1min",
        "start_date": "2024-01-02T00:00:00",
        "end_date": "2024-01-03T23:59:59",
        "timezone": "UTC",
        "order": "asc",
        "outputsize": "5000",
        "adjust": "none",
        "format": "JSON",
        "prepost": "false",
    }


def test_key_is_in_the_header_only() -> None:
    request = VENDOR.bars_request(QUERY, ACCOUNT)
    assert request.headers["Authorization"] == "apikey made-up-key"
    assert "made-up" not in repr(request)


def test_daily_request_names_dates_with_an_exclusive_end_and_no_zone() -> None:
    asked = params(replace(QUERY, interval=Interval.D1))
    assert (asked["start_date"], asked["end_date"]) == ("2024-01-02", "2024-01-04")
    assert not {"timezone", "prepost"} & set(asked)


@pytest.mark.parametrize(("adjustment", "word"), list(zip(Adjustment, ["none", "splits", "dividends", "all"], strict=True)))
def test_adjustment_is_always_said(adjustment: Adjustment, word: str) -> None:
    assert params(replace(QUERY, adjustment=adjustment))["adjust"] == word


def test_hours_around_the_session_are_asked_of_stocks_only() -> None:
    assert params(QUERY, prepost="true")["prepost"] == "true"
    assert "prepost" not in params(replace(QUERY, asset_class=AssetClass.FX), prepost="true")


@pytest.mark.parametrize(
    ("ours", "asset_class", "theirs"),
    [
        ("BTC-USD", AssetClass.CRYPTO, "BTC/USD"),
        ("BTCUSDT", AssetClass.CRYPTO, "BTC/USDT"),
        ("EURUSD", AssetClass.FX, "EUR/USD"),
        ("EUR/USD", AssetClass.FX, "EUR/USD"),
        ("BRK.B", AssetClass.EQUITY, "BRK.B"),
    ],
)
def test_pairs_have_a_slash(ours: str, asset_class: AssetClass, theirs: str) -> None:
    assert VENDOR.vendor_symbol(ours, asset_class) == theirs


def test_rows_are_read_as_utc_in_any_order_and_number_form() -> None:
    rows = [ROW | {"datetime": "2024-01-02 14:31:00", "open": 1.5, "volume": 7}, ROW]
    batch = parse(SERIES | {"values": rows}).batch
    assert batch.start.tolist() == [at("2024-01-02T14:31"), at("2024-01-02T14:30")]
    assert (batch.open[1], batch.high[1], batch.low[1], batch.close[1], batch.volume[1]) == (1.5, 2, 1, 1.25, 1000)


@pytest.mark.parametrize("bad", [{"open": "nan"}, {"low": "-inf"}, {"volume": "inf"}, {"volume": "NaN"}])
def test_number_that_is_none_is_kept_aside_even_where_all_rows_look_well(bad: dict[str, object]) -> None:
    batch = parse(SERIES | {"values": [ROW, ROW | bad]}).batch
    assert (len(batch), len(batch.malformed)) == (1, 1)


def test_indices_and_pairs_are_offered_too() -> None:
    for asset_class in (AssetClass.EQUITY, AssetClass.INDEX, AssetClass.FX, AssetClass.CRYPTO):
        check_supported(VENDOR, replace(QUERY, asset_class=asset_class), account=ACCOUNT)


@pytest.mark.parametrize("volume", [{}, {"volume": None}, {"volume": ""}])
def test_missing_volume_is_unknown_not_zero(volume: dict[str, object]) -> None:
    row = {key: value for key, value in ROW.items() if key != "volume"} | volume
    batch = parse(SERIES | {"values": [row]}).batch
    assert math.isnan(batch.volume[0])
    assert batch.malformed == ()


@pytest.mark.parametrize("stamp", ["2024-01-02", "2024-01-02 00:00:00", "2024-01-02 14:30:00"])
def test_daily_bar_is_stamped_at_its_session_date(stamp: str) -> None:
    document = SERIES | {"meta": {"interval": "1day"}, "values": [ROW | {"datetime": stamp}]}
    assert parse(document, replace(QUERY, interval=Interval.D1)).batch.start.tolist() == [at("2024-01-02")]


@pytest.mark.parametrize("bad", [{"open": "nan"}, {"high": None}, {"datetime": "2024-01-02"}, {"datetime": 5}, {"close": True}])
def test_bad_row_is_kept_aside_as_it_came(bad: dict[str, object]) -> None:
    batch = parse(SERIES | {"values": [ROW, ROW | bad, 7]}).batch
    assert len(batch) == 1
    assert [json.loads(row.raw) for row in batch.malformed] == [ROW | bad, 7]


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (NO_DATA, 200),
        (NO_DATA, 400),
        (NO_DATA | {"status": "error"}, 200),
        (NO_DATA | {"status": "error"}, 400),
        (SERIES | {"values": []}, 200),
        (SERIES | {"values": None}, 200),
    ],
)
def test_nothing_is_empty_in_every_form(document: dict[str, object], status: int) -> None:
    page = parse(document, status=status)
    assert (len(page.batch), page.next, page.is_delayed, page.unknown_symbols) == (0, None, False, ())


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (MINUTE, Throttled),
        (DAY, Throttled),
        (KEY, AuthFailed),
        ({"code": 403, "message": "/time_series is available exclusively with pro plans.", "status": "error"}, NotEntitled),
        (GROW, NotEntitled),
        (UNKNOWN, UnknownSymbol),
        (UNKNOWN | {"code": 400}, UnknownSymbol),
        ({"code": "404", "message": "**symbol** not found: AAPL", "status": "error"}, UnknownSymbol),
        ({"code": 400, "message": "Invalid **interval** provided: 7min", "status": "error"}, BadRequest),
        ({"code": 414, "message": "The parameters are too long", "status": "error"}, BadRequest),
        ({"code": 500, "message": "Internal server error", "status": "error"}, VendorFault),
    ],
)
@pytest.mark.parametrize("as_status", [True, False])
def test_refusal_is_read_from_the_body_whatever_the_status(
    document: dict[str, object], error: type[ProviderError], as_status: bool
) -> None:
    status = int(str(document["code"])) if as_status else 200
    with pytest.raises(ProviderError) as caught:
        parse(document, status=status)
    assert type(caught.value) is error
    assert caught.value.status == status
    if isinstance(caught.value, UnknownSymbol):
        assert caught.value.symbols == ("AAPL",)


ADVISED = MINUTE | {"message": f"{MINUTE['message']} Wait for the next minute or take a plan without daily limits."}


@pytest.mark.parametrize(("document", "seconds"), [(MINUTE, 13.0), (ADVISED, 13.0), (DAY, 9 * 3600 + 13.0)])
@pytest.mark.parametrize("status", [200, 429])
def test_credits_come_back_with_the_vendors_next_minute_or_day(document: object, seconds: float, status: int) -> None:
    with pytest.raises(Throttled) as caught:
        parse(document, status=status, date="Tue, 02 Jan 2024 14:59:47 GMT")
    assert caught.value.retry_after == seconds
    with pytest.raises(Throttled) as caught:
        parse(document, status=status)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    "document",
    [
        {"status": "ok"},
        {"meta": {}, "status": "ok"},
        {"pagination": {}, "data": []},
        SERIES | {"values": {}},
        SERIES | {"meta": {"symbol": "TSLA"}},
        SERIES | {"meta": {"symbol": "AAPL", "interval": "5min"}},
        {"TSLA": SERIES},
        {"AAPL": 5, "MSFT": {"values": {}}},
        {"AAPL": SERIES | {"meta": {"symbol": "MSFT"}}},
    ],
)
def test_success_of_another_shape_or_for_another_is_malformed(document: object) -> None:
    with pytest.raises(MalformedAnswer):
        parse(document, TWO if isinstance(document, dict) and "MSFT" in document else QUERY)


def test_batch_is_read_symbol_by_symbol() -> None:
    other = {"meta": {"symbol": "MSFT"}, "values": [ROW, ROW], "status": "ok"}
    page = parse({"MSFT": other, "AAPL": SERIES}, TWO)
    assert [page.batch.symbols[i] for i in page.batch.symbol_index] == ["MSFT", "MSFT", "AAPL"]
    assert (page.is_delayed, page.unknown_symbols) == (False, ())


@pytest.mark.parametrize(("entry", "unknown"), [(UNKNOWN, ("MSFT",)), (GROW, ("MSFT",)), (NO_DATA | {"status": "error"}, ())])
def test_batch_goes_on_without_what_is_refused_for_good(entry: object, unknown: tuple[str, ...]) -> None:
    page = parse({"AAPL": SERIES, "MSFT": entry}, TWO)
    assert (len(page.batch), page.unknown_symbols, page.is_delayed) == (1, unknown, False)


@pytest.mark.parametrize(("entry", "error"), [(MINUTE, Throttled), (KEY, AuthFailed)])
def test_batch_fails_whole_when_part_of_it_could_be_had_later(entry: object, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        parse({"AAPL": SERIES, "MSFT": entry}, TWO)


@pytest.mark.parametrize("part", [5, None, {}, {"status": "ok"}, {"meta": {"symbol": "MSFT"}, "values": {}}, [ROW]])
def test_odd_part_of_a_batch_is_kept_aside_and_costs_no_other_symbol(part: object) -> None:
    page = parse({"AAPL": SERIES, "MSFT": part, "status": "ok"}, TWO)
    assert ([page.batch.symbols[i] for i in page.batch.symbol_index], page.is_delayed) == (["AAPL"], True)
    assert [(row.symbol, json.loads(row.raw)) for row in page.batch.malformed] == [("MSFT", part)]


def test_batch_of_which_nothing_is_left_is_an_error() -> None:
    with pytest.raises(UnknownSymbol) as caught:
        parse({"AAPL": UNKNOWN, "MSFT": UNKNOWN}, TWO)
    assert caught.value.symbols == ("AAPL", "MSFT")
    with pytest.raises(NotEntitled):
        parse({"AAPL": UNKNOWN, "MSFT": GROW}, TWO)
    with pytest.raises(UnknownSymbol) as caught:
        parse(UNKNOWN, TWO)
    assert caught.value.symbols == ()  # the vendor did not say which


def test_symbol_missing_from_a_batch_is_not_called_silent() -> None:
    assert parse({"AAPL": SERIES}, TWO).is_delayed
    assert parse(SERIES, TWO).is_delayed


def test_exchange_of_a_symbol_may_be_left_out_by_the_vendor() -> None:
    query = replace(QUERY, symbols=("AAPL:NASDAQ",))
    assert parse(SERIES, query).batch.symbols == ("AAPL:NASDAQ",)


def test_full_answer_is_cut_and_its_older_end_is_asked_for() -> None:
    start = QUERY.start + 10 * MINUTE_US
    values = [ROW | {"datetime": from_us(start + i * MINUTE_US).strftime("%Y-%m-%d %H:%M:%S")} for i in range(5_000)]
    query = replace(QUERY, end=QUERY.start + 6_000 * MINUTE_US)
    page = parse(SERIES | {"values": values}, query)
    assert (len(page.batch), page.is_delayed) == (5_000, True)
    assert page.next is not None
    assert page.next.params["end_date"] == "2024-01-02T00:09:59"
    assert parse(SERIES | {"values": values}, replace(query, start=start)).next is None


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("asset_class", sorted(VENDOR.limits.asset_classes))
def test_no_window_can_hold_more_rows_than_an_answer(interval: Interval, asset_class: AssetClass) -> None:
    query = replace(QUERY, interval=interval, asset_class=asset_class, end=QUERY.start + 900 * DAY_US)
    hours = 16 if asset_class in (AssetClass.EQUITY, AssetClass.INDEX) else 24
    cut = list(windows(VENDOR, query))
    assert (cut[0].start, cut[-1].end) == (query.start, query.end)
    assert all(one.end == other.start for one, other in pairwise(cut))
    for window in cut:
        days = (window.end - window.start) / DAY_US
        assert days * (1 if interval is Interval.D1 else timedelta(hours=hours) / timedelta(microseconds=interval.us)) < 5_000


def test_minutes_older_than_the_vendors_first_are_refused_with_their_date() -> None:
    old = replace(QUERY, start=at("2020-02-09"))
    with pytest.raises(UnsupportedRequest, match="2020-02-10"):
        check_supported(VENDOR, old)
    check_supported(VENDOR, replace(old, interval=Interval.M5))


def test_feed_of_one_exchange_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="no iex feed"):
        check_supported(VENDOR, QUERY, account=replace(ACCOUNT, feed_scope=FeedScope.IEX))


@pytest.mark.parametrize(("said", "most"), [({}, 120), ({"symbols_per_call": "8"}, 8)])
def test_a_call_names_as_many_symbols_as_the_plan_has_credits(said: dict[str, str], most: int) -> None:
    assert symbols_per_call(VENDOR, replace(ACCOUNT, options=said)) == most


def test_refusal_within_a_batch_is_told_in_its_own_words() -> None:
    refused = {"code": 400, "message": "Invalid **interval** provided", "status": "error"}
    with pytest.raises(BadRequest, match=r"answered 400: Invalid \*\*interval\*\* provided$"):
        parse({"AAPL": refused, "MSFT": refused | {"meta": {"symbol": "MSFT", "note": "symbol AAPL not found"}}}, TWO)
