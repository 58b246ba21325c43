"""Twelve Data and Alpha Vantage as the simulator plays them: our adapters read exactly its source's rows, and its refusals' meaning."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from providers.errors import AuthFailed, MalformedAnswer, NotEntitled, ProviderError, Throttled, UnknownSymbol, VendorFault
from providers.market.types import DAY_US, MINUTE_US, AssetClass, BarBatch, BarQuery, Interval, to_us
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from providers.simulator.server import source_of
from tests.contract.simulated import Row, adapter_pages, adapter_rows, ask, rows_of

OPTIONS = SimulatorOptions(seed=11)
SOURCE = source_of(OPTIONS)
START = to_us(datetime(2025, 3, 6, 14, 0, tzinfo=UTC))
END = START + 4 * DAY_US  # over a weekend and the change to summer time in New York
AUTUMN = to_us(datetime(2025, 10, 30, 12, 0, tzinfo=UTC))  # over the end of summer time, a weekend and a month
NOW = 2**62
VENDORS = ("twelve_data", "alpha_vantage")

each_vendor = pytest.mark.parametrize("vendor", VENDORS)


@pytest.fixture(scope="module")
def synthetic() -> Iterator[SimulatorControl]:
    with start_simulator(OPTIONS) as simulator:
        yield simulator


@pytest.fixture
def simulator(synthetic: SimulatorControl) -> Iterator[SimulatorControl]:
    synthetic.clear_faults()
    yield synthetic
    synthetic.clear_faults()


def _held(symbol: str, interval: Interval = Interval.M1, start: int = START, end: int = END) -> list[Row]:
    return rows_of(SOURCE.bars(symbol=symbol, interval=interval, start=start, end=end, now=NOW))


def _sorted(read: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {symbol: sorted(rows) for symbol, rows in read.items()}


def _query(**changes: object) -> BarQuery:
    return BarQuery(**({"symbols": ("AAPL",), "interval": Interval.M1, "start": START, "end": END} | changes))


def _error(simulator: SimulatorControl, vendor: str, **changes: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        adapter_pages(simulator.url, vendor, _query(**changes))
    return caught.value


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("begin", [START, AUTUMN])
@pytest.mark.parametrize(
    ("symbol", "asset_class"),
    [("AAPL", AssetClass.EQUITY), ("QUIETCO", AssetClass.EQUITY), ("BTC/USD", AssetClass.CRYPTO), ("EUR/USD", AssetClass.FX)],
)
def test_twelve_data_reads_what_the_source_holds(
    synthetic: SimulatorControl, symbol: str, asset_class: AssetClass, begin: int, interval: Interval
) -> None:
    start = -(-begin // interval.us) * interval.us
    asked = {"interval": interval, "asset_class": asset_class}
    rows = adapter_rows(synthetic.url, "twelve_data", (symbol,), start, start + 5 * DAY_US, **asked)
    assert rows == {symbol: _held(symbol, interval, start, start + 5 * DAY_US)}


@pytest.mark.parametrize("interval", [i for i in Interval if i is not Interval.D1])
@pytest.mark.parametrize("begin", [START, AUTUMN])
@pytest.mark.parametrize("symbol", ["AAPL", "QUIETCO"])
def test_alpha_vantage_reads_what_the_source_holds(
    synthetic: SimulatorControl, symbol: str, begin: int, interval: Interval
) -> None:
    start = -(-begin // interval.us) * interval.us
    rows = adapter_rows(synthetic.url, "alpha_vantage", (symbol,), start, start + 5 * DAY_US, interval=interval)
    assert _sorted(rows) == {symbol: _held(symbol, interval, start, start + 5 * DAY_US)}


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize(("symbol", "asset_class"), [("BTC/USD", AssetClass.CRYPTO), ("EUR/USD", AssetClass.FX)])
def test_alpha_vantage_reads_recent_pairs(
    synthetic: SimulatorControl, symbol: str, asset_class: AssetClass, interval: Interval
) -> None:
    end = (time.time_ns() // 1000 // DAY_US - 1) * DAY_US
    rows = adapter_rows(
        synthetic.url, "alpha_vantage", (symbol,), end - 7 * DAY_US, end, interval=interval, asset_class=asset_class
    )
    assert _sorted(rows) == {symbol: _held(symbol, interval, end - 7 * DAY_US, end)}


def test_alpha_vantage_reads_days_of_stocks(synthetic: SimulatorControl) -> None:
    end = (time.time_ns() // 1000 // DAY_US - 2) * DAY_US
    rows = adapter_rows(synthetic.url, "alpha_vantage", ("AAPL",), end - 300 * DAY_US, end, interval=Interval.D1)
    assert _sorted(rows) == {"AAPL": _held("AAPL", Interval.D1, end - 300 * DAY_US, end)}


def test_alpha_vantage_pairs_older_than_its_answer_are_not_called_silent(synthetic: SimulatorControl) -> None:
    query = _query(symbols=("BTC/USD",), asset_class=AssetClass.CRYPTO)
    (page,) = adapter_pages(synthetic.url, "alpha_vantage", query)
    assert (len(page.batch), page.is_delayed) == (0, True)


def test_alpha_vantage_is_asked_once_a_month_of_new_york(synthetic: SimulatorControl) -> None:
    before = len(synthetic.calls(vendor="alpha_vantage"))
    adapter_pages(synthetic.url, "alpha_vantage", _query(start=AUTUMN, end=AUTUMN + 40 * DAY_US))
    assert len(synthetic.calls(vendor="alpha_vantage")) - before == 3


def test_twelve_data_reads_a_batch_of_which_one_symbol_is_unknown_and_one_silent(synthetic: SimulatorControl) -> None:
    symbols = ("MSFT", "UNKNOWN1", "AAPL", "QUIETCO")
    pages = adapter_pages(synthetic.url, "twelve_data", _query(symbols=symbols))
    assert {symbol for page in pages for symbol in page.unknown_symbols} == {"UNKNOWN1"}
    batch = BarBatch.concat([page.batch for page in pages])
    assert {batch.symbols[i] for i in batch.symbol_index} == {"MSFT", "AAPL", "QUIETCO"}
    assert not any(page.is_delayed for page in pages)


@each_vendor
def test_unknown_symbol_is_said(synthetic: SimulatorControl, vendor: str) -> None:
    error = _error(synthetic, vendor, symbols=("UNKNOWN1",))
    assert isinstance(error, UnknownSymbol)
    assert error.symbols == ("UNKNOWN1",)


@each_vendor
def test_weekend_is_empty_and_whole(synthetic: SimulatorControl, vendor: str) -> None:
    saturday = to_us(datetime(2025, 3, 8, 12, tzinfo=UTC))
    pages = adapter_pages(synthetic.url, vendor, _query(start=saturday, end=saturday + DAY_US))
    assert [(len(page.batch), page.is_delayed, page.unknown_symbols) for page in pages] == [(0, False, ())]


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("unauthorized", AuthFailed),
        ("forbidden_credentials", AuthFailed),
        ("forbidden_entitlement", NotEntitled),
        ("throttle", Throttled),
        ("server_error", VendorFault),
        ("html", MalformedAnswer),
        ("truncated", VendorFault),
        ("wrong_symbol", MalformedAnswer),
    ],
)
@each_vendor
def test_fault_is_read_by_its_meaning_and_no_key_is_in_it(
    simulator: SimulatorControl, vendor: str, kind: str, meaning: type[ProviderError]
) -> None:
    simulator.set_fault(kind, vendor=vendor)
    error = _error(simulator, vendor)
    assert type(error) is meaning
    assert "test-api_key" not in str(error)


def test_throttled_twelve_data_waits_for_the_next_minute(simulator: SimulatorControl) -> None:
    simulator.set_fault("throttle", vendor="twelve_data")
    error = _error(simulator, "twelve_data")
    assert isinstance(error, Throttled)
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 60


@each_vendor
def test_mute_vendor_is_empty(simulator: SimulatorControl, vendor: str) -> None:
    simulator.set_fault("mute", vendor=vendor)
    assert sum(len(page.batch) for page in adapter_pages(simulator.url, vendor, _query())) == 0


@each_vendor
def test_rows_sent_twice_all_arrive(simulator: SimulatorControl, vendor: str) -> None:
    simulator.set_fault("duplicate_rows", vendor=vendor, every=1)
    span = {"start": START, "end": START + 60 * MINUTE_US}
    rows = adapter_rows(simulator.url, vendor, ("AAPL",), span["start"], span["end"])["AAPL"]
    assert sorted(rows) == sorted(_held("AAPL", **span) * 2)


@each_vendor
def test_rows_in_another_order_are_the_same_rows(simulator: SimulatorControl, vendor: str) -> None:
    simulator.set_fault("unordered_rows", vendor=vendor)
    assert _sorted(adapter_rows(simulator.url, vendor, ("AAPL",), START, END)) == {"AAPL": _held("AAPL")}


def test_key_of_alpha_vantage_is_in_no_log_of_the_simulator(synthetic: SimulatorControl) -> None:
    adapter_pages(synthetic.url, "alpha_vantage", _query())
    assert not [call for call in synthetic.calls(vendor="alpha_vantage") if "test-api_key" in call["path"]]


def test_twelve_data_without_dates_sends_the_newest_thirty_newest_first(synthetic: SimulatorControl) -> None:
    key = {"Authorization": "apikey k"}
    reply = ask(synthetic.url, "/time_series", headers=key, symbol="BTC/USD", interval="1min").json()
    stamps = [row["datetime"] for row in reply["values"]]
    assert len(stamps) == 30
    assert stamps == sorted(stamps, reverse=True)


@each_vendor
def test_caller_without_a_key_is_refused(synthetic: SimulatorControl, vendor: str) -> None:
    path = {"twelve_data": "/time_series?symbol=AAPL", "alpha_vantage": "/query?function=TIME_SERIES_DAILY&symbol=AAPL"}[vendor]
    assert b"apikey" in ask(synthetic.url, path).body
