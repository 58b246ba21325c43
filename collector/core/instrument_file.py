"""Reading a CSV file of instruments: every fault of the file is found, each with its line. Pure.

Columns: `symbol` and `calendar` are needed; `mic, name, asset_class, tier, interval, hours, adjustment, feed_scope, listed_at,
delisted_at, collect_from, collect_until, quotes` and `vendor:<provider>` may be there. An empty cell says nothing: a new row takes the
default, an existing one stays as it is. `interval` and `hours` may name several, separated by `;`: a series each.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import Any

from collector.core.symbols import is_mic, is_symbol
from collector.core.times import parse_day, parse_instant
from providers.market.calendar import get_calendar
from providers.market.types import Adjustment, AssetClass, FeedScope, Hours, Interval

NEEDED = ("symbol", "calendar")
VENDOR_PREFIX = "vendor:"
DEFAULT_MIC = "XXXX"
MOST_NAME_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class LineError:
    """One fault. Line 1 is the header."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class InstrumentFileError(ValueError):
    """The file has faults; `errors` holds all of them in order of their lines."""

    def __init__(self, errors: Iterable[LineError]) -> None:
        self.errors = sorted(errors, key=lambda error: error.line)
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True, slots=True)
class InstrumentLine:
    """One good line. `instrument` and `series` hold what the line said, by field name."""

    line: int
    symbol: str
    mic: str
    instrument: dict[str, Any]
    intervals: tuple[Interval, ...]
    hours: tuple[Hours, ...]
    says_hours: bool
    adjustment: Adjustment
    series: dict[str, Any]
    quotes: bool | None
    vendor_symbols: dict[str, str]


def decode(data: bytes) -> str:
    """Text of a file, with or without a byte order mark. Raises: InstrumentFileError when it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InstrumentFileError([LineError(line, f"expected UTF-8, got the byte 0x{data[error.start]:02x}")]) from error


def parse(*, text: str, tiers: Collection[str], providers: Collection[str]) -> list[InstrumentLine]:
    """The lines of a file. Raises: InstrumentFileError with every fault found."""
    rows = _rows(text)
    _, header = next(rows, (1, []))
    columns = [_column(name.strip()) for name in header]
    if faults := list(_header_faults(columns, providers)):
        raise InstrumentFileError(faults)
    readers = _readers(tiers)
    lines: list[InstrumentLine] = []
    errors: list[LineError] = []
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        found = _line(number, row, columns, readers)
        if isinstance(found, InstrumentLine):
            lines.append(found)
        else:
            errors += found
    errors += _repeats(lines)
    if errors:
        raise InstrumentFileError(errors)
    return lines


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins. Raises: InstrumentFileError for broken quoting or a NUL."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InstrumentFileError([LineError(begins, f"expected comma-separated values: {error}")]) from error
        yield begins, row


def _column(name: str) -> str:
    return name if name.lower().startswith(VENDOR_PREFIX) else name.lower()


def _header_faults(columns: list[str], providers: Collection[str]) -> Iterator[LineError]:
    known = {*NEEDED, *_readers(())}
    for name in columns:
        if name.startswith(VENDOR_PREFIX):
            if name.removeprefix(VENDOR_PREFIX) not in providers:
                yield LineError(1, f"unknown provider in column {name!r}; known: {_list(providers)}")
        elif name not in known:
            yield LineError(1, f"unknown column {name!r}; known: {_list(known)}, {VENDOR_PREFIX}<provider>")
    for name in sorted({name for name in columns if columns.count(name) > 1}):
        yield LineError(1, f"column {name!r} stands twice")
    for name in NEEDED:
        if name not in columns:
            yield LineError(1, f"column {name!r} is missing")


def _line(
    number: int, row: list[str], columns: list[str], readers: dict[str, Callable[[str], Any]]
) -> InstrumentLine | list[LineError]:
    if len(row) != len(columns):
        return [LineError(number, f"expected {len(columns)} cells as in the header, got {len(row)}")]
    cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True) if cell.strip()}
    said: dict[str, Any] = {}
    errors = [LineError(number, f"{name}: expected a value, got an empty cell") for name in NEEDED if name not in cells]
    for name, cell in cells.items():
        try:
            said[name] = readers.get(name, _vendor_symbol)(cell)
        except ValueError as error:
            errors.append(LineError(number, f"{name}: {error}"))
    errors += [LineError(number, message) for message in _contradictions(said)]
    return errors or _collect(number, said)


def _collect(number: int, said: dict[str, Any]) -> InstrumentLine:
    def pick(*names: str) -> dict[str, Any]:
        return {name: said[name] for name in names if name in said}

    return InstrumentLine(
        line=number,
        symbol=said["symbol"],
        mic=said.get("mic", DEFAULT_MIC),
        instrument=pick("name", "calendar", "asset_class", "listed_at", "delisted_at"),
        intervals=said.get("interval", (Interval.M1,)),
        hours=said.get("hours", (Hours.REGULAR,)),
        says_hours="hours" in said,
        adjustment=said.get("adjustment", Adjustment.RAW),
        series=pick("tier", "feed_scope", "collect_from", "collect_until"),
        quotes=said.get("quotes"),
        vendor_symbols={
            name.removeprefix(VENDOR_PREFIX): symbol for name, symbol in said.items() if name.startswith(VENDOR_PREFIX)
        },
    )


def _contradictions(said: dict[str, Any]) -> Iterator[str]:
    for first, second in (("listed_at", "delisted_at"), ("collect_from", "collect_until")):
        if first in said and second in said and said[first] >= said[second]:
            yield f"{second}: expected a time after {first}, {said[first].isoformat()}, got {said[second].isoformat()}"
    for hours in said.get("hours", ()):
        if "calendar" in said:
            try:
                get_calendar(said["calendar"], hours)
            except ValueError as error:
                yield f"hours: {error}"


def _repeats(lines: list[InstrumentLine]) -> Iterator[LineError]:
    first: dict[tuple[str, str], int] = {}
    for line in lines:
        before = first.setdefault((line.symbol, line.mic), line.line)
        if before != line.line:
            yield LineError(line.line, f"symbol: {line.symbol} ({line.mic}) stands on line {before} already")


def _readers(tiers: Collection[str]) -> dict[str, Callable[[str], Any]]:
    return {
        "symbol": _symbol,
        "mic": _mic,
        "name": _name,
        "calendar": _calendar,
        "asset_class": lambda cell: _one_of(AssetClass, cell.lower()),
        "tier": lambda cell: _tier(cell, tiers),
        "interval": lambda cell: _several(Interval, cell),
        "hours": lambda cell: _several(Hours, cell.lower()),
        "adjustment": lambda cell: _one_of(Adjustment, cell.lower()),
        "feed_scope": lambda cell: _one_of(FeedScope, cell.lower()),
        "listed_at": _moment,
        "delisted_at": _moment,
        "collect_from": _moment,
        "collect_until": _moment,
        "quotes": _yes_or_no,
    }


def _symbol(cell: str) -> str:
    if not is_symbol(cell):
        raise ValueError(f"expected 1 to 40 characters without commas and spaces, got {cell!r}")
    return cell


_vendor_symbol = _symbol


def _mic(cell: str) -> str:
    if not is_mic(cell):
        raise ValueError(f"expected a code of four capital letters or digits, such as XNAS, got {cell!r}")
    return cell


def _name(cell: str) -> str:
    if len(cell) > MOST_NAME_CHARACTERS or not cell.isprintable():
        raise ValueError(f"expected at most {MOST_NAME_CHARACTERS} printable characters, got {cell[:40]!r}")
    return cell


def _calendar(cell: str) -> str:
    get_calendar(cell)
    return cell


def _tier(cell: str, tiers: Collection[str]) -> str:
    if cell not in tiers:
        raise ValueError(f"expected one of {_list(tiers)}, got {cell!r}")
    return cell


def _one_of(kind: type[StrEnum], cell: str) -> StrEnum:
    try:
        return kind(cell)
    except ValueError:
        raise ValueError(f"expected one of {', '.join(kind)}, got {cell!r}") from None


def _yes_or_no(cell: str) -> bool:
    if cell.lower() not in {"yes", "no"}:
        raise ValueError(f"expected yes or no, got {cell!r}")
    return cell.lower() == "yes"


def _several(kind: type[StrEnum], cell: str) -> tuple[StrEnum, ...]:
    return tuple(dict.fromkeys(_one_of(kind, part.strip()) for part in cell.split(";") if part.strip())) or (
        _one_of(kind, cell),
    )


def _moment(cell: str) -> datetime:
    """A date is its first instant, UTC."""
    return parse_instant(cell) if cell[10:11] in ("T", "t") else datetime.combine(parse_day(cell), time(), tzinfo=UTC)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
