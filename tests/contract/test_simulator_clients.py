"""The simulator is honest: vendors' own clients and our adapters read from it exactly what its source holds, pages included."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from providers.market.dataset import load_manifest
from providers.market.types import DAY_US, MINUTE_US, Interval, from_us, to_us
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from providers.simulator.recorded import RecordedSource
from providers.simulator.server import source_of
from tests.contract.simulated import Row, adapter_rows, alpaca_rows, ask, massive_rows, rows_of
from tests.recorded import DATA, needs_recorded

OPTIONS = SimulatorOptions(seed=11)
SOURCE = source_of(OPTIONS)
START = to_us(datetime(2025, 3, 6, 14, 0, tzinfo=UTC))
END = START + 4 * DAY_US  # over a weekend and the change to summer time in New York
NOW = 2**62


@pytest.fixture(scope="module")
def synthetic() -> Iterator[SimulatorControl]:
    with start_simulator(OPTIONS) as simulator:
        yield simulator


def _held(symbol: str, interval: Interval = Interval.M1, start: int = START, end: int = END) -> list[Row]:
    return rows_of(SOURCE.bars(symbol=symbol, interval=interval, start=start, end=end, now=NOW))


@pytest.mark.parametrize("ticker", ["AAPL", "QUIETCO", "X:BTCUSD", "C:EURUSD", "I:SPX", "BRK/A"])
def test_massives_own_client_reads_all_rows_when_they_come_in_many_pages(synthetic: SimulatorControl, ticker: str) -> None:
    before = len(synthetic.calls())
    rows = massive_rows(synthetic.url, ticker, START, END, limit=400)
    assert rows == _held(ticker)
    assert len(rows) > 400
    assert len(synthetic.calls()) - before == -(-len(rows) // 400)


def test_massives_own_client_reads_one_page_when_told_not_to_follow(synthetic: SimulatorControl) -> None:
    assert massive_rows(synthetic.url, "AAPL", START, END, limit=400, pagination=False) == _held("AAPL")[:400]


@pytest.mark.parametrize("timespan", ["hour", "day"])
def test_massives_own_client_reads_whole_coarse_bars_when_the_limit_counts_minutes(
    synthetic: SimulatorControl, timespan: str
) -> None:
    interval = {"hour": Interval.H1, "day": Interval.D1}[timespan]
    rows = massive_rows(synthetic.url, "AAPL", START, END, limit=100, timespan=timespan)
    held = _held("AAPL", interval, start=START // DAY_US * DAY_US if timespan == "day" else START)
    assert [row[1:] for row in rows] == [row[1:] for row in held]
    if timespan == "day":
        assert [from_us(row[0]).hour for row in rows] == [5, 5, 4]  # New York's midnights around the clock change
    else:
        assert [row[0] for row in rows] == [row[0] for row in held]


def test_alpacas_own_client_reads_all_symbols_when_pages_are_cut_between_and_within_them(
    synthetic: SimulatorControl,
) -> None:
    symbols = ["MSFT", "AAPL", "QUIETCO", "UNKNOWN1"]
    end = from_us(START + 12 * DAY_US)
    rows = alpaca_rows(synthetic.url, symbols, from_us(START), end - timedelta(microseconds=1))
    assert list(rows) == ["AAPL", "MSFT", "QUIETCO"]
    for symbol, read in rows.items():
        assert read == _held(symbol, end=START + 12 * DAY_US)
    assert sum(map(len, rows.values())) > 10_000  # more than the client's page


def test_alpacas_own_client_reads_crypto_and_days(synthetic: SimulatorControl) -> None:
    from alpaca.data.timeframe import TimeFrame

    start, end = from_us(START), from_us(END - 1)
    assert alpaca_rows(synthetic.url, ["BTC/USD"], start, end) == {"BTC/USD": _held("BTCUSD")}
    days = alpaca_rows(synthetic.url, ["BTC/USD"], start, end, timeframe=TimeFrame.Day)["BTC/USD"]
    held = _held("BTCUSD", Interval.D1)
    assert [row[1:] for row in days] == [row[1:] for row in held]
    assert [from_us(row[0]).hour for row in days] == [6, 6, 6, 5][: len(days)]


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize(
    ("vendor", "symbol"),
    [("polygon", "AAPL"), ("polygon", "X:BTCUSD"), ("polygon", "I:SPX"), ("alpaca", "AAPL"), ("alpaca", "BTC/USD")],
)
def test_our_adapters_read_what_the_source_holds(
    synthetic: SimulatorControl, vendor: str, symbol: str, interval: Interval
) -> None:
    start = -(-START // interval.us) * interval.us
    end = start + 4 * DAY_US
    assert adapter_rows(synthetic.url, vendor, (symbol,), start, end, interval=interval) == {
        symbol: _held(symbol, interval, start, end)
    }


def test_our_alpaca_adapter_reads_many_symbols_over_pages(synthetic: SimulatorControl) -> None:
    symbols = ("MSFT", "AAPL", "QUIETCO", "UNKNOWN1")
    end = START + 14 * DAY_US
    before = len(synthetic.calls(vendor="alpaca"))
    rows = adapter_rows(synthetic.url, "alpaca", symbols, START, end)
    assert rows == {symbol: _held(symbol, end=end) for symbol in symbols}
    assert len(synthetic.calls(vendor="alpaca")) - before > 1


def test_both_vendors_tell_the_same_of_one_instrument(synthetic: SimulatorControl) -> None:
    polygon = adapter_rows(synthetic.url, "polygon", ("X:ETHUSD",), START, START + DAY_US)
    assert adapter_rows(synthetic.url, "alpaca", ("ETH/USD",), START, START + DAY_US)["ETH/USD"] == polygon["X:ETHUSD"]


def test_the_date_header_is_the_simulators_clock(synthetic: SimulatorControl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETDATA_CLOCK_OFFSET", str(-400 * 86_400))
    year = (datetime.now(UTC) - timedelta(days=400)).strftime("%Y")
    assert f" {year} " in ask(synthetic.url, "/v2/stocks/bars").headers["date"]


@pytest.fixture(scope="module")
def recorded() -> Iterator[SimulatorControl]:
    assert DATA is not None
    with start_simulator(SimulatorOptions(data=DATA)) as simulator:
        yield simulator


@needs_recorded
def test_every_recorded_series_comes_whole_through_both_wire_formats(recorded: SimulatorControl) -> None:
    assert DATA is not None
    source = source_of(SimulatorOptions(data=DATA))
    assert isinstance(source, RecordedSource)
    for series in load_manifest(DATA):
        start, end = series.first, series.last + series.interval.us
        held = source.bars(symbol=series.symbol, interval=series.interval, start=start, end=end, now=0)
        asked = {"interval": series.interval}
        polygon = adapter_rows(recorded.url, "polygon", (series.symbol,), start, end, **asked)
        assert polygon[series.symbol] == rows_of(held), series.path.name
        alpaca_read = adapter_rows(recorded.url, "alpaca", (series.symbol,), start, end, **asked)
        assert alpaca_read[series.symbol] == rows_of(held, null_volume=0.0), series.path.name


@needs_recorded
@pytest.mark.parametrize("ticker", ["SPY", "UNITTEST/BTC", "BTC-PERP", "USDJPY.ASK"])
def test_massives_own_client_reads_recorded_rows_when_the_limit_is_small(recorded: SimulatorControl, ticker: str) -> None:
    assert DATA is not None
    series = next(s for s in load_manifest(DATA) if s.symbol == ticker and s.interval is Interval.M1)
    end = series.first + 3 * DAY_US
    source = source_of(SimulatorOptions(data=DATA))
    held = source.bars(symbol=ticker, interval=Interval.M1, start=series.first, end=end, now=0)
    assert massive_rows(recorded.url, ticker, series.first, end, limit=333) == rows_of(held)


@needs_recorded
def test_alpacas_own_client_reads_recorded_rows(recorded: SimulatorControl) -> None:
    start, end = datetime(2013, 10, 7, tzinfo=UTC), datetime(2013, 10, 9, tzinfo=UTC)
    source = source_of(SimulatorOptions(data=DATA))
    read = alpaca_rows(recorded.url, ["SPY", "BAC"], start, end)
    assert list(read) == ["BAC", "SPY"]
    for symbol, rows in read.items():
        held = source.bars(symbol=symbol, interval=Interval.M1, start=to_us(start), end=to_us(end) + MINUTE_US, now=0)
        assert rows == rows_of(held.span(to_us(start), to_us(end) + 1))
        assert rows
