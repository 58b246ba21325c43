"""A folder of recorded bars is read exactly, and what is wrong with it is named by file and line."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from providers.market.dataset import DatasetError, load_manifest, read_bars, read_series
from providers.market.types import DAY_US, SECOND_US, Hours, Interval
from tests.recorded import DATA, needs_recorded

HEADER = "path,symbol,interval,calendar,hours,rows,first,last\n"
LINE = "bars.csv.gz,UNITTEST/BTC,1m,24/7,regular,2,2024-01-02T00:00:00Z,2024-01-02T00:01:00Z\n"
ROWS = (
    "ts_utc,open,high,low,close,volume\n"
    "2024-01-02T00:00:00Z,0.1,0.30000000000000004,0.1,0.2,7\n"
    "2024-01-02T00:01:00Z,0.2,0.2,0.2,0.2,\n"
)


def _file(folder: Path, text: str, name: str = "bars.csv.gz") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_bars_are_read_exactly_when_decimals_are_long_and_a_volume_is_empty(tmp_path: Path) -> None:
    batch = read_bars(_file(tmp_path, ROWS), symbol="UNITTEST/BTC")
    assert batch.symbols == ("UNITTEST/BTC",)
    assert batch.start.tolist() == [1_704_153_600 * SECOND_US, 1_704_153_660 * SECOND_US]
    assert batch.high.tolist() == [0.30000000000000004, 0.2]
    assert batch.volume[0] == 7.0
    assert np.isnan(batch.volume[1])
    assert np.isnan(batch.vwap).all()


def test_daily_bars_are_stamped_at_midnight_utc_when_the_file_has_dates(tmp_path: Path) -> None:
    batch = read_bars(_file(tmp_path, "date,open,high,low,close,volume\n1998-01-02,1,2,1,2,3\n"))
    assert batch.start.tolist() == [10_228 * DAY_US]


def test_a_file_without_rows_is_an_empty_batch(tmp_path: Path) -> None:
    assert len(read_bars(_file(tmp_path, "ts_utc,open,high,low,close,volume\n"))) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: expected the columns ts_utc or date"),
        ("when,open,high,low,close,volume\n", "line 1: expected the columns ts_utc or date"),
        (ROWS + "2024-01-02T00:02:00Z,1,1,1\n", "line 4: expected 6 cells, got 4"),
        (ROWS + "2024-01-02T00:02:00,1,1,1,1,1\n", "line 4: expected a UTC stamp like"),
        (ROWS + "2024-01-02T00:99:00Z,1,1,1,1,1\n", "line 4: expected a UTC stamp like"),
        (ROWS + "2024-01-02T00:02:00Z,1,x,1,1,1\n", "line 4: expected a number as high, got 'x'"),
        (ROWS + "2024-01-02T00:02:00Z,,1,1,1,1\n", "line 4: expected a number as open, got ''"),
        (ROWS + "2024-01-02T00:02:00Z,1,1,1,nan,1\n", "line 4: expected a finite close, got 'nan'"),
        (ROWS + "2024-01-02T00:02:00Z,1,1,1,1,inf\n", "line 4: expected a finite volume, got 'inf'"),
    ],
)
def test_a_broken_file_is_refused_by_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DatasetError, match=r"bars\.csv\.gz, ") as caught:
        read_bars(_file(tmp_path, text))
    assert said in str(caught.value)


def test_a_file_that_is_no_gzip_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv.gz"
    path.write_text(ROWS)
    with pytest.raises(DatasetError, match=r"bars\.csv\.gz: expected a gzip CSV"):
        read_bars(path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"bars\.csv\.gz: cannot be read"):
        read_bars(tmp_path / "bars.csv.gz")


def test_a_manifest_names_its_series(tmp_path: Path) -> None:
    (tmp_path / "series.csv").write_text(HEADER + LINE)
    (series,) = load_manifest(tmp_path)
    assert (series.symbol, series.interval, series.hours, series.rows) == ("UNITTEST/BTC", Interval.M1, Hours.REGULAR, 2)
    assert series.path == tmp_path / "bars.csv.gz"
    assert series.last - series.first == 60 * SECOND_US


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,symbol\n", "line 1: expected the columns path,symbol,interval"),
        (HEADER + "bars.csv.gz,AAPL\n", "line 2: expected 8 cells, got 2"),
        (HEADER + LINE.replace("1m", "2m"), "line 2: '2m' is not a valid Interval"),
        (HEADER + LINE.replace("regular", "nightly"), "line 2: 'nightly' is not a valid Hours"),
        (HEADER + LINE.replace(",2,", ",two,"), "line 2: invalid literal"),
    ],
)
def test_a_broken_manifest_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "series.csv").write_text(text)
    with pytest.raises(DatasetError) as caught:
        load_manifest(tmp_path)
    assert f"series.csv, {said}" in str(caught.value)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"series\.csv: cannot be read"):
        load_manifest(tmp_path)


def test_a_series_is_refused_when_its_file_has_another_number_of_rows(tmp_path: Path) -> None:
    _file(tmp_path, ROWS.rsplit("\n", 2)[0] + "\n")
    (tmp_path / "series.csv").write_text(HEADER + LINE)
    with pytest.raises(DatasetError, match=r"expected 2 rows as series\.csv says, got 1"):
        read_series(load_manifest(tmp_path)[0])


@needs_recorded
def test_every_recorded_series_is_read_as_its_manifest_says() -> None:
    assert DATA is not None
    for series in load_manifest(DATA):
        batch = read_series(series)
        assert (batch.start[0], batch.start[-1]) == (series.first, series.last)
        with gzip.open(series.path, "rt") as lines:
            last = lines.read().splitlines()[-1].split(",")
        assert [batch.open[-1], batch.high[-1], batch.low[-1], batch.close[-1]] == list(map(float, last[1:5]))
