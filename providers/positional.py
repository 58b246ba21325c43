"""Bars that a vendor sends as rows without names, each value known by its place. Pure."""

from collections.abc import Mapping, Sequence

import numpy as np

from providers.market.types import BarBatch, Floats
from providers.parsing import LenientBars, micros_of_ms, micros_of_seconds

_STAMPS = {1_000: micros_of_ms, 1_000_000: micros_of_seconds}
_STAMP_LIMIT_US = 9.2e18


def batch_of_positions(*, symbol: str, rows: Sequence[object], places: Mapping[str, int], stamp_us: int) -> BarBatch:
    """Columns of one symbol's rows; `places` gives the place of each of our short names, numbers may be strings.

    `stamp_us`: microseconds in one unit of the stamp. Rows that cannot be read are kept as malformed.
    """
    table = _table(rows, list(places.values()))
    if table is None or (np.abs(table[:, list(places).index("t")]) > _STAMP_LIMIT_US / stamp_us).any():
        return _lenient(symbol, rows, places, stamp_us)
    return _batch(symbol, table, list(places), stamp_us)


def _table(rows: Sequence[object], places: Sequence[int]) -> Floats | None:
    """All values as doubles, a row a line; None when any row is odd."""
    if not all(isinstance(row, list) and len(row) > max(places) for row in rows):
        return None
    values = [[row[place] for place in places] for row in rows]  # type: ignore[index]
    if any(isinstance(value, bool) or (isinstance(value, str) and "_" in value) for row in values for value in row):
        return None  # numpy reads them as numbers
    try:
        table = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    return table.reshape(len(rows), len(places)) if np.isfinite(table).all() else None


def _batch(symbol: str, table: Floats, names: Sequence[str], stamp_us: int) -> BarBatch:
    columns = dict(zip(names, table.T, strict=True))
    start = np.rint(columns["t"] * stamp_us)
    unknown = np.full(len(table), np.nan)
    return BarBatch(
        symbols=(symbol,),
        symbol_index=np.zeros(len(table), dtype=np.int32),
        start=start.astype(np.int64),
        open=columns["o"],
        high=columns["h"],
        low=columns["l"],
        close=columns["c"],
        volume=columns.get("v", unknown),
        vwap=columns.get("vw", unknown),
        trade_count=columns.get("n", unknown),
    )


def _lenient(symbol: str, rows: Sequence[object], places: Mapping[str, int], stamp_us: int) -> BarBatch:
    bars = LenientBars(stamp=_STAMPS[stamp_us], symbols=(symbol,))
    for row in rows:
        if isinstance(row, list) and len(row) > max(places.values()):
            bars.add(symbol, {name: row[place] for name, place in places.items()})
        else:
            bars.refuse(symbol, row, reason=f"expected a list of {max(places.values()) + 1} values or more")
    return bars.batch()
