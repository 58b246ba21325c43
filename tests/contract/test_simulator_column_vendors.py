"""Finnhub, Tiingo and Yahoo at the simulator: our adapters read exactly what its source holds, and each refusal by its meaning."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from marketdata_site.observability import clock
from providers.adapter import Account, BarPage, HttpResponse, check_supported, windows
from providers.asking import fetch_bars
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
from providers.http import VendorHttp
from providers.market.types import (
    DAY_US,
    MINUTE_US,
    SECOND_US,
    Adjustment,
    AssetClass,
    BarBatch,
    BarQuery,
    FeedScope,
    Interval,
    to_us,
)
from providers.registry import get_adapter
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from providers.simulator.server import source_of
from tests.contract.simulated import Row, account, adapter_pages, ask, rows_of

VENDORS = ("finnhub", "tiingo", "yahoo")
OPTIONS = SimulatorOptions(seed=11)
SOURCE = source_of(OPTIONS)
START = to_us(datetime(2025, 3, 6, 14, 0, tzinfo=UTC))
END = START + 4 * DAY_US  # over a weekend and the change to summer time in New York
NOW = datetime(2025, 3, 12, 12, 7, 30, tzinfo=UTC)  # Yahoo keeps minutes for 30 days only
EQUITY, INDEX, FX, CRYPTO = AssetClass.EQUITY, AssetClass.INDEX, AssetClass.FX, AssetClass.CRYPTO
INSTRUMENTS = [
    ("finnhub", "AAPL", "AAPL", EQUITY),
    ("finnhub", "OANDA:EUR_USD", "EURUSD", FX),
    ("finnhub", "COINBASE:BTC-USD", "X:BTCUSD", CRYPTO),
    ("tiingo", "AAPL", "AAPL", EQUITY),
    ("tiingo", "QUIETCO", "QUIETCO", EQUITY),
    ("tiingo", "eurusd", "EURUSD", FX),
    ("tiingo", "btcusd", "X:BTCUSD", CRYPTO),
    ("yahoo", "AAPL", "AAPL", EQUITY),
    ("yahoo", "QUIETCO", "QUIETCO", EQUITY),
    ("yahoo", "^SPX", "I:SPX", INDEX),
    ("yahoo", "EURUSD=X", "EURUSD", FX),
    ("yahoo", "BTC-USD", "X:BTCUSD", CRYPTO),
]


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorControl]:
    """A simulator whose clock stands in March 2025."""
    with pytest.MonkeyPatch.context() as patch, start_simulator(OPTIONS) as running:
        patch.setenv(clock.OFFSET_VARIABLE, str((NOW - datetime.now(UTC)).total_seconds()))
        yield running


@pytest.fixture(autouse=True)
def _without_faults(simulator: SimulatorControl) -> Iterator[None]:
    yield
    simulator.clear_faults()


def _query(symbol: str, asset_class: AssetClass = EQUITY, interval: Interval = Interval.M1, **changes: int) -> BarQuery:
    start = -(-START // interval.us) * interval.us
    query = BarQuery(symbols=(symbol,), interval=interval, start=start, end=start + 4 * DAY_US, asset_class=asset_class)
    return replace(query, **changes)


def _pages(simulator: SimulatorControl, vendor: str, query: BarQuery) -> list[BarPage]:
    return [page for part in windows(get_adapter(vendor), query) for page in adapter_pages(simulator.url, vendor, part)]


def _rows(batch: BarBatch) -> list[Row]:
    """Ascending, each once: pages of days may overlap."""
    assert not batch.malformed
    columns = (batch.start, batch.open, batch.high, batch.low, batch.close, batch.volume)
    return sorted(set(zip(*(column.tolist() for column in columns), strict=True)))


def _read(simulator: SimulatorControl, vendor: str, query: BarQuery) -> list[Row]:
    return _rows(BarBatch.concat([page.batch for page in _pages(simulator, vendor, query)]))


def _held(common: str, query: BarQuery) -> list[Row]:
    now = to_us(NOW)
    held = SOURCE.bars(symbol=common, interval=query.interval, start=query.start, end=query.end, now=now)
    return rows_of(held, null_volume=0.0)


def _error(simulator: SimulatorControl, vendor: str, query: BarQuery | None = None) -> type[ProviderError]:
    with pytest.raises(ProviderError) as caught:
        adapter_pages(simulator.url, vendor, query or _query("AAPL"))
    return type(caught.value)


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda i: f"{i[0]}-{i[1]}")
def test_our_adapters_read_what_the_source_holds(
    simulator: SimulatorControl, instrument: tuple[str, str, str, AssetClass], interval: Interval
) -> None:
    vendor, symbol, common, asset_class = instrument
    query = _query(symbol, asset_class, interval)
    if vendor == "yahoo" and interval is Interval.H1 and asset_class in (EQUITY, INDEX):
        with pytest.raises(UnsupportedRequest, match="begin at the open"):
            _read(simulator, vendor, query)
        return
    read, held = _read(simulator, vendor, query), _held(common, query)
    assert len(held) > 1
    if asset_class is FX and vendor in {"tiingo", "yahoo"}:  # they have none
        read, held = [row[:5] for row in read], [row[:5] for row in held]  # type: ignore[misc]
    assert read == held


def test_tiingo_goes_on_with_older_dates_when_ten_thousand_rows_came(simulator: SimulatorControl) -> None:
    query = _query("btcusd", CRYPTO, start=START - 5 * DAY_US)
    pages = _pages(simulator, "tiingo", query)
    assert len(pages) == 2
    assert _rows(BarBatch.concat([page.batch for page in pages])) == _held("X:BTCUSD", query)
    assert len(_held("X:BTCUSD", query)) == 9 * 1_440


def test_tiingo_sends_no_volume_of_stocks_unless_columns_name_it(simulator: SimulatorControl) -> None:
    params = {"startDate": "2025-03-07", "endDate": "2025-03-07", "resampleFreq": "1min"}
    headers = {"Authorization": "Token k"}
    assert "volume" not in ask(simulator.url, "/iex/AAPL/prices", headers=headers, **params).json()[0]
    named = ask(simulator.url, "/iex/AAPL/prices", headers=headers, columns="open,high,low,close,volume", **params)
    assert "volume" in named.json()[0]
    assert len(named.json()) == 390  # no `afterHours`


def test_yahoo_sends_rows_of_nulls_and_a_running_interval_and_neither_is_read(simulator: SimulatorControl) -> None:
    begin = to_us(NOW) // DAY_US * DAY_US + 8 * 60 * MINUTE_US
    query = _query("QUIETCO", interval=Interval.M5, start=begin, end=begin + 6 * 60 * MINUTE_US)
    request = get_adapter("yahoo").bars_request(query, account("yahoo", simulator.url))
    reply = ask(simulator.url, urlsplit(request.url).path, headers=request.headers, **request.params)
    result = reply.json()["chart"]["result"][0]
    assert result["timestamp"][-1] % 300 != 0
    minutes = replace(query, interval=Interval.M1)
    quiet = get_adapter("yahoo").bars_request(minutes, account("yahoo", simulator.url))
    sparse = ask(simulator.url, urlsplit(quiet.url).path, headers=quiet.headers, **quiet.params).json()["chart"]["result"][0]
    assert None in sparse["indicators"]["quote"][0]["close"]
    page = get_adapter("yahoo").parse_bars(HttpResponse(200, {}, reply.body), query, account("yahoo", simulator.url))
    assert (_rows(page.batch), page.is_delayed) == (_held("QUIETCO", query), False)
    assert _read(simulator, "yahoo", minutes) == _held("QUIETCO", minutes)


def test_a_long_window_is_asked_for_in_parts_that_yahoo_gives(simulator: SimulatorControl) -> None:
    query = _query("BTC-USD", CRYPTO, start=START - 16 * DAY_US)
    query = replace(query, adjustment=Adjustment.SPLIT)

    async def ask_for_all() -> tuple[BarBatch, int]:
        http = VendorHttp()
        try:
            answer = await fetch_bars(get_adapter("yahoo"), account("yahoo", simulator.url), query, http=http, deadline_s=20)
            return answer.batch, answer.calls
        finally:
            await http.close()

    batch, calls = asyncio.run(ask_for_all())
    assert _rows(batch) == _held("X:BTCUSD", query)
    assert calls == 3


@pytest.mark.parametrize(
    ("vendor", "kind", "meaning"),
    [(vendor, kind, meaning) for vendor in VENDORS for kind, meaning in {
        "unauthorized": AuthFailed,
        "forbidden_credentials": AuthFailed,
        "forbidden_entitlement": NotEntitled,
        "throttle": Throttled,
        "server_error": VendorFault,
        "html": MalformedAnswer,
        "truncated": VendorFault,
    }.items()],
)  # fmt: skip
def test_a_fault_is_read_by_its_meaning(
    simulator: SimulatorControl, vendor: str, kind: str, meaning: type[ProviderError]
) -> None:
    simulator.set_fault(kind, vendor=vendor)
    assert _error(simulator, vendor) is meaning


@pytest.mark.parametrize(
    ("vendor", "symbol", "asset_class"), [("tiingo", "btcusd", CRYPTO), ("tiingo", "eurusd", FX), ("yahoo", "AAPL", EQUITY)]
)
def test_bars_of_another_symbol_are_refused(
    simulator: SimulatorControl, vendor: str, symbol: str, asset_class: AssetClass
) -> None:
    simulator.set_fault("wrong_symbol", vendor=vendor, symbol="MSFT")
    assert _error(simulator, vendor, _query(symbol, asset_class)) is MalformedAnswer


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_mute_vendor_says_nothing_in_its_own_words(simulator: SimulatorControl, vendor: str) -> None:
    simulator.set_fault("mute", vendor=vendor)
    assert _read(simulator, vendor, _query("AAPL")) == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_weekend_is_empty(simulator: SimulatorControl, vendor: str) -> None:
    saturday = to_us(datetime(2025, 3, 8, 12, tzinfo=UTC))
    assert _read(simulator, vendor, _query("AAPL", start=saturday, end=saturday + 3_600 * SECOND_US)) == []


@pytest.mark.parametrize(("vendor", "meaning"), [("tiingo", UnknownSymbol), ("yahoo", UnknownSymbol), ("finnhub", None)])
def test_an_unknown_symbol_is_named_where_the_vendor_does(
    simulator: SimulatorControl, vendor: str, meaning: type[ProviderError] | None
) -> None:
    query = _query("UNKNOWN1")
    if meaning is None:
        assert _read(simulator, vendor, query) == []
    else:
        assert _error(simulator, vendor, query) is meaning


def test_yahoo_turns_away_who_is_no_browser_and_takes_the_one_that_an_account_names(simulator: SimulatorControl) -> None:
    query = _query("AAPL")
    plain = Account(provider="y", adapter="yahoo", base_url=simulator.url, credentials={"user_agent": "curl/8"})
    request = get_adapter("yahoo").bars_request(query, plain)
    reply = ask(simulator.url, urlsplit(request.url).path, headers=request.headers, **request.params)
    assert (reply.status, reply.body) == (429, b"Edge: Too Many Requests")
    named = replace(plain, credentials={"user_agent": "Mozilla/5.0 of my own"})
    assert get_adapter("yahoo").bars_request(query, named).headers["User-Agent"] == "Mozilla/5.0 of my own"


def test_yahoo_refuses_minutes_that_it_no_longer_keeps(simulator: SimulatorControl) -> None:
    begin = to_us(NOW - timedelta(days=40))
    query = _query("AAPL", start=begin, end=begin + DAY_US)
    assert _error(simulator, "yahoo", query) is NotEntitled
    query = replace(query, adjustment=Adjustment.SPLIT)
    with pytest.raises(UnsupportedRequest, match="keeps 1m bars of equity for 30 days"):
        check_supported(get_adapter("yahoo"), query, now=to_us(NOW))


def test_yahoo_says_in_words_that_the_future_has_no_data(simulator: SimulatorControl) -> None:
    begin = to_us(NOW + timedelta(days=9)) // DAY_US * DAY_US
    assert _read(simulator, "yahoo", _query("AAPL", interval=Interval.D1, start=begin, end=begin + DAY_US)) == []


def test_an_iex_account_is_not_asked_for_days_nor_a_consolidated_one_for_minutes(simulator: SimulatorControl) -> None:
    adapter, at = get_adapter("tiingo"), account("tiingo", simulator.url)
    minutes, days = _query("AAPL"), _query("AAPL", interval=Interval.D1)
    check_supported(adapter, days, account=at)
    check_supported(adapter, minutes, account=replace(at, feed_scope=FeedScope.IEX))
    for query, scope in ((minutes, FeedScope.CONSOLIDATED), (days, FeedScope.IEX)):
        with pytest.raises(UnsupportedRequest, match="feed"):
            check_supported(adapter, query, account=replace(at, feed_scope=scope))
