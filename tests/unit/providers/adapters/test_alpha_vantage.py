import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from providers.adapter import Account, BarPage, HttpResponse, check_supported, windows
from providers.adapters.alpha_vantage import AlphaVantage
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

VENDOR = AlphaVantage()
ACCOUNT = Account(provider="alpha", adapter="alpha_vantage", base_url="", credentials={"api_key": "MADEUPKEY17"})
PLANS = "Please subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly"


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


QUERY = BarQuery(symbols=("IBM",), interval=Interval.M1, start=at("2024-01-02"), end=at("2024-01-31"))
PAIR = replace(QUERY, symbols=("BTC/EUR",), asset_class=AssetClass.CRYPTO)
ROW = {"1. open": "1.50", "2. high": "2.0", "3. low": "1", "4. close": "1.25", "5. volume": "1000"}
META = {"2. Symbol": "IBM", "4. Interval": "1min", "5. Output Size": "Full size", "6. Time Zone": "US/Eastern"}


def answer(*stamps: str, name: str = "Time Series (1min)", row: object = ROW, **meta: str) -> dict[str, object]:
    return {"Meta Data": META | meta, name: dict.fromkeys(stamps, row)}


def parse(document: object, query: BarQuery = QUERY, **options: str) -> BarPage:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return VENDOR.parse_bars(HttpResponse(200, {}, body), query, replace(ACCOUNT, options=options))


def starts(document: object, query: BarQuery = QUERY, **options: str) -> list[int]:
    return parse(document, query, **options).batch.start.tolist()


def params(query: BarQuery, **options: str) -> dict[str, str]:
    return VENDOR.bars_request(query, replace(ACCOUNT, options=options)).params


def test_minutes_of_a_stock_are_asked_raw_by_the_month() -> None:
    assert params(QUERY) == {
        "function": "TIME_SERIES_INTRADAY",
        "symbol": "IBM",
        "outputsize": "full",
        "interval": "1min",
        "adjusted": "false",
        "extended_hours": "true",
        "month": "2024-01",
        "datatype": "json",
    }


def test_options_are_passed_on_and_compact_answers_have_no_month() -> None:
    asked = params(QUERY, outputsize="compact", extended_hours="false", entitlement="realtime")
    assert "month" not in asked
    assert (asked["outputsize"], asked["extended_hours"], asked["entitlement"]) == ("compact", "false", "realtime")


def test_option_that_the_row_must_not_hold_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="bar_label"):
        parse(answer("2024-01-02 12:00:00"), bar_label="middle")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (replace(QUERY, interval=Interval.D1), {"function": "TIME_SERIES_DAILY", "symbol": "IBM"}),
        (PAIR, {"function": "CRYPTO_INTRADAY", "symbol": "BTC", "market": "EUR", "interval": "1min"}),
        (replace(PAIR, interval=Interval.D1), {"function": "DIGITAL_CURRENCY_DAILY", "symbol": "BTC", "market": "EUR"}),
        (
            replace(PAIR, symbols=("EUR/USD",), asset_class=AssetClass.FX, interval=Interval.H1),
            {"function": "FX_INTRADAY", "from_symbol": "EUR", "to_symbol": "USD", "interval": "60min"},
        ),
        (
            replace(PAIR, symbols=("EUR/USD",), asset_class=AssetClass.FX, interval=Interval.D1),
            {"function": "FX_DAILY", "from_symbol": "EUR", "to_symbol": "USD"},
        ),
    ],
)
def test_each_kind_of_series_has_a_function_of_its_own(query: BarQuery, expected: dict[str, str]) -> None:
    assert params(query) == expected | {"outputsize": "full", "datatype": "json"}


def test_key_is_a_secret_parameter_and_never_shown() -> None:
    request = VENDOR.bars_request(QUERY, ACCOUNT)
    assert request.secret_params == {"apikey": "MADEUPKEY17"}
    assert "MADEUPKEY17" not in repr(request) + repr(request.params) + repr(request.headers)


def test_windows_are_cut_at_the_months_of_new_york() -> None:
    query = replace(QUERY, start=at("2024-02-15"), end=at("2024-04-01T04:00"))
    assert [(w.start, w.end) for w in windows(VENDOR, query)] == [
        (at("2024-02-15"), at("2024-03-01T05:00")),
        (at("2024-03-01T05:00"), at("2024-04-01T04:00")),
    ]
    with pytest.raises(UnsupportedRequest, match="2024-02 to 2024-03"):
        VENDOR.bars_request(query, ACCOUNT)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (replace(QUERY, adjustment=Adjustment.SPLIT), "no split"),
        (replace(QUERY, asset_class=AssetClass.INDEX), "no index"),
        (replace(QUERY, start=at("1999-12-31")), "since 2000-01-01"),
        (replace(QUERY, symbols=("IBM", "AAPL")), "1 to 1 symbols"),
    ],
)
def test_query_outside_of_what_it_has_is_refused_in_words(query: BarQuery, words: str) -> None:
    with pytest.raises(UnsupportedRequest, match=words):
        check_supported(VENDOR, query, account=ACCOUNT)


def test_stocks_are_consolidated_and_nothing_else() -> None:
    with pytest.raises(UnsupportedRequest, match="no venue feed"):
        check_supported(VENDOR, QUERY, account=replace(ACCOUNT, feed_scope=FeedScope.VENUE))
    check_supported(VENDOR, PAIR, account=replace(ACCOUNT, feed_scope=FeedScope.VENUE))


def test_row_is_read_in_the_zone_that_is_named() -> None:
    batch = parse(answer("2024-01-02 12:00:00")).batch
    columns = (batch.start, batch.open, batch.high, batch.low, batch.close, batch.volume)
    assert [column[0] for column in columns] == [at("2024-01-02T17:00"), 1.5, 2, 1, 1.25, 1000]
    assert starts(answer("2024-01-02 12:00:00", **{"6. Time Zone": "UTC"})) == [at("2024-01-02T12:00")]
    summer = replace(QUERY, end=at("2024-08-01"))
    assert starts(answer("2024-07-02 12:00:00"), summer) == [at("2024-07-02T16:00")]


def test_unknown_zone_is_malformed() -> None:
    with pytest.raises(MalformedAnswer, match="Mars"):
        parse(answer("2024-01-02 12:00:00", **{"6. Time Zone": "Mars/Olympus"}))


@pytest.mark.parametrize("stamp", ["2024-11-03 01:30:00", "2024-03-10 02:30:00"])
def test_time_that_comes_twice_or_never_is_kept_aside_clearly(stamp: str) -> None:
    batch = parse(answer(stamp, "2024-01-02 12:00:00"), replace(QUERY, end=at("2025-01-01"))).batch
    assert batch.start.tolist() == [at("2024-01-02T17:00")]
    assert [row.reason for row in batch.malformed] == [
        f"'{stamp}' comes twice or never in US/Eastern, where the clocks are changed then"
    ]


NOON, NOON_US = "2024-01-02 12:00:00", at("2024-01-02T17:00")
MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("stamps", "options", "shift"),
    [
        ([NOON], {}, 0),
        ([NOON], {"bar_label": "end"}, -1),
        ([NOON, "2024-01-02 04:00:00"], {"bar_label": "end"}, 0),  # nothing trades before 04:00
        ([NOON, "2024-01-02 20:00:00"], {}, -1),  # nor from 20:00
        ([NOON, "2024-01-02 19:59:00", "2024-01-02 04:01:00"], {}, 0),
        ([NOON, "2024-01-02 20:00:00", "2024-01-02 04:00:00"], {"bar_label": "end"}, 0),  # a late print
        ([NOON, "2024-01-02 09:30:00"], {"bar_label": "end"}, -1),  # before the open there is trading
        ([NOON, "2024-01-02 09:30:00"], {"bar_label": "end", "extended_hours": "false"}, 0),
        ([NOON, "2024-01-02 16:00:00"], {"extended_hours": "false"}, -1),
    ],
)
def test_label_is_seen_from_the_days_ends_else_taken_from_the_account(
    stamps: list[str], options: dict[str, str], shift: int
) -> None:
    assert starts(answer(*stamps), **options)[0] == NOON_US + shift * MINUTE


@pytest.mark.parametrize("first", ["09:00", "09:30"])
def test_first_hour_of_the_session_may_begin_at_the_full_hour(first: str) -> None:
    document = answer("2024-01-02 12:00:00", f"2024-01-02 {first}:00", name="Time Series (60min)")
    query = replace(QUERY, interval=Interval.H1)
    assert starts(document, query, bar_label="end", extended_hours="false")[0] == NOON_US


@pytest.mark.parametrize(("interval", "code"), [(Interval.M15, "15min"), (Interval.H1, "60min")])
@pytest.mark.parametrize(("first", "is_end"), [("04:00", False), ("05:00", True)])
def test_label_of_coarser_bars_is_seen_in_the_first_cell(interval: Interval, code: str, first: str, is_end: bool) -> None:
    document = answer(NOON, f"2024-01-02 {first}:00", name=f"Time Series ({code})")
    read = starts(document, replace(QUERY, interval=interval), bar_label="end" if is_end else "start")
    assert read[0] == NOON_US - (interval.us if is_end else 0)


def test_label_of_pairs_is_the_accounts() -> None:
    document = answer("2024-01-02 20:00:00", name="Time Series Crypto (1min)", **{"2. Symbol": "BTC", "6. Time Zone": "UTC"})
    assert starts(document, PAIR) == [at("2024-01-02T20:00")]


def test_daily_bar_is_stamped_at_its_date_whatever_the_label() -> None:
    document = answer("2024-01-02", name="Time Series (Daily)")
    assert starts(document, replace(QUERY, interval=Interval.D1), bar_label="end") == [at("2024-01-02")]


@pytest.mark.parametrize(
    "row",
    [
        {"1. open": "1.5", "2. high": "2", "3. low": "1", "4. close": "1.25", "5. adjusted close": "9", "6. volume": "1000"},
        {"1a. open (EUR)": "1.5", "1b. open (USD)": "9", "2a. high (EUR)": "2", "2b. high (USD)": "9"}
        | {"3a. low (EUR)": "1", "3b. low (USD)": "9", "4a. close (EUR)": "1.25", "4b. close (USD)": "9"}
        | {"5. volume": "1000", "6. market cap (USD)": "8"},
        {"1b. open (USD)": "9", "1a. open (EUR)": "1.5", "2b. high (USD)": "9", "2a. high (EUR)": "2"}
        | {"3b. low (USD)": "9", "3a. low (EUR)": "1", "4b. close (USD)": "9", "4a. close (EUR)": 1.25, "5. volume": 1000},
    ],
)
def test_columns_are_found_by_their_words(row: dict[str, object]) -> None:
    query = replace(PAIR, interval=Interval.D1)
    document = answer("2024-01-02", name="Time Series (Digital Currency Daily)", row=row, **{"2. Symbol": "BTC"})
    batch = parse(document, query).batch
    assert (batch.open[0], batch.high[0], batch.low[0], batch.close[0], batch.volume[0]) == (1.5, 2, 1, 1.25, 1000)


def test_pair_without_volume_has_an_unknown_one() -> None:
    row = {key: value for key, value in ROW.items() if key != "5. volume"}
    document = answer("2024-01-02 12:00:00", name="Time Series FX (1min)", row=row, **{"2. Symbol": "EUR"})
    query = replace(PAIR, symbols=("EUR/USD",), asset_class=AssetClass.FX)
    assert math.isnan(parse(document, query).batch.volume[0])


def test_row_that_comes_twice_is_read_twice() -> None:
    body = json.dumps(answer(NOON)).replace(f'"{NOON}"', f'"{NOON}": {json.dumps(ROW | {"4. close": "7"})}, "{NOON}"').encode()
    assert parse(body).batch.close.tolist() == [7, 1.25]


def test_bad_rows_are_kept_aside_as_they_came() -> None:
    document = answer(NOON)
    series = document["Time Series (1min)"]
    assert isinstance(series, dict)
    series |= {"2024-01-02 12:01:00": ROW | {"1. open": "-"}, "2024-01-02 12:02:00": 5, "yesterday": ROW}
    batch = parse(document).batch
    assert len(batch) == 1
    assert [json.loads(row.raw)["stamp"] for row in batch.malformed] == [
        "2024-01-02 12:01:00",
        "2024-01-02 12:02:00",
        "yesterday",
    ]


@pytest.mark.parametrize("stamp", ["timestamp", "time"])
def test_csv_is_read_in_eastern_time(stamp: str) -> None:
    body = f"{stamp},open,high,low,close,volume\r\n2024-01-02 12:00:00,1.5,2,1,1.25,1000\r\n".encode()
    assert starts(body) == [NOON_US]


@pytest.mark.parametrize(
    ("notice", "error"),
    [
        (
            {"Error Message": "Invalid API call. Please retry or visit the documentation for TIME_SERIES_INTRADAY."},
            UnknownSymbol,
        ),
        ({"Error Message": "This API function (X) does not exist."}, BadRequest),
        ({"Error Message": "the parameter apikey is invalid or missing. Please claim your free API key on (x)."}, AuthFailed),
        ({"Information": "The **demo** API key is for demo purposes only. Please claim your free API key at (x)"}, AuthFailed),
        ({"Note": "Our standard API call frequency is 5 calls per minute and 500 calls per day."}, Throttled),
        ({"Note": "Please visit x if you would like to have a higher API call volume."}, Throttled),
        ({"Note": "Something new"}, Throttled),
        (
            {"Information": f"Our standard API rate limit is 25 requests per day. {PLANS} remove all daily rate limits."},
            Throttled,
        ),
        (
            {
                "Information": f"We have detected your API key as MADEUPKEY17 and our standard API rate limit is 25 requests per day. {PLANS}"
            },
            Throttled,
        ),
        (
            {
                "Information": f"Please consider spreading out your requests (1 request per second). {PLANS} unlock all premium endpoints"
            },
            Throttled,
        ),
        ({"Information": f"Burst pattern detected. {PLANS} remove all limits"}, Throttled),
        (
            {
                "Information": f"Thank you for using Alpha Vantage! This is a premium endpoint. {PLANS} unlock all premium endpoints"
            },
            NotEntitled,
        ),
        (
            {
                "Information": f"The outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY endpoint. {PLANS}"
            },
            NotEntitled,
        ),
        (
            {"Information": "This is a premium endpoint. Our standard API rate limit is 25 requests per day."},
            NotEntitled,
        ),
        ({"Information": "You are not entitled to realtime US data."}, NotEntitled),
        ({"Information": "Please subscribe."}, NotEntitled),
        ({"Information": "We are down for maintenance."}, VendorFault),
        ({"message": "This is a premium endpoint."} | answer("2024-01-02 12:00:00"), NotEntitled),
        ({"Information": "", "Note": None}, MalformedAnswer),
        ({}, MalformedAnswer),
        ({"Meta Data": {}}, MalformedAnswer),
        ({"Time Series (1min)": []}, None),
        ({"Time Series (1min)": 5}, MalformedAnswer),
        (answer("2024-01-02 12:00:00", name="Time Series (5min)"), MalformedAnswer),
        (answer("2024-01-02", name="Time Series (Daily)"), MalformedAnswer),
        (answer("2024-01-02 12:00:00", **{"2. Symbol": "MSFT"}), MalformedAnswer),
        (answer("2024-01-02 12:00:00", row={"1a. price (CNY)": "7", "2. volume": "3"}), MalformedAnswer),
        (b"", VendorFault),
        (b'{"Meta Data": {"1. Info', VendorFault),
        (b"A,B,C\na,b,c", MalformedAnswer),
    ],
)
def test_success_is_decided_from_the_body(notice: object, error: type[ProviderError] | None) -> None:
    if error is None:
        assert len(parse(notice).batch) == 0
        return
    with pytest.raises(ProviderError) as caught:
        parse(notice)
    assert type(caught.value) is error
    assert "MADEUPKEY17" not in str(caught.value)
    if isinstance(caught.value, UnknownSymbol):
        assert caught.value.symbols == ("IBM",)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("5 calls per minute and 500 calls per day", 60.0),
        ("(1 request per second) of 25 requests per day", 1.0),
        ("25 requests per day", None),
    ],
)
def test_quota_says_how_long_where_it_can(said: str, seconds: float | None) -> None:
    with pytest.raises(Throttled) as caught:
        parse({"Note": said})
    assert caught.value.retry_after == seconds


def test_empty_month_is_empty_and_whole() -> None:
    page = parse(answer())
    assert (len(page.batch), page.batch.malformed, page.next, page.is_delayed) == (0, (), None, False)


@pytest.mark.parametrize(
    ("document", "query", "options"),
    [
        (answer(NOON, **{"5. Output Size": "Compact"}), QUERY, {}),
        (answer(NOON), QUERY, {"outputsize": "compact"}),
        (answer(NOON, name="Time Series Crypto (1min)", **{"2. Symbol": "BTC"}), PAIR, {}),
        (answer(name="Time Series Crypto (1min)", **{"2. Symbol": "BTC"}), PAIR, {}),
    ],
)
def test_answer_that_ends_where_the_vendor_likes_proves_nothing_before_its_first_row(
    document: object, query: BarQuery, options: dict[str, str]
) -> None:
    assert parse(document, query, **options).is_delayed
    if len(parse(document, query, **options).batch):
        first = int(parse(document, query, **options).batch.start.min())
        assert not parse(document, replace(query, start=first), **options).is_delayed


def test_columns_are_known_from_all_rows_not_from_the_first_alone() -> None:
    newest = {name: value for name, value in ROW.items() if name not in ("4. close", "5. volume")}
    page = parse({"Meta Data": META, "Time Series (1min)": {"2024-01-02 09:31:00": newest, "2024-01-02 09:30:00": ROW}})
    assert page.batch.volume.tolist() == [1000]
    assert [row.reason for row in page.batch.malformed] == ["4. close must be a number, got 'None'"]


def test_quarter_hours_do_not_pass_for_five_minutes() -> None:
    five = replace(QUERY, interval=Interval.M5)
    assert len(parse(answer("2024-01-02 09:30:00", name="Time Series (5min)"), five).batch) == 1
    with pytest.raises(MalformedAnswer, match="for 5min, got 'Time Series \\(15min\\)'"):
        parse(answer("2024-01-02 09:30:00", name="Time Series (15min)"), five)


@pytest.mark.parametrize(
    ("first", "last", "starts_at"),
    [
        ("09:31:00", "16:00:00", "14:30"),
        ("09:30:00", "15:59:00", "14:30"),
        ("09:30:00", "16:00:00", "14:30"),
        ("09:31:00", "15:59:00", "14:31"),
        ("09:32:00", "16:00:00", "14:32"),
    ],
)
def test_regular_hours_alone_show_the_label_by_first_and_last_bar_together(first: str, last: str, starts_at: str) -> None:
    days = [f"2024-01-{day:02d} {time}" for day in (3, 2) for time in (last, "12:00:00", first)]
    assert min(starts(answer(*days))) == at(f"2024-01-02T{starts_at}")
