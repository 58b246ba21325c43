"""Quotes as the simulator plays them: our adapters and the vendors' own clients read from it exactly what its source holds."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from math import isnan

import numpy as np
import pytest
import pytest_asyncio

from marketdata_site.observability.clock import now_us
from providers.asking import QuoteAnswer, fetch_quotes
from providers.errors import (
    AuthFailed,
    MalformedAnswer,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    VendorFault,
    VendorTimeout,
)
from providers.http import VendorHttp
from providers.market.quotes import SIZE_UNITS, QuoteBatch, QuoteQuery, SizeUnit
from providers.market.types import SECOND_US, AssetClass, FeedScope, to_us
from providers.registry import get_adapter
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from providers.simulator.quotes import Quote
from providers.simulator.server import source_of
from tests.contract.simulated import account
from tests.recorded import DATA, needs_recorded

OPTIONS = SimulatorOptions(seed=11)
SOURCE = source_of(OPTIONS)
EQUITY, FX, CRYPTO = AssetClass.EQUITY, AssetClass.FX, AssetClass.CRYPTO
Sides = tuple[float | None, float | None, float | None, float | None]

each_vendor = pytest.mark.parametrize("vendor", ["polygon", "alpaca", "tiingo"])


@pytest.fixture(scope="module")
def synthetic() -> Iterator[SimulatorControl]:
    with start_simulator(OPTIONS) as simulator:
        yield simulator


@pytest.fixture
def simulator(synthetic: SimulatorControl) -> Iterator[SimulatorControl]:
    yield synthetic
    synthetic.clear_faults()


@pytest_asyncio.fixture
async def http() -> AsyncIterator[VendorHttp]:
    client = VendorHttp()
    yield client
    await client.close()


async def ask(
    http: VendorHttp, url: str, vendor: str, *symbols: str, asset_class: AssetClass = EQUITY, deadline_s: float = 20
) -> QuoteAnswer:
    scope = FeedScope.IEX if (vendor, asset_class) == ("tiingo", EQUITY) else FeedScope.CONSOLIDATED
    at = replace(account(vendor, url), feed_scope=scope)
    query = QuoteQuery(symbols or ("AAPL",), asset_class)
    return await fetch_quotes(get_adapter(vendor), at, query, http=http, deadline_s=deadline_s)


def sides(quote: Quote) -> Sides:
    return quote.bid, quote.ask, quote.bid_size, quote.ask_size


def read(batch: QuoteBatch) -> dict[str, tuple[int, Sides]]:
    """By symbol: its quote's time and sides."""
    columns = (batch.bid, batch.ask, batch.bid_size, batch.ask_size)
    values = [tuple(None if isnan(value) else value for value in row) for row in zip(*columns, strict=True)]
    names = [batch.symbols[i] for i in batch.symbol_index]
    return dict(zip(names, zip(batch.at.tolist(), values, strict=True), strict=True))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("vendor", "asset_class", "symbols"),
    [
        ("polygon", EQUITY, {"BRK/A": "BRK/A"}),
        ("polygon", FX, {"C:EURUSD": "EURUSD"}),
        ("alpaca", EQUITY, {"MSFT": "MSFT", "AAPL": "AAPL"}),
        ("alpaca", CRYPTO, {"ETH/USD": "ETHUSD", "BTC/USD": "BTCUSD"}),
        ("tiingo", EQUITY, {"MSFT": "MSFT", "AAPL": "AAPL"}),
        ("tiingo", FX, {"eurusd": "EURUSD"}),
        ("tiingo", CRYPTO, {"ethusd": "ETHUSD", "btcusd": "BTCUSD"}),
    ],
)
async def test_adapter_reads_what_the_source_holds(
    synthetic: SimulatorControl, http: VendorHttp, vendor: str, asset_class: AssetClass, symbols: dict[str, str]
) -> None:
    answer = await ask(http, synthetic.url, vendor, *symbols, asset_class=asset_class)
    found = read(answer.batch)
    assert (set(found), answer.batch.malformed, answer.unknown_symbols, answer.calls) == (set(symbols), (), (), 1)
    for symbol, name in symbols.items():
        at, values = found[symbol]
        is_in_ms = (vendor, asset_class) == ("polygon", FX)
        held = SOURCE.quote(symbol=name, now=at + 999 * is_in_ms)
        assert held is not None
        assert at == (held.at // 1000 * 1000 if is_in_ms else held.at) <= answer.received_at
        assert values == ((*sides(held)[:2], None, None) if is_in_ms else sides(held))
    is_unsized = np.isnan(answer.batch.bid_size) & np.isnan(answer.batch.ask_size)
    unit = SizeUnit.SHARES if asset_class is EQUITY else SizeUnit.BASE
    assert {SIZE_UNITS[code] for code in answer.batch.size_unit[~is_unsized]} <= {unit}
    assert {SIZE_UNITS[code] for code in answer.batch.size_unit[is_unsized]} <= {SizeUnit.UNKNOWN}


@pytest.mark.asyncio
@pytest.mark.parametrize("vendor", ["alpaca", "tiingo"])
async def test_unknown_symbol_among_others_just_has_no_quote(
    synthetic: SimulatorControl, http: VendorHttp, vendor: str
) -> None:
    answer = await ask(http, synthetic.url, vendor, "AAPL", "UNKNOWN1")
    assert (set(read(answer.batch)), answer.unknown_symbols) == ({"AAPL"}, ())


@pytest.mark.asyncio
async def test_symbol_that_alpaca_calls_invalid_costs_one_more_call(synthetic: SimulatorControl, http: VendorHttp) -> None:
    answer = await ask(http, synthetic.url, "alpaca", "AAPL", "bad")
    assert (set(read(answer.batch)), answer.unknown_symbols, answer.calls) == ({"AAPL"}, ("bad",), 2)


@pytest.mark.asyncio
async def test_ticker_that_polygon_does_not_know_is_said_so(synthetic: SimulatorControl, http: VendorHttp) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        await ask(http, synthetic.url, "polygon", "UNKNOWN1")
    assert caught.value.symbols == ("UNKNOWN1",)


@pytest.mark.asyncio
@each_vendor
@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("unauthorized", AuthFailed),
        ("forbidden_credentials", AuthFailed),
        ("forbidden_entitlement", NotEntitled),
        ("throttle", Throttled),
        ("server_error", VendorFault),
        ("connection_reset", VendorFault),
        ("html", MalformedAnswer),
        ("truncated", VendorFault),
        ("wrong_symbol", MalformedAnswer),
    ],
)
async def test_fault_strikes_quotes_and_is_read_by_its_meaning(
    simulator: SimulatorControl, http: VendorHttp, vendor: str, kind: str, meaning: type[ProviderError]
) -> None:
    simulator.set_fault(kind, vendor=vendor)
    with pytest.raises(ProviderError) as caught:
        await ask(http, simulator.url, vendor)
    assert type(caught.value) is meaning
    assert "test-" not in str(caught.value)


@pytest.mark.asyncio
@each_vendor
async def test_vendor_that_hangs_is_given_up_at_the_deadline(
    simulator: SimulatorControl, http: VendorHttp, vendor: str
) -> None:
    simulator.set_fault("timeout", vendor=vendor)
    with pytest.raises(VendorTimeout):
        await ask(http, simulator.url, vendor, deadline_s=0.2)


@pytest.mark.asyncio
@each_vendor
async def test_mute_vendor_has_no_quotes(simulator: SimulatorControl, http: VendorHttp, vendor: str) -> None:
    simulator.set_fault("mute", vendor=vendor)
    answer = await ask(http, simulator.url, vendor)
    assert (len(answer.batch), answer.batch.malformed, answer.unknown_symbols) == (0, (), ())


@pytest.mark.asyncio
@each_vendor
async def test_bad_row_comes_through_to_the_checks(simulator: SimulatorControl, http: VendorHttp, vendor: str) -> None:
    simulator.set_fault("bad_row", vendor=vendor)
    answer = await ask(http, simulator.url, vendor)
    assert answer.batch.bid.tolist() == [-1.0]


@pytest.mark.asyncio
@pytest.mark.parametrize(("vendor", "symbol"), [("alpaca", "BTC/USD"), ("tiingo", "btcusd")])
async def test_delayed_quote_is_an_old_one(simulator: SimulatorControl, http: VendorHttp, vendor: str, symbol: str) -> None:
    simulator.set_fault("delayed", vendor=vendor, seconds=600)
    answer = await ask(http, simulator.url, vendor, symbol, asset_class=CRYPTO)
    assert answer.batch.at[0] <= answer.received_at - 600 * SECOND_US


@pytest.mark.asyncio
@pytest.mark.parametrize("announced", [True, False])
async def test_polygon_admits_a_delay(simulator: SimulatorControl, http: VendorHttp, announced: bool) -> None:
    simulator.set_fault("delayed", vendor="polygon", announced=announced)
    assert (await ask(http, simulator.url, "polygon")).is_delayed is announced


def test_own_clients_of_the_vendors_read_the_same_quotes(synthetic: SimulatorControl) -> None:
    from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
    from alpaca.data.requests import CryptoLatestQuoteRequest, StockLatestQuoteRequest
    from massive import RESTClient

    def sides_at(symbol: str, at: int) -> tuple[float, float]:
        held = SOURCE.quote(symbol=symbol, now=at)
        assert held is not None
        return held.bid or 0, held.ask or 0

    massive = RESTClient("test-key", base=synthetic.url, retries=0)
    nbbo = massive.get_last_quote("AAPL")
    assert (nbbo.bid_price, nbbo.ask_price) == sides_at("AAPL", nbbo.sip_timestamp // 1000)
    pair = massive.get_last_forex_quote("EUR", "USD").last
    assert (pair.bid, pair.ask) == sides_at("EURUSD", pair.timestamp * 1000 + 999)
    stocks = StockHistoricalDataClient("id", "secret", url_override=synthetic.url)
    latest = stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=["AAPL", "MSFT"]))
    coins = CryptoHistoricalDataClient("id", "secret", url_override=synthetic.url)
    latest |= coins.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols=["BTC/USD"]))
    assert {s: (q.bid_price, q.ask_price) for s, q in latest.items()} == {
        symbol: sides_at(symbol, to_us(latest[symbol].timestamp)) for symbol in ("AAPL", "MSFT", "BTC/USD")
    }


@needs_recorded
@pytest.mark.asyncio
@each_vendor
async def test_recorded_bars_have_no_quotes(http: VendorHttp, vendor: str) -> None:
    with start_simulator(SimulatorOptions(data=DATA)) as simulator:
        answer = await ask(http, simulator.url, vendor)
    assert (len(answer.batch), answer.batch.malformed, answer.unknown_symbols) == (0, (), ())
    assert answer.received_at <= now_us()
