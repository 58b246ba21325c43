"""What the crypto venues' formats have in common: their instruments in the common spelling, and the running candle."""

from dataclasses import replace

import numpy as np

from providers.market.types import Floats, Interval, Micros
from providers.simulator.rows import Rows
from providers.simulator.source import Reader
from providers.simulator.wire.text import number_texts

PREFIX = "X:"
LISTED = (
    ("BTC", "USDT"),
    ("ETH", "USDT"),
    ("BTC", "USD"),
    ("ETH", "USD"),
    ("SOL", "USD"),
    ("DOGE", "USD"),
    ("BTC", "EUR"),
    ("ETH", "BTC"),
)
"""Pairs that the venues name when they list their markets; any other pair that the source knows is answered as well."""


def with_running(rows: Rows, *, read: Reader, interval: Interval, now: Micros) -> Rows:
    """The rows and the candle that is not over at `now`: it opened at the last close and nobody has traded in it.

    Rows that have not been yet are left out: recorded ones may be of a later time. Nothing is added to a silence.
    """
    opened = now // interval.us * interval.us
    rows = rows.take(rows.start < opened)
    if not len(rows) or not len(read(opened - interval.us, opened)):
        return rows
    last = rows.take(slice(len(rows) - 1, len(rows)))
    flat = dict.fromkeys(("open", "high", "low"), last.close)
    nothing = {"volume": np.zeros(1), "vwap": np.zeros(1), "trade_count": np.zeros(1)}
    running = replace(last.with_columns(**flat, **nothing), start=np.array([opened], dtype=np.int64))
    return Rows.concat([rows, running])


def known(column: Floats) -> Floats:
    """A column with 0 for what the source does not know: these venues always know."""
    return np.nan_to_num(column, nan=0.0)


def decimal(value: float | None) -> str:
    """A number of a quote as text; nothing is 0."""
    return number_texts(np.array([value or 0.0]))[0]
