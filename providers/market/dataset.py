"""A folder of recorded bars: `series.csv` names the files, each a gzip CSV. Reads files, keeps nothing.

`series.csv` has the columns `path,symbol,interval,calendar,hours,rows,first,last`. A file has the columns
`ts_utc,open,high,low,close,volume`, or `date` (the session's date) in the place of `ts_utc` for `1d`. Stamps are the bar's
open; an empty volume is unknown, not zero.
"""

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from providers.market.types import SECOND_US, BarBatch, Floats, Hours, Interval, Micros, MicrosArray, to_us

MANIFEST_NAME = "series.csv"
MANIFEST_COLUMNS = ("path", "symbol", "interval", "calendar", "hours", "rows", "first", "last")
VALUE_COLUMNS = ("open", "high", "low", "close", "volume")
_LENGTH = {"ts_utc": len("2024-01-31T09:30:00"), "date": len("2024-01-31")}
_SHAPE = {"ts_utc": "a UTC stamp like 2024-01-31T09:30:00Z", "date": "a date like 2024-01-31"}


class DatasetError(ValueError):
    """A folder or file that is not what it should be; names the file, the line and what was expected."""


@dataclass(frozen=True, slots=True)
class DatasetSeries:
    """One line of the manifest: one file. `first` and `last` are the opens of its first and last bar."""

    path: Path
    symbol: str
    interval: Interval
    calendar: str
    hours: Hours
    rows: int
    first: Micros
    last: Micros


def load_manifest(folder: Path) -> list[DatasetSeries]:
    """The series of a folder in the manifest's order; no bar is read. Raises: DatasetError."""
    manifest = folder / MANIFEST_NAME
    try:
        with manifest.open(newline="", encoding="utf-8") as lines:
            reader = csv.reader(lines)
            header = tuple(next(reader, ()))
            if header != MANIFEST_COLUMNS:
                raise DatasetError(
                    f"{manifest}, line 1: expected the columns {','.join(MANIFEST_COLUMNS)}, got {','.join(header)}"
                )
            return [_series(folder, manifest, number, cells) for number, cells in enumerate(reader, start=2) if cells]
    except OSError as error:
        raise DatasetError(f"{manifest}: cannot be read ({error.strerror}); a data folder holds a {MANIFEST_NAME}") from error


def read_bars(path: Path, *, symbol: str = "") -> BarBatch:
    """All rows of one file in the file's order, for one symbol; numbers are Python's `float(text)`. Raises: DatasetError."""
    header, table = _read_table(path)
    stamp = header[0] if header else ""
    if stamp not in _LENGTH or tuple(header[1:]) != VALUE_COLUMNS:
        expected = f"ts_utc or date, then {','.join(VALUE_COLUMNS)}"
        raise DatasetError(f"{path}, line 1: expected the columns {expected}, got {','.join(header) or 'nothing'}")
    columns: list[Sequence[str]] = list(zip(*table, strict=True)) if table else [()] * len(header)
    start = _starts(path, columns[0], stamp)
    opened, high, low, close = (_floats(path, name, cells) for name, cells in zip(VALUE_COLUMNS[:4], columns[1:5], strict=True))
    unknown = np.full(len(start), np.nan)
    return BarBatch(
        symbols=(symbol,),
        symbol_index=np.zeros(len(start), dtype=np.int32),
        start=start,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=_floats(path, "volume", columns[5], is_optional=True),
        vwap=unknown,
        trade_count=unknown,
    )


def read_series(series: DatasetSeries) -> BarBatch:
    """The rows of a manifest's line, checked against its row count. Raises: DatasetError."""
    batch = read_bars(series.path, symbol=series.symbol)
    if len(batch) != series.rows:
        raise DatasetError(f"{series.path}: expected {series.rows} rows as {MANIFEST_NAME} says, got {len(batch)}")
    return batch


def _series(folder: Path, manifest: Path, number: int, cells: list[str]) -> DatasetSeries:
    if len(cells) != len(MANIFEST_COLUMNS):
        raise DatasetError(f"{manifest}, line {number}: expected {len(MANIFEST_COLUMNS)} cells, got {len(cells)}")
    path, symbol, interval, calendar, hours, rows, first, last = cells
    try:
        return DatasetSeries(
            path=folder / path,
            symbol=symbol,
            interval=Interval(interval),
            calendar=calendar,
            hours=Hours(hours),
            rows=int(rows),
            first=_moment(first),
            last=_moment(last),
        )
    except ValueError as error:
        raise DatasetError(f"{manifest}, line {number}: {error}") from error


def _moment(text: str) -> Micros:
    moment = datetime.fromisoformat(text)
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with gzip.open(path, "rt", newline="", encoding="utf-8") as lines:
            reader = csv.reader(lines)
            header = next(reader, [])
            table = list(reader)
    except (gzip.BadGzipFile, zlib.error, csv.Error, EOFError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: expected a gzip CSV in UTF-8, got something else ({error})") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    for number, cells in enumerate(table, start=2):
        if len(cells) != len(header):
            raise DatasetError(f"{path}, line {number}: expected {len(header)} cells, got {len(cells)}")
    return header, table


def _starts(path: Path, cells: Sequence[str], stamp: str) -> MicrosArray:
    length = _LENGTH[stamp]
    suffix = "Z" if stamp == "ts_utc" else ""
    for number, cell in enumerate(cells, start=2):
        if len(cell) != length + len(suffix) or not cell.endswith(suffix):
            raise DatasetError(f"{path}, line {number}: expected {_SHAPE[stamp]}, got {cell!r}")
    try:
        seconds = np.array([cell[:length] for cell in cells], dtype="datetime64[s]").astype(np.int64)
    except ValueError:
        raise DatasetError(f"{path}, line {_first_bad_stamp(cells, length)}: expected {_SHAPE[stamp]}") from None
    return np.multiply(seconds, SECOND_US, dtype=np.int64)


def _first_bad_stamp(cells: Sequence[str], length: int) -> int:
    for number, cell in enumerate(cells, start=2):
        try:
            np.datetime64(cell[:length], "s")
        except ValueError:
            return number
    raise AssertionError("no stamp of the column is bad")


def _floats(path: Path, name: str, cells: Sequence[str], *, is_optional: bool = False) -> Floats:
    texts: Sequence[str] = [cell or "nan" for cell in cells] if is_optional else cells
    try:
        values: npt.NDArray[np.float64] = np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
    except ValueError:
        number = next(n for n, text in enumerate(texts, start=2) if not _is_number(text))
        cell = next(islice(cells, number - 2, None))
        raise DatasetError(f"{path}, line {number}: expected a number as {name}, got {cell!r}") from None
    wrong = np.isinf(values) if is_optional else ~np.isfinite(values)
    if wrong.any():
        number = int(np.flatnonzero(wrong)[0]) + 2
        raise DatasetError(f"{path}, line {number}: expected a finite {name}, got {cells[number - 2]!r}")
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
