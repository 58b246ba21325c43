"""A data folder is served whole, in every spelling, and built up to intervals that it does not hold."""

import gzip
import logging
from pathlib import Path

import pytest

from providers.market.dataset import DatasetError, load_manifest, read_series
from providers.market.types import DAY_US, MINUTE_US, Interval
from providers.simulator.recorded import RecordedSource
from tests.recorded import DATA, needs_recorded
from tests.unit.providers.simulator.clockwork import always

HEADER = "path,symbol,interval,calendar,hours,rows,first,last\n"
COLUMNS = "ts_utc,open,high,low,close,volume\n"
START = 19_724 * DAY_US  # 2024-01-02
FOREVER = 2**62


def _folder(folder: Path, *files: list[str]) -> RecordedSource:
    lines = []
    for number, rows in enumerate(files):
        (folder / f"{number}.csv.gz").write_bytes(gzip.compress((COLUMNS + "".join(f"{row}\n" for row in rows)).encode()))
        lines.append(f"{number}.csv.gz,BTC/USD,1m,24/7,regular,{len(rows)},2024-01-02,2024-01-02\n")
    (folder / "series.csv").write_text(HEADER + "".join(lines))
    return RecordedSource(folder=folder, calendars=always)


def _row(minute: int, close: str = "1.5", volume: str = "2") -> str:
    return f"2024-01-02T00:{minute:02}:00Z,1,2,1,{close},{volume}"


def _read(source: RecordedSource, interval: Interval = Interval.M1, start: int = 0, end: int = FOREVER):
    return source.bars(symbol="X:BTCUSD", interval=interval, start=start, end=end, now=0)


def test_files_of_one_series_are_joined_in_order_and_equal_rows_collapse(tmp_path: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        rows = _read(_folder(tmp_path, [_row(2), _row(3)], [_row(0), _row(2)]))
    assert ((rows.start - START) // MINUTE_US).tolist() == [0, 2, 3]
    assert "1 rows are there twice, 0 of them differ" in caplog.text


def test_the_later_file_wins_and_that_is_logged_when_rows_differ(tmp_path: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        rows = _read(_folder(tmp_path, [_row(2)], [_row(2, close="1.75")]))
    assert rows.close.tolist() == [1.75]
    assert "0.csv.gz, 1.csv.gz: 1 rows are there twice, 1 of them differ" in caplog.text


def test_coarser_bars_are_built_from_minutes_when_the_folder_has_none(tmp_path: Path) -> None:
    source = _folder(tmp_path, [_row(0), _row(1, close="1.25"), _row(5), _row(6, volume="")])
    rows = _read(source, Interval.M5)
    assert ((rows.start - START) // MINUTE_US).tolist() == [0, 5]
    assert (rows.close[0], rows.volume[0], rows.base.tolist()) == (1.25, 4.0, [2, 2])
    assert rows.volume[1] != rows.volume[1]  # one of its minutes is unknown
    assert _read(source, Interval.D1).start.tolist() == [START]


def test_a_window_is_half_open(tmp_path: Path) -> None:
    source = _folder(tmp_path, [_row(0), _row(1), _row(2)])
    assert len(_read(source, start=START + 1, end=START + 2 * MINUTE_US)) == 1


def test_an_unknown_symbol_has_no_bars(tmp_path: Path) -> None:
    source = _folder(tmp_path, [_row(0)])
    assert source.knows("BTC/USD")
    assert not source.knows("AAPL")
    assert len(source.bars(symbol="AAPL", interval=Interval.M1, start=0, end=FOREVER, now=0)) == 0


def test_a_folder_is_refused_when_a_file_of_its_manifest_is_missing(tmp_path: Path) -> None:
    _folder(tmp_path, [_row(0)])
    (tmp_path / "0.csv.gz").unlink()
    with pytest.raises(DatasetError, match=r"the manifest names 0\.csv\.gz, which is not there"):
        RecordedSource(folder=tmp_path, calendars=always)


@needs_recorded
def test_every_recorded_row_is_served_exactly() -> None:
    assert DATA is not None
    source = RecordedSource(folder=DATA, calendars=always)
    for series in load_manifest(DATA):
        batch = read_series(series)
        rows = source.bars(symbol=series.symbol, interval=series.interval, start=series.first, end=series.last + 1, now=0)
        assert rows.start.tolist() == batch.start.tolist()
        assert rows.close.tolist() == batch.close.tolist()
