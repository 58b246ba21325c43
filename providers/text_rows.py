"""Rows of vendors that send every number as a string and stamps as wall time without an offset. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec
import numpy as np

from providers.market.types import BarBatch, Micros, to_us
from providers.parsing import BarRow, LenientBars, batch_of_rows

_WALL = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?")
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T]\d\d:\d\d(?::\d\d)?)?")


class _TextRow(BarRow, kw_only=True, gc=False):
    t: str


def batch_of_text_rows(
    *, symbol: str, rows: Sequence[Any], names: Mapping[str, str], stamp: Callable[[object], Micros]
) -> BarBatch:
    """Columns of one symbol's rows; `names` gives the vendor's key for each of ours. Odd rows are kept as malformed."""
    batch = _typed(symbol, rows, names, stamp)
    if batch is not None:
        return batch
    bars = LenientBars(stamp=stamp, symbols=(symbol,), names=names)
    for raw in rows:
        bars.add(symbol, raw)
    return bars.batch()


def micros_of_wall(value: object, *, zone: tzinfo) -> Micros:
    """Epoch microseconds of `2024-03-08 09:30[:00]` in a zone.

    Raises: ValueError for another form, and for a time that the clocks of the zone show twice or never: which of the two
    instants is meant cannot be known.
    """
    if not isinstance(value, str) or not _WALL.fullmatch(value):
        raise ValueError(f"expected a date and time without a zone, got {str(value)[:40]!r}")
    moment = datetime.fromisoformat(value)
    if zone is UTC:
        return to_us(moment.replace(tzinfo=UTC))
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        raise ValueError(f"{value!r} comes twice or never in {zone}, where the clocks are changed then")
    return to_us(first)


def micros_of_session(value: object) -> Micros:
    """00:00 UTC of the date of a daily stamp, whatever time it may have. Raises: ValueError."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"expected a date, got {str(value)[:40]!r}")
    return to_us(datetime.fromisoformat(found[1]).replace(tzinfo=UTC))


def _typed(symbol: str, rows: Sequence[Any], names: Mapping[str, str], stamp: Callable[[object], Micros]) -> BarBatch | None:
    """All rows at once, None when any of them is odd."""
    try:
        plain = [{ours: raw[theirs] for ours, theirs in names.items() if theirs in raw} for raw in rows]
        typed = msgspec.convert(plain, list[_TextRow], strict=False)
        start = np.array([stamp(row.t) for row in typed], dtype=np.int64)
    except (ValueError, TypeError):  # msgspec's ValidationError is a ValueError
        return None
    batch = batch_of_rows(symbols=(symbol,), symbol_index=np.zeros(len(typed), dtype=np.int32), start=start, rows=typed)
    unknown = np.array([row.v is None for row in typed], dtype=np.bool_)
    prices = (batch.open, batch.high, batch.low, batch.close)
    is_sound = all(np.isfinite(column).all() for column in prices) and (np.isfinite(batch.volume) | unknown).all()
    return batch if is_sound else None
