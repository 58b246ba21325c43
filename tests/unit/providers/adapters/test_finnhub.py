import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from providers.adapter import Account, BarPage, HttpResponse, check_supported
from providers.errors import AuthFailed, MalformedAnswer, NotEntitled, ProviderError, Throttled, UnsupportedRequest, VendorFault
from providers.market.types import DAY_US, Adjustment, AssetClass, BarQuery, FeedScope, Interval, to_us
from providers.registry import get_adapter

FINNHUB = get_adapter("finnhub")
ACCOUNT = Account(provider="finnhub", adapter="finnhub", base_url="http://127.0.0.1:1", credentials={"api_key": "made-up-key"})
T0 = 1704205800  # 2024-01-02T14:30Z


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


QUERY = BarQuery(("AAPL",), Interval.M1, at("2024-01-02"), at("2024-01-04"))
DAYS = replace(QUERY, interval=Interval.D1)


def candles(*stamps: int, **changes: object) -> bytes:
    size = len(stamps)
    columns = {"t": stamps, "o": [1.5] * size, "h": [2] * size, "l": [1] * size, "c": [1.25] * size, "v": [1e3] * size}
    return json.dumps(columns | {"s": "ok"} | changes).encode()


def parse(body: bytes, query: BarQuery = QUERY, *, status: int = 200, headers: Mapping[str, str] | None = None) -> BarPage:
    return FINNHUB.parse_bars(HttpResponse(status, dict(headers or {}), body), query, ACCOUNT)


def test_request_has_inclusive_seconds_and_the_key_in_a_header() -> None:
    request = FINNHUB.bars_request(replace(QUERY, end=at("2024-01-02T14:31")), ACCOUNT)
    assert request.url == "http://127.0.0.1:1/api/v1/stock/candle"
    assert request.params == {"symbol": "AAPL", "resolution": "1", "from": "1704153600", "to": str(T0 + 59)}
    assert request.headers["X-Finnhub-Token"] == "made-up-key"


def test_daily_request_spans_whole_dates() -> None:
    params = FINNHUB.bars_request(DAYS, ACCOUNT).params
    assert (params["resolution"], params["from"], params["to"]) == ("D", "1704153600", str(1704153600 + 2 * 86_400 - 1))


def test_more_than_a_month_of_minutes_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedRequest, match="at most 28 days of 1m bars"):
        FINNHUB.bars_request(replace(QUERY, end=QUERY.start + 29 * DAY_US), ACCOUNT)
    FINNHUB.bars_request(replace(DAYS, end=QUERY.start + 4_000 * DAY_US), ACCOUNT)


@pytest.mark.parametrize(
    ("symbol", "asset_class", "spelled"),
    [
        ("BRK.B", AssetClass.EQUITY, "BRK.B"),
        ("EUR/USD", AssetClass.FX, "OANDA:EUR_USD"),
        ("EURUSD", AssetClass.FX, "OANDA:EUR_USD"),
        ("BTC-USD", AssetClass.CRYPTO, "COINBASE:BTC-USD"),
        ("BINANCE:BTCUSDT", AssetClass.CRYPTO, "BINANCE:BTCUSDT"),
    ],
)
def test_symbol_names_its_venue(symbol: str, asset_class: AssetClass, spelled: str) -> None:
    assert FINNHUB.vendor_symbol(symbol, asset_class) == spelled


@pytest.mark.parametrize("stamp", ["2024-01-02T00:00", "2024-01-02T13:30", "2024-01-02T14:30", "2024-01-02T05:00"])
def test_daily_bar_is_stamped_at_its_session_date(stamp: str) -> None:
    assert parse(candles(at(stamp) // 1_000_000), DAYS).batch.start.tolist() == [at("2024-01-02")]


@pytest.mark.parametrize(
    "body",
    [
        b'{"s":"no_data"}',
        b'{"s":"no_data","t":[],"o":[],"c":[]}',
        b'{"s":"no_data","t":null,"o":null}',
        candles(),
        b"t,o,h,l,c,v\n",
    ],
)
def test_nothing_is_empty_in_every_form(body: bytes) -> None:
    page = parse(body)
    assert (len(page.batch), page.next, page.is_delayed) == (0, None, False)


@pytest.mark.parametrize("name", ["t", "o", "h", "l", "c", "v"])
def test_arrays_of_unequal_length_are_malformed(name: str) -> None:
    whole = json.loads(candles(T0, T0 + 60))
    with pytest.raises(MalformedAnswer, match="equal length"):
        parse(json.dumps(whole | {name: whole[name][:1]}).encode())


@pytest.mark.parametrize("changes", [{"o": None}, {"t": "now"}, {"c": {}}, {"v": 7}, {"s": "no_data"}, {"s": "perhaps"}])
def test_success_of_another_shape_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedAnswer):
        parse(candles(T0, **changes))


def test_missing_volume_is_unknown() -> None:
    document = json.loads(candles(T0))
    del document["v"]
    assert str(parse(json.dumps(document).encode()).batch.volume.tolist()) == "[nan]"


def test_odd_numbers_cost_their_row_only() -> None:
    batch = parse(candles(T0, T0 + 60, T0 + 120, o=["1.5", "a lot", 1.5], v=[None, 1, "2e3"])).batch
    assert (batch.start.tolist(), batch.open.tolist()) == ([T0 * 1_000_000, (T0 + 120) * 1_000_000], [1.5, 1.5])
    assert str(batch.volume.tolist()) == "[nan, 2000.0]"
    assert [row.reason for row in batch.malformed] == ["o must be a number, got 'a lot'"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"error":"Please use an API key."}', AuthFailed),
        (401, b'{"error":"Invalid API key"}', AuthFailed),
        (401, b'{"error":"You don\'t have access to this resource."}', NotEntitled),
        (403, b'{"error":"You don\'t have access to this resource."}', NotEntitled),
        (403, b"", NotEntitled),
        (429, b'{"error":"API limit reached. Please try again later. Remaining Limit: 0"}', Throttled),
        (200, b'{"error":"API limit reached. Please try again later. Remaining Limit: 0"}', Throttled),
        (200, b'{"error":"You don\'t have access to this resource."}', NotEntitled),
        (502, b"<html>", VendorFault),
    ],
)
def test_refusal_is_read_by_its_meaning(status: int, body: bytes, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        parse(body, status=status)


def test_prices_of_stocks_are_raw_by_the_minute_and_adjusted_by_the_day() -> None:
    check_supported(FINNHUB, QUERY)
    check_supported(FINNHUB, replace(DAYS, adjustment=Adjustment.SPLIT))
    for query in (DAYS, replace(QUERY, adjustment=Adjustment.SPLIT)):
        with pytest.raises(UnsupportedRequest, match=r"finnhub has no .* prices of equity"):
            check_supported(FINNHUB, query)
    check_supported(FINNHUB, replace(DAYS, asset_class=AssetClass.CRYPTO))  # a coin is never split


def test_coins_of_one_venue_are_not_the_market() -> None:
    with pytest.raises(UnsupportedRequest, match="feed of crypto"):
        check_supported(FINNHUB, replace(QUERY, asset_class=AssetClass.CRYPTO), account=ACCOUNT)
    check_supported(
        FINNHUB, replace(QUERY, asset_class=AssetClass.CRYPTO), account=replace(ACCOUNT, feed_scope=FeedScope.VENUE)
    )


@pytest.mark.parametrize("odd", [True, "NaN", "1_000"])
def test_value_that_is_no_number_costs_its_row_alone(odd: object) -> None:
    batch = parse(candles(T0, T0 + 60, c=[odd, 1.5])).batch
    assert (batch.close.tolist(), [json.loads(row.raw)["c"] for row in batch.malformed]) == ([1.5], [odd])
