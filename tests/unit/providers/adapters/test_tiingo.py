import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
from providers.market.types import Adjustment, AssetClass, BarQuery, Interval, to_us
from providers.registry import get_adapter

TIINGO = get_adapter("tiingo")
ACCOUNT = Account(provider="tiingo", adapter="tiingo", base_url="http://127.0.0.1:1", credentials={"api_key": "made-up-key"})
ROW = {"date": "2024-01-02T14:30:00.000Z", "open": 1.5, "high": 2, "low": 1, "close": 1.25, "volume": 1e3}
ADVICE = "Please upgrade at https://api.tiingo.com/pricing to have your limits increased."


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


QUERY = BarQuery(("AAPL",), Interval.M1, at("2024-01-02"), at("2024-01-04"))
DAYS = replace(QUERY, interval=Interval.D1)
COINS = replace(QUERY, symbols=("btcusd",), asset_class=AssetClass.CRYPTO)
PAIRS = replace(QUERY, symbols=("eurusd",), asset_class=AssetClass.FX)


def parse(body: object, query: BarQuery = QUERY, *, status: int = 200) -> BarPage:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return TIINGO.parse_bars(HttpResponse(status, {}, raw), query, ACCOUNT)


@pytest.mark.parametrize(
    ("query", "path", "params"),
    [
        (
            QUERY,
            "/iex/AAPL/prices",
            {
                "startDate": "2024-01-01",  # what New York's calendar shows at 00:00 UTC
                "endDate": "2024-01-03",
                "resampleFreq": "1min",
                "afterHours": "true",
                "forceFill": "false",
                "columns": "open,high,low,close,volume",
            },
        ),
        (DAYS, "/tiingo/daily/AAPL/prices", {"startDate": "2024-01-02", "endDate": "2024-01-03", "resampleFreq": "daily"}),
        (PAIRS, "/tiingo/fx/eurusd/prices", {"startDate": "2024-01-02", "endDate": "2024-01-03", "resampleFreq": "1min"}),
        (
            replace(COINS, interval=Interval.D1),
            "/tiingo/crypto/prices",
            {"startDate": "2024-01-02", "endDate": "2024-01-03", "tickers": "btcusd", "resampleFreq": "1day"},
        ),
    ],
)
def test_request_goes_to_the_endpoint_that_has_such_bars(query: BarQuery, path: str, params: dict[str, str]) -> None:
    request = TIINGO.bars_request(query, ACCOUNT)
    assert (request.url, request.params) == (f"http://127.0.0.1:1{path}", params)
    assert request.headers["Authorization"] == "Token made-up-key"


def test_row_is_read_whatever_its_zone() -> None:
    for stamp in ("2024-01-02T14:30:00.000Z", "2024-01-02T14:30:00+00:00", "2024-01-02T09:30:00-05:00"):
        batch = parse([ROW | {"date": stamp}]).batch
        assert (batch.start.tolist(), batch.volume.tolist()) == ([at("2024-01-02T14:30")], [1000.0])


def test_stock_without_named_volume_has_an_unknown_one() -> None:
    row = {key: value for key, value in ROW.items() if key != "volume"}
    assert str(parse([row]).batch.volume.tolist()) == "[nan]"


def test_days_are_raw_or_adjusted_as_asked() -> None:
    adjusted = {"adjOpen": 0.75, "adjHigh": 1, "adjLow": 0.5, "adjClose": 0.625, "adjVolume": 2e3}
    body = [ROW | adjusted | {"date": "2024-01-02T00:00:00.000Z", "divCash": 0.0, "splitFactor": 1.0}]
    raw, whole = parse(body, DAYS).batch, parse(body, replace(DAYS, adjustment=Adjustment.ALL)).batch
    assert (raw.open.tolist(), raw.volume.tolist()) == ([1.5], [1000.0])
    assert (whole.open.tolist(), whole.volume.tolist()) == ([0.75], [2000.0])
    assert raw.start.tolist() == whole.start.tolist() == [at("2024-01-02")]


def test_adjusted_days_without_adjusted_prices_are_kept_aside() -> None:
    batch = parse([ROW | {"date": "2024-01-02"}], replace(DAYS, adjustment=Adjustment.ALL)).batch
    assert (len(batch), batch.malformed[0].reason) == (0, "adjOpen must be a number, got 'None'")


def coin(ticker: str = "btcusd", *rows: object) -> dict[str, object]:
    return {"ticker": ticker, "baseCurrency": "btc", "quoteCurrency": "usd", "priceData": list(rows or [ROW])}


def test_coins_are_read_without_what_single_exchanges_say() -> None:
    page = parse([coin() | {"exchangeData": {"KRAKEN": [ROW, ROW]}}], COINS)
    assert (len(page.batch), page.is_delayed, page.batch.symbols) == (1, False, ("btcusd",))


def test_coins_that_nobody_asked_for_are_never_stored() -> None:
    page = parse([coin(), coin("ethusd")], COINS)
    assert (len(page.batch), page.is_delayed) == (1, True)
    with pytest.raises(MalformedAnswer, match="got ethusd"):
        parse([coin("ethusd")], COINS)


def test_pair_of_another_name_is_malformed() -> None:
    assert len(parse([ROW | {"ticker": "EURUSD"}], PAIRS).batch) == 1
    with pytest.raises(MalformedAnswer, match="asked tiingo for eurusd"):
        parse([ROW | {"ticker": "gbpusd"}], PAIRS)


def rows_from(first: str, count: int) -> list[dict[str, object]]:
    begin = datetime.fromisoformat(first).replace(tzinfo=UTC)
    return [ROW | {"date": (begin + timedelta(minutes=i)).isoformat()} for i in range(count)]


def test_answer_of_ten_thousand_rows_goes_on_with_the_dates_up_to_its_oldest() -> None:
    query = replace(COINS, start=at("2023-12-01"), end=at("2024-01-08"))
    page = parse([coin("btcusd", *rows_from("2024-01-01T01:20", 10_000))], query)
    assert page.next is not None
    assert (page.next.params["startDate"], page.next.params["endDate"]) == ("2023-12-01", "2024-01-01")
    assert parse([coin("btcusd", *rows_from("2024-01-01T01:20", 9_999))], query).next is None
    assert (
        parse([coin("btcusd", *rows_from("2024-01-01T01:20", 10_000))], replace(query, start=at("2024-01-01T02:00"))).next
        is None
    )


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"You have run over your 500 symbol look up for this month. " + ADVICE.encode(), Throttled),
        (200, b"Error: You have run over your hourly request allocation. " + ADVICE.encode(), Throttled),
        (200, b"You have run over your monthly bandwidth allocation.", Throttled),
        (200, {"detail": "You have exceeded your monthly symbol lookup limit."}, Throttled),
        (200, {"detail": "Not found."}, UnknownSymbol),
        (200, b'"Error: You have run over your daily request allocation."', Throttled),
        (200, b'{"detail":"You have run over your daily request allocation."}', Throttled),
        (400, b'{"detail":"Error: You have run over your hourly request allocation."}', Throttled),
        (429, b"", Throttled),
        (400, b"Error: Free and Power plans are limited to the DOW 30.", NotEntitled),
        (403, b'{"detail":"You do not have permission to access the News API"}', NotEntitled),
        (401, b'{"detail":"Invalid token."}', AuthFailed),
        (403, b'{"detail":"Authentication credentials were not provided."}', AuthFailed),
        (200, b'{"detail":"Invalid token."}', AuthFailed),
        (404, b'{"detail":"Not found."}', UnknownSymbol),
        (404, b"Error: Ticker 'NOPE' not found", UnknownSymbol),
        (404, b"<html><title>404 Not Found</title></html>", BadRequest),
        (400, b"Error: resampleFreq must be in 'Min' or 'Hour' only", BadRequest),
        (200, b"Error: something", VendorFault),
        (200, b'{"date": 1}', MalformedAnswer),
        (200, b"null", MalformedAnswer),
        (502, b"<html>", VendorFault),
    ],
)
def test_refusal_is_read_by_its_meaning_whatever_the_status(status: int, body: bytes, error: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        parse(body, status=status)
    assert type(caught.value) is error


def test_nothing_is_an_empty_list() -> None:
    page = parse([])
    assert (len(page.batch), page.next, page.is_delayed) == (0, None, False)


def test_csv_is_read_and_its_last_line_must_end() -> None:
    body = b"date,close,high,low,open,volume\n2024-01-02,1.25,2,1,1.5,1000\n2024-01-03,1.25,2,1\n"
    batch = parse(body, DAYS).batch
    assert (batch.start.tolist(), batch.open.tolist(), len(batch.malformed)) == ([at("2024-01-02")], [1.5], 1)
    with pytest.raises(VendorFault):
        parse(body[:-1], DAYS)


def test_history_before_the_feed_began_is_refused_because_silence_about_it_would_prove_nothing() -> None:
    old = replace(QUERY, start=at("2016-01-04"), end=at("2016-01-05"))
    with pytest.raises(UnsupportedRequest, match="since 2017-05-01"):
        check_supported(TIINGO, old)
    check_supported(TIINGO, replace(old, interval=Interval.D1))


def test_row_of_another_ticker_is_kept_aside_and_proves_no_silence() -> None:
    rows = [ROW | {"ticker": None}, ROW | {"date": "2024-01-02T14:31:00.000Z", "ticker": "MSFT"}]
    page = parse(rows)
    assert (len(page.batch), page.is_delayed) == (1, True)
    assert [(row.symbol, row.reason) for row in page.batch.malformed] == [("MSFT", "'MSFT' was not asked for")]
