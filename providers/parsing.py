"""From a vendor's JSON to columns, shared by adapters. Pure.

Two ways lead to the same `BarBatch`. The fast one decodes the whole body into typed rows and turns them into columns. It
refuses a body at its first odd value; then the lenient one reads row by row, accepts numbers in any form (int, float,
exponent, string) and keeps what it cannot read as `MalformedRow`, so that one bad row never costs its batch.

Row keys are the common short ones, unless the vendor's names are given: `o h l c` required, `v vw n` optional, `t` in the form
of the vendor.
"""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, tzinfo
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from marketdata_site.observability.redaction import redact
from providers.errors import MalformedAnswer, UnsupportedRequest, VendorFault
from providers.market.types import (
    DAY_US,
    BarBatch,
    BarQuery,
    Floats,
    Interval,
    MalformedRow,
    Micros,
    MicrosArray,
    from_us,
    to_us,
)

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]
Decoded = TypeVar("Decoded")

_STAMP_LIMIT_US = to_us(datetime(2262, 1, 1, tzinfo=UTC))
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_EXCERPT_SOURCE_BYTES = 8_192
_PRICES = ("o", "h", "l", "c")
_OPTIONAL = ("v", "vw", "n")
_SHORT_NAMES: Mapping[str, str] = {key: key for key in ("t", *_PRICES, *_OPTIONAL)}


class BarRow(msgspec.Struct, kw_only=True, gc=False):
    """A row of the fast way without its stamp; None where the vendor sent none."""

    o: float
    h: float
    l: float  # noqa: E741 - the vendors' key
    c: float
    v: float | None = None
    vw: float | None = None
    n: float | None = None


def decode_or_none(decoder: msgspec.json.Decoder[Decoded], body: bytes) -> Decoded | None:
    """The typed body, None when any value of it has another form: then the lenient way has to look."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def batch_of_rows(
    *, symbols: tuple[str, ...], symbol_index: npt.NDArray[np.int32], start: MicrosArray, rows: Sequence[BarRow]
) -> BarBatch:
    """Columns of typed rows; `start` is given because each vendor stamps in its own unit."""
    return BarBatch(
        symbols=symbols,
        symbol_index=symbol_index,
        start=start,
        open=np.array([r.o for r in rows], dtype=np.float64),
        high=np.array([r.h for r in rows], dtype=np.float64),
        low=np.array([r.l for r in rows], dtype=np.float64),
        close=np.array([r.c for r in rows], dtype=np.float64),
        volume=_optional_column([r.v for r in rows]),
        vwap=_optional_column([r.vw for r in rows]),
        trade_count=_optional_column([r.n for r in rows]),
    )


def _optional_column(values: list[float | None]) -> Floats:
    return np.array(values, dtype=np.float64)  # numpy reads None as NaN


@dataclass(slots=True)
class LenientBars:
    """Collects rows of the lenient way; `stamp` reads the vendor's `t` or raises ValueError.

    `names`: the vendor's key for each of ours; what it does not name is not read.
    """

    stamp: Callable[[object], Micros]
    symbols: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=lambda: _SHORT_NAMES)
    _index: list[int] = field(default_factory=list)
    _starts: list[Micros] = field(default_factory=list)
    _rows: list[BarRow] = field(default_factory=list)
    _malformed: list[MalformedRow] = field(default_factory=list)

    def add(self, symbol: str, raw: object) -> None:
        """Read one row of `symbol`, one of `symbols`."""
        try:
            start, row = _read_row(raw, stamp=self.stamp, names=self.names)
        except ValueError as error:
            self.refuse(symbol, raw, reason=str(error))
            return
        self._index.append(self.symbols.index(symbol))
        self._starts.append(start)
        self._rows.append(row)

    def refuse(self, symbol: str, raw: object, *, reason: str) -> None:
        """Keep a row that must not become a bar."""
        self._malformed.append(MalformedRow(symbol=symbol, raw=raw_text(raw), reason=reason))

    def batch(self) -> BarBatch:
        """What was read so far."""
        batch = batch_of_rows(
            symbols=self.symbols,
            symbol_index=np.array(self._index, dtype=np.int32),
            start=np.array(self._starts, dtype=np.int64),
            rows=self._rows,
        )
        return replace(batch, malformed=tuple(self._malformed))


def _read_row(raw: object, *, stamp: Callable[[object], Micros], names: Mapping[str, str]) -> tuple[Micros, BarRow]:
    if not isinstance(raw, dict):
        raise ValueError("expected an object")  # noqa: TRY004 - one error class for "no row"
    if None in raw:  # what `csv_rows` keeps there: nobody can tell which values were meant for which column
        raise ValueError("expected as many values as the header has names")
    if names["t"] not in raw:
        raise ValueError(f"{names['t']} is missing")
    prices = {key: number(raw.get(names[key]), name=names[key]) for key in _PRICES}
    known = {key: names[key] for key in _OPTIONAL if key in names and raw.get(names[key]) not in (None, "")}
    rest = {key: number(raw[name], name=name) for key, name in known.items()}
    return stamp(raw[names["t"]]), BarRow(**prices, **rest)


def raw_text(raw: object) -> str:
    """A row as it is kept for an operator to see."""
    try:
        return json.dumps(raw, default=str)
    except (ValueError, RecursionError):  # nested as deeply as JSON may just be
        return "nested too deeply to be shown"


def number(value: object, *, name: str) -> float:
    """A finite double of a JSON number or a string that holds one. Raises: ValueError that names the key."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (isinstance(value, str) and "_" in value):
        raise ValueError(f"{name} must be a number, got {str(value)[:40]!r}")
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} must be a number, got {str(value)[:40]!r}") from None
    if not math.isfinite(parsed):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return parsed


def micros_of_ms(value: object) -> Micros:
    """Epoch microseconds of epoch milliseconds in any number form. Raises: ValueError."""
    return _rounded(number(value, name="t") * 1000, f"t is no epoch of milliseconds: {value!r}")


def micros_of_seconds(value: object) -> Micros:
    """Epoch microseconds of epoch seconds in any number form. Raises: ValueError."""
    return _rounded(number(value, name="t") * 1_000_000, f"t is no epoch of seconds: {value!r}")


def _rounded(micros: float, complaint: str) -> Micros:
    if abs(micros) > _STAMP_LIMIT_US:
        raise ValueError(complaint)
    return round(micros)


def micros_of_ms_column(values: list[float]) -> MicrosArray | None:
    """The same for a column; None when any is out of range."""
    column = np.array(values, dtype=np.float64)
    return None if (np.abs(column) > _STAMP_LIMIT_US / 1000).any() else np.rint(column * 1000.0).astype(np.int64)


def micros_of_rfc3339(value: object) -> Micros:
    """Epoch microseconds of an RFC 3339 string with a zone; nanoseconds are rounded. Raises: ValueError."""
    try:
        micros = to_us(msgspec.convert(value, type=AwareTime, strict=True))
    except msgspec.ValidationError:
        raise ValueError(f"t must be an RFC 3339 time with a zone, got {str(value)[:40]!r}") from None
    return _rounded(micros, f"t is no time of these centuries: {str(value)[:40]!r}")


def micros_of_times(values: list[datetime]) -> MicrosArray | None:
    """Epoch microseconds of aware datetimes, None when any is out of range.

    Doubles of seconds hold microseconds exactly until 2106, where they reach 2**32.
    """
    seconds = np.array([moment.timestamp() for moment in values], dtype=np.float64)
    micros = np.rint(seconds * 1_000_000.0)
    return None if (np.abs(micros) > _STAMP_LIMIT_US).any() else micros.astype(np.int64)


def json_document(body: bytes, *, secrets: Collection[str]) -> object:
    """Any JSON value; `secrets` are kept out of the errors.

    Raises: VendorFault when the body broke off (empty, or JSON whose brackets never close): asking again helps.
    MalformedAnswer when it is complete and no JSON, such as an HTML page.
    """
    try:
        return json.loads(body.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        pass
    if has_broken_off(body):
        raise VendorFault(f"the answer broke off after {len(body)} bytes")
    raise MalformedAnswer(f"expected JSON, got {excerpt(body, secrets=secrets)!r}")


def json_object(body: bytes, *, secrets: Collection[str]) -> dict[str, Any]:
    """A JSON object. Raises: as `json_document`; MalformedAnswer for any other JSON value."""
    document = json_document(body, secrets=secrets)
    if not isinstance(document, dict):
        raise MalformedAnswer(f"expected a JSON object, got {excerpt(body, secrets=secrets)!r}")
    return document


def csv_rows(body: bytes, *, columns: Collection[str]) -> list[dict[str, str]] | None:
    """Rows of a CSV answer whose header names at least `columns`; None when the body has no such header.

    Rows of another length than the header keep their surplus under None, or lack the rest: the row's reader refuses them.
    Raises: VendorFault when the last line does not end, because then it may be half a line; MalformedAnswer for what is no CSV below
    its header.
    """
    lines = body.decode("utf-8-sig", errors="replace")
    header, _, _ = lines.partition("\n")
    names = [name.strip().strip('"') for name in header.split(",")]
    if not set(columns) <= set(names):
        return None
    if not lines.endswith("\n"):
        raise VendorFault(f"the answer broke off after {len(body)} bytes")
    try:
        return list(csv.DictReader(io.StringIO(lines), names, skipinitialspace=True))[1:]
    except csv.Error as error:
        raise MalformedAnswer(f"expected CSV of {header[:80]!r}: {error}") from None


def has_broken_off(body: bytes) -> bool:
    """True for an empty body and for one that opens as JSON and ends before its brackets or strings are closed."""
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        return True
    if text[:1] not in (b"{", b"["):
        return False
    bare = _JSON_STRING.sub(b"", text)
    opened = bare.count(b"{") + bare.count(b"[")
    return b'"' in bare or opened > bare.count(b"}") + bare.count(b"]")


def excerpt(body: bytes, *, secrets: Collection[str], length: int = 80) -> str:
    """The redacted beginning of a body on one line, for error messages.

    Redacted before it is cut: half a key at the cut would pass unseen.
    """
    text = body[:_EXCERPT_SOURCE_BYTES].decode("utf-8", errors="replace")
    return " ".join(redact(text, secrets=secrets).split())[:length]


def to_session_dates(batch: BarBatch, *, zone: tzinfo) -> BarBatch:
    """Stamp daily bars at 00:00 UTC of the date that their vendor's stamp falls on in `zone`."""
    days = [from_us(start).astimezone(zone).toordinal() - _EPOCH_DAY for start in batch.start.tolist()]
    return replace(batch, start=np.array(days, dtype=np.int64) * DAY_US)


def within(batch: BarBatch, *, query: BarQuery) -> BarBatch:
    """The rows of `[query.start, query.end)`; vendors include the end, some send rows before the start."""
    inside = (batch.start >= query.start) & (batch.start < query.end)
    return batch if inside.all() else batch.where(inside)


def clamped(micros: Micros) -> Micros:
    """An instant that every calendar and vendor can spell; callers with an open end name very distant ones."""
    return min(max(micros, -_STAMP_LIMIT_US), _STAMP_LIMIT_US)


def session_span(query: BarQuery) -> tuple[date, date]:
    """First and last date, both inclusive, whose 00:00 UTC lies in a daily query.

    Raises: UnsupportedRequest when there is none: the vendor would answer for a day that was not asked for.
    """
    first, last = -(-clamped(query.start) // DAY_US), (clamped(query.end) - 1) // DAY_US
    if query.interval is not Interval.D1 or first > last:
        raise UnsupportedRequest(f"no session date in [{query.start}, {query.end})")
    return date.fromordinal(_EPOCH_DAY + first), date.fromordinal(_EPOCH_DAY + last)


def midnight(day: date) -> datetime:
    """00:00 UTC of a date."""
    return datetime.combine(day, time.min, UTC)


def joined(symbols: Iterable[str], *, at_most: int = 5) -> str:
    """Symbols for a message, shortened."""
    names = list(symbols)
    return ", ".join(names[:at_most]) + (f" and {len(names) - at_most} more" if len(names) > at_most else "")
