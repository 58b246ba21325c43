"""The simulated crypto venues are honest: ccxt itself and our adapters read from them what the source holds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from marketdata_site.observability.clock import now_us
from providers.adapter import RateNews
from providers.asking import fetch_bars, fetch_quotes
from providers.errors import (
    AuthFailed,
    MalformedAnswer,
    NotEntitled,
    OverBudget,
    ProviderError,
    Throttled,
    UnknownSymbol,
    VendorFault,
    VendorTimeout,
)
from providers.http import VendorHttp
from providers.market.quotes import QuoteQuery
from providers.market.types import DAY_US, MINUTE_US, SECOND_US, AssetClass, BarQuery, Interval, to_us
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from providers.simulator.server import source_of
from providers.simulator.synthetic_quotes import STEP_US
from tests.contract.asking import account_of
from tests.contract.simulated import Row, adapter_rows, ask, rows_of
from tests.contract.venues import SYMBOLS, VENUES, venue
from tests.waiting import wait_until

OPTIONS = SimulatorOptions(seed=11)
SOURCE = source_of(OPTIONS)
START = to_us(datetime(2025, 3, 6, 14, 0, tzinfo=UTC))
NAMES = {"binance": "BTCUSDT", "kraken": "BTCUSD", "coinbase": "BTCUSD"}
UNIFIED = {"binance": "BTC/USDT", "kraken": "BTC/USD", "coinbase": "BTC/USD"}
CRYPTO = AssetClass.CRYPTO


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorControl]:
    with start_simulator(OPTIONS) as control:
        yield control


@pytest.fixture(autouse=True)
def _without_faults(simulator: SimulatorControl) -> None:
    simulator.clear_faults()


def held(name: str, interval: Interval, start: int, end: int) -> list[Row]:
    return rows_of(SOURCE.bars(symbol=f"X:{NAMES[name]}", interval=interval, start=start, end=end, now=now_us()))


def recent(interval: Interval, slots: int) -> tuple[int, int]:
    end = now_us() // interval.us * interval.us - 2 * interval.us
    return end - slots * interval.us, end


def with_ccxt(name: str, url: str, use: Callable[[Any], Awaitable[Any]]) -> Any:
    """What ccxt's own client does at the simulator, with its own session."""
    import ccxt.async_support as ccxt

    async def run() -> Any:
        exchange = getattr(ccxt, venue(name).exchange)(
            {"enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot"]}}}
        )
        exchange.urls["api"] = {kind: url + urlsplit(address).path for kind, address in exchange.urls["api"].items()}
        try:
            return await use(exchange)
        finally:
            await exchange.close()

    return asyncio.run(run())


@pytest.mark.parametrize("name", VENUES)
def test_ccxts_own_client_lists_the_markets(simulator: SimulatorControl, name: str) -> None:
    markets = with_ccxt(name, simulator.url, lambda exchange: exchange.load_markets())
    assert markets[UNIFIED[name]]["id"] in {SYMBOLS[name], "XXBTZUSD"}
    assert len(markets) >= 5


@pytest.mark.parametrize("name", VENUES)
def test_ccxts_own_client_reads_the_rows_of_the_source(simulator: SimulatorControl, name: str) -> None:
    start, end = recent(Interval.M1, 50)

    async def use(exchange: Any) -> Any:
        return await exchange.fetch_ohlcv(UNIFIED[name], "1m", since=start // 1000, limit=50)

    rows = [(row[0] * 1000, *row[1:]) for row in with_ccxt(name, simulator.url, use)]
    assert rows[:50] == held(name, Interval.M1, start, end)


@pytest.mark.parametrize("name", VENUES)
def test_ccxts_own_client_reads_bid_and_ask(simulator: SimulatorControl, name: str) -> None:
    def is_read() -> bool:
        ticker = with_ccxt(
            name,
            simulator.url,
            lambda exchange: (
                exchange.fetch_bids_asks([UNIFIED[name]]) if name == "binance" else exchange.fetch_ticker(UNIFIED[name])
            ),
        )
        ticker = ticker[UNIFIED[name]] if name == "binance" else ticker
        return None not in (ticker["bid"], ticker["ask"]) and 0 < ticker["bid"] < ticker["ask"]

    # a few synthetic quotes lack a side, are locked or crossed; there is another one each quarter of a second
    wait_until(is_read, seconds=30, what="a plain quote", every_s=0.25)


@pytest.mark.parametrize("name", VENUES)
def test_ccxts_own_client_understands_the_refusals(simulator: SimulatorControl, name: str) -> None:
    import ccxt

    simulator.set_fault("throttle", vendor=name)
    with pytest.raises((ccxt.DDoSProtection, ccxt.RateLimitExceeded)):
        with_ccxt(name, simulator.url, lambda exchange: exchange.load_markets())


@pytest.mark.parametrize(("name", "interval"), [(name, i) for name in VENUES for i in sorted(venue(name).limits.intervals)])
def test_our_adapters_read_what_the_source_holds(simulator: SimulatorControl, name: str, interval: Interval) -> None:
    start, end = recent(interval, 650 if interval is not Interval.D1 else 30)
    symbol = SYMBOLS[name]
    rows = adapter_rows(simulator.url, name, (symbol,), start, end, interval=interval, asset_class=CRYPTO)
    assert sorted(rows[symbol]) == held(name, interval, start, end)


@pytest.mark.parametrize("name", ["binance", "coinbase"])
def test_our_adapters_read_old_rows_over_many_calls(simulator: SimulatorControl, name: str) -> None:
    simulator.forget_calls()
    start, end = START, START + 2 * DAY_US
    rows = adapter_rows(simulator.url, name, (SYMBOLS[name],), start, end, asset_class=CRYPTO)
    assert sorted(rows[SYMBOLS[name]]) == held(name, Interval.M1, start, end)
    assert len(simulator.calls(vendor=name)) == -(-2880 // {"binance": 1_000, "coinbase": 300}[name])


def asked(
    name: str, simulator: SimulatorControl, symbol: str, *, deadline_s: float = 20, slots: int = 5, toll: Any = None
) -> Any:
    async def run() -> Any:
        http = VendorHttp()
        adapter, account = (
            venue(name),
            account_of(venue(name), base_url=simulator.url, feed_scope=next(iter(venue(name).limits.feed_scopes))),
        )
        start, end = recent(Interval.M1, slots)
        query = BarQuery((symbol,), Interval.M1, start, end, CRYPTO)
        try:
            return await fetch_bars(adapter, account, query, http=http, deadline_s=deadline_s, toll=toll)
        finally:
            await http.close()

    return asyncio.run(run())


@pytest.mark.parametrize("name", VENUES)
def test_answer_of_a_venue_tells_its_time_and_its_calls(simulator: SimulatorControl, name: str) -> None:
    answer = asked(name, simulator, SYMBOLS[name])
    assert answer.calls == 1
    assert answer.vendor_time is not None
    assert abs(answer.vendor_time - now_us()) < MINUTE_US
    assert len(answer.batch) == 5
    if name != "coinbase":
        assert (answer.batch.trade_count > 0).all()
    assert np.isnan(answer.batch.vwap).any() == (name != "kraken")


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("unauthorized", AuthFailed),
        ("forbidden_entitlement", NotEntitled),
        ("throttle", Throttled),
        ("server_error", VendorFault),
        ("html", MalformedAnswer),
        ("truncated", VendorFault),
        ("connection_reset", VendorFault),
    ],
)
def test_fault_of_a_venue_is_read_by_its_meaning(
    simulator: SimulatorControl, name: str, fault: str, expected: type[ProviderError]
) -> None:
    simulator.set_fault(fault, vendor=name)
    with pytest.raises(expected):
        asked(name, simulator, SYMBOLS[name])


@pytest.mark.parametrize("name", VENUES)
def test_unknown_symbol_of_a_venue_is_named(simulator: SimulatorControl, name: str) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        asked(name, simulator, "UNKNOWN-USD" if name == "coinbase" else "UNKNOWNUSD")
    assert caught.value.symbols == ("UNKNOWN-USD" if name == "coinbase" else "UNKNOWNUSD",)


@pytest.mark.parametrize("name", VENUES)
def test_silent_venue_is_given_up_at_the_deadline(simulator: SimulatorControl, name: str) -> None:
    simulator.set_fault("timeout", vendor=name)
    with pytest.raises(VendorTimeout):
        asked(name, simulator, SYMBOLS[name], deadline_s=0.2)


def test_throttled_venue_says_when_to_come_back(simulator: SimulatorControl) -> None:
    simulator.set_fault("throttle", vendor="binance", retry_after=7)
    with pytest.raises(Throttled) as caught:
        asked("binance", simulator, "BTCUSDT")
    assert caught.value.retry_after == 7


def test_krakens_running_candle_is_sent_and_left_out(simulator: SimulatorControl) -> None:
    hour = Interval.H1.us
    running = now_us() // hour * hour
    result = ask(simulator.url, "/0/public/OHLC", pair="XBTUSD", interval=60).json()["result"]
    stamps = [row[0] * 1_000_000 for row in result["XXBTZUSD"]]
    assert stamps[-1] >= running  # the hour may have turned
    assert result["last"] * 1_000_000 == stamps[-2] == stamps[-1] - hour
    assert len(stamps) == 720
    first = stamps[-1] - 2 * hour
    rows = adapter_rows(simulator.url, "kraken", ("XBTUSD",), first, first + 3 * hour, interval=Interval.H1, asset_class=CRYPTO)
    assert [row[0] for row in rows["XBTUSD"]][:2] == [first, first + hour]
    assert max(row[0] for row in rows["XBTUSD"]) + hour <= now_us()


class Counting:
    """A toll that lets so many requests through."""

    def __init__(self, most: int = 1_000) -> None:
        self.most, self.admitted, self.settled = most, 0, []

    async def admit(self, cost: int) -> None:
        if self.admitted + cost > self.most:
            raise OverBudget("no tokens are left", retry_after=1.0)
        self.admitted += cost

    async def settle(self, *, news: RateNews | None, error: ProviderError | None) -> None:
        self.settled.append(error)


@pytest.mark.parametrize("name", VENUES)
def test_each_request_of_the_client_library_is_paid_for(simulator: SimulatorControl, name: str) -> None:
    simulator.forget_calls()
    toll = Counting()
    answer = asked(name, simulator, SYMBOLS[name], slots=700, toll=toll)
    assert len(answer.batch) == 700
    assert toll.admitted == answer.calls == len(simulator.calls(vendor=name)) == (3 if name == "coinbase" else 1)
    assert toll.settled == [None] * answer.calls


@pytest.mark.parametrize("name", VENUES)
def test_refusal_is_told_to_the_budget_with_its_meaning(simulator: SimulatorControl, name: str) -> None:
    simulator.set_fault("throttle", vendor=name)
    toll = Counting()
    with pytest.raises(Throttled):
        asked(name, simulator, SYMBOLS[name], toll=toll)
    assert [type(error) for error in toll.settled] == [Throttled]


def test_answer_without_tokens_for_all_its_requests_is_none(simulator: SimulatorControl) -> None:
    simulator.forget_calls()
    with pytest.raises(OverBudget):
        asked("coinbase", simulator, "BTC-USD", slots=700, toll=Counting(most=2))
    assert len(simulator.calls(vendor="coinbase")) == 2


@pytest.mark.parametrize("name", VENUES)
def test_quotes_follow_the_synthetic_prices(simulator: SimulatorControl, name: str) -> None:
    async def run(symbols: tuple[str, ...]) -> Any:
        http = VendorHttp()
        account = account_of(venue(name), base_url=simulator.url, feed_scope=next(iter(venue(name).limits.feed_scopes)))
        try:
            return await fetch_quotes(venue(name), account, QuoteQuery(symbols, CRYPTO), http=http, deadline_s=20)
        finally:
            await http.close()

    symbols = {"binance": ("BTCUSDT", "ETHUSDT", "UNKNOWNUSDT"), "kraken": ("XBTUSD", "ETHUSD", "UNKNOWNUSD")}.get(
        name, ("BTC-USD",)
    )
    before = now_us()
    answer = asyncio.run(run(symbols))
    known = [symbol for symbol in symbols if not symbol.startswith("UNKNOWN")]
    assert sorted(answer.batch.symbols) == sorted(known)
    assert answer.unknown_symbols == tuple(symbol for symbol in symbols if symbol.startswith("UNKNOWN"))
    possible = {
        (quote.bid, quote.bid_size, quote.ask, quote.ask_size, quote.at if name == "coinbase" else 0)
        for now in range(before - SECOND_US, now_us() + SECOND_US, STEP_US // 16)
        if (quote := SOURCE.quote(symbol=f"X:{NAMES[name]}", now=now)) is not None
    }
    mine = answer.batch.where(answer.batch.symbol_index == answer.batch.symbols.index(SYMBOLS[name]))
    columns = (mine.bid, mine.bid_size, mine.ask, mine.ask_size)
    assert (*(None if np.isnan(column[0]) else column[0] for column in columns), mine.at[0]) in possible
