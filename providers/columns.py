"""Bars that a vendor sends as parallel arrays, one a column, stamped in epoch seconds. Pure."""

from collections.abc import Mapping
from types import NoneType

import numpy as np

from providers.errors import MalformedAnswer
from providers.market.types import BarBatch, Floats
from providers.parsing import LenientBars, micros_of_seconds

_PRICES = ("o", "h", "l", "c")
_STAMP_LIMIT_S = 9.2e9  # the year 2261


def columns_of_arrays(arrays: Mapping[str, object], *, names: Mapping[str, str]) -> dict[str, list[object]]:
    """The arrays by our keys; `names` gives the vendor's key for each of ours. The volume may be missing.

    Raises: MalformedAnswer when others are missing or any differ in length: nobody can tell which values belong together.
    """
    found: dict[str, list[object]] = {}
    for key, name in names.items():
        column = arrays.get(name)
        if isinstance(column, list):
            found[key] = column
        elif column is not None or key in ("t", *_PRICES):
            raise MalformedAnswer(f"expected a list of {name!r}, got {type(column).__name__}")
    lengths = {names[key]: len(column) for key, column in found.items()}
    if len(set(lengths.values())) > 1:
        raise MalformedAnswer(f"expected lists of equal length, got {', '.join(f'{n} {size}' for n, size in lengths.items())}")
    return found


def batch_of_columns(columns: Mapping[str, list[object]], *, symbol: str, names: Mapping[str, str]) -> BarBatch:
    """Bars of one symbol; `t` holds epoch seconds, and what they are the label of is for the adapter to know.

    A row whose prices are all null is no bar and is left out; one that lacks some of them is kept as malformed.
    """
    numbers = {key: _numbers(column) for key, column in columns.items()}
    if all(column is not None for column in numbers.values()):
        clean = {key: column for key, column in numbers.items() if column is not None}
        is_null = np.all([np.isnan(clean[key]) for key in _PRICES], axis=0)
        clean = {key: column[~is_null] for key, column in clean.items()}
        if _is_sound(clean):
            return _batch(clean, symbol)
    return _read_leniently(columns, symbol=symbol, names=names)


def _numbers(column: list[object]) -> Floats | None:
    """Doubles of a column, NaN for null; None when something in it is no number: a text or a truth has to be looked at by itself."""
    if not {type(value) for value in column} <= {int, float, NoneType}:
        return None
    try:
        numbers = np.array(column, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    return numbers if numbers.ndim == 1 else None


def _is_sound(columns: Mapping[str, Floats]) -> bool:
    is_price_known = all(np.isfinite(columns[key]).all() for key in _PRICES)
    has_odd_volume = "v" in columns and np.isinf(columns["v"]).any()
    return bool(is_price_known and not has_odd_volume and (np.abs(columns["t"]) < _STAMP_LIMIT_S).all())


def _batch(columns: Mapping[str, Floats], symbol: str) -> BarBatch:
    size = len(columns["t"])
    unknown = np.full(size, np.nan)
    return BarBatch(
        symbols=(symbol,),
        symbol_index=np.zeros(size, dtype=np.int32),
        start=np.rint(columns["t"] * 1_000_000.0).astype(np.int64),
        open=columns["o"],
        high=columns["h"],
        low=columns["l"],
        close=columns["c"],
        volume=columns.get("v", unknown),
        vwap=unknown,
        trade_count=unknown,
    )


def _read_leniently(columns: Mapping[str, list[object]], *, symbol: str, names: Mapping[str, str]) -> BarBatch:
    bars = LenientBars(stamp=micros_of_seconds, symbols=(symbol,), names={key: names[key] for key in columns})
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        if any(row[key] is not None for key in _PRICES):
            bars.add(symbol, {names[key]: value for key, value in row.items()})
    return bars.batch()
