"""Bars for tests, each as short as what the test says about it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from providers.market.types import MINUTE_US, BarBatch, Micros, to_us

NAN = float("nan")
VALUES = ("open", "high", "low", "close", "volume", "vwap", "trade_count")


def us(text: str) -> Micros:
    """Epoch microseconds of `2025-10-08 13:30[:00]`, UTC."""
    return to_us(moment(text))


def moment(text: str) -> datetime:
    """Aware datetime of `2025-10-08 13:30[:00]`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def row(start: Micros, close: float = 10.25, *, symbol: str = "AAPL", **values: float) -> dict[str, Any]:
    """One bar around 10 that may differ in anything."""
    plain = {"open": 10.0, "high": max(10.5, close), "low": min(9.5, close), "close": close}
    return {"symbol": symbol, "start": start, **plain, "volume": 100.0, "vwap": 10.1, "trade_count": 7.0, **values}


def batch_of(rows: Sequence[Mapping[str, Any]], *, symbols: Sequence[str] = (), **rest: Any) -> BarBatch:
    """Columns of rows, in their order."""
    names = tuple(dict.fromkeys([*symbols, *(r["symbol"] for r in rows)]))
    columns = {name: np.array([r[name] for r in rows], dtype=np.float64) for name in VALUES}
    return BarBatch(
        symbols=names,
        symbol_index=np.array([names.index(r["symbol"]) for r in rows], dtype=np.int32),
        start=np.array([r["start"] for r in rows], dtype=np.int64),
        **columns,
        **rest,
    )


def minutes(start: Micros, count: int) -> list[Micros]:
    """`count` minutes from `start`."""
    return [start + i * MINUTE_US for i in range(count)]
