"""From a vendor's JSON to columns of quotes, shared by adapters. Pure.

Row by row: numbers may have any form (int, float, exponent, string), and what cannot be read is kept as `MalformedRow`, so that one bad
row never costs its batch. A price of 0 or null is "no side", which has no size either. Crossed, locked and negative prices go through
as they came: checking is `collector.core.quotes`' work.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isnan, nan
from zoneinfo import ZoneInfo

import numpy as np

from providers.market.quotes import SIZE_UNITS, QuoteBatch, SizeUnit
from providers.market.types import MalformedRow, Micros, to_us
from providers.parsing import micros_of_rfc3339, number, raw_text

US_SIZES_IN_SHARES_SINCE = to_us(datetime(2025, 11, 3, tzinfo=ZoneInfo("America/New_York")))
"""From this date in New York the sizes of consolidated US quotes count shares; before it, round lots (mostly of 100 shares)."""

_STAMP_LIMIT_NS = to_us(datetime(2262, 1, 1, tzinfo=UTC)) * 1_000
_BEYOND_MICROS = re.compile(r"(\.\d{6})\d+")
_Sides = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class QuoteNames:
    """The vendor's keys. Without a key for sizes there are none."""

    at: str
    bid: str
    ask: str
    bid_size: str = ""
    ask_size: str = ""


@dataclass(slots=True)
class QuoteRows:
    """Collects rows; `stamp` reads the vendor's time or raises ValueError, `unit` is that of the sizes at that time."""

    symbols: tuple[str, ...]
    names: QuoteNames
    stamp: Callable[[object], Micros]
    unit: Callable[[Micros], SizeUnit]
    _rows: list[tuple[int, Micros, _Sides]] = field(default_factory=list)
    _malformed: list[MalformedRow] = field(default_factory=list)

    def add(self, symbol: str, row: object, *, sent: object = None) -> None:
        """Read one row of `symbol`; one of a symbol that is not in `symbols` was not asked for and is kept aside.

        `sent`: what the vendor sent, where `row` was made of it.
        """
        raw = row if sent is None else sent
        if symbol not in self.symbols:
            self.refuse(symbol, raw, reason=f"{symbol[:40]!r} was not asked for")
            return
        try:
            at, sides = self._read(row)
        except ValueError as error:
            self.refuse(symbol, raw, reason=str(error))
            return
        self._rows.append((self.symbols.index(symbol), at, sides))

    def refuse(self, symbol: str, raw: object, *, reason: str) -> None:
        """Keep a row that must not become a quote."""
        self._malformed.append(MalformedRow(symbol=symbol, raw=raw_text(raw), reason=reason))

    def batch(self) -> QuoteBatch:
        """What was read so far."""
        sides = np.array([sides for _, _, sides in self._rows], dtype=np.float64).reshape(-1, 4)
        units = [SIZE_UNITS.index(self._unit(at, sides)) for _, at, sides in self._rows]
        return QuoteBatch(
            symbols=self.symbols,
            symbol_index=np.array([index for index, _, _ in self._rows], dtype=np.int32),
            at=np.array([at for _, at, _ in self._rows], dtype=np.int64),
            bid=sides[:, 0],
            ask=sides[:, 1],
            bid_size=sides[:, 2],
            ask_size=sides[:, 3],
            size_unit=np.array(units, dtype=np.int8),
            malformed=tuple(self._malformed),
        )

    def _unit(self, at: Micros, sides: _Sides) -> SizeUnit:
        has_size = not isnan(sides[2]) or not isnan(sides[3])
        return self.unit(at) if has_size else SizeUnit.UNKNOWN

    def _read(self, raw: object) -> tuple[Micros, _Sides]:
        names = self.names
        if not isinstance(raw, dict):
            raise ValueError("expected an object")  # noqa: TRY004 - one error class for "no row"
        if names.bid not in raw and names.ask not in raw:
            raise ValueError(f"{names.bid} and {names.ask} are missing")
        said = raw.get(names.at)
        at = 0 if said in (None, "") else self.stamp(said)
        bid, ask = _price(raw, names.bid), _price(raw, names.ask)
        return at, (bid, ask, _size(raw, names.bid_size, price=bid), _size(raw, names.ask_size, price=ask))


def _price(raw: Mapping[str, object], name: str) -> float:
    price = _number_or_nan(raw, name)
    return nan if price == 0 else price


def _size(raw: Mapping[str, object], name: str, *, price: float) -> float:
    size = _number_or_nan(raw, name)  # read even beside no price: an unreadable one makes its row unreadable
    return size if not isnan(price) else nan


def _number_or_nan(raw: Mapping[str, object], name: str) -> float:
    value = raw.get(name)
    return nan if value in (None, "") else number(value, name=name)


def us_size_unit(at: Micros) -> SizeUnit:
    """What sizes of consolidated US quotes counted at a time; unknown when the quote names no time."""
    if at == 0:
        return SizeUnit.UNKNOWN
    return SizeUnit.SHARES if at >= US_SIZES_IN_SHARES_SINCE else SizeUnit.ROUND_LOTS


def in_base_units(at: Micros) -> SizeUnit:
    """Units of the base currency or coin, at any time."""
    return SizeUnit.BASE


def micros_of_ns(value: object) -> Micros:
    """Epoch microseconds of epoch nanoseconds, cut. Integers stay integers: a double holds no nanosecond. Raises: ValueError."""
    is_whole = isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdecimal())
    if isinstance(value, bool) or not is_whole:
        value = number(value, name="t")
    nanos = int(value)  # type: ignore[call-overload]
    if abs(nanos) > _STAMP_LIMIT_NS:
        raise ValueError(f"t is no epoch of nanoseconds: {str(value)[:40]!r}")
    micros: Micros = nanos // 1_000
    return micros


def cut_micros_of_rfc3339(value: object) -> Micros:
    """Epoch microseconds of an RFC 3339 string with a zone; what is finer is cut. Raises: ValueError."""
    return micros_of_rfc3339(_BEYOND_MICROS.sub(r"\1", value) if isinstance(value, str) else value)
