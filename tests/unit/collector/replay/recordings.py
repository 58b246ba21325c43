"""Recorded series for tests, made from their first and last rows."""

from datetime import date

import numpy as np

from collector.replay.recording import Recorded
from providers.market.calendar import get_calendar
from providers.market.types import BarBatch, Hours, Interval


def recorded_of(
    symbol: str,
    *sessions: tuple[str, str],
    interval: Interval = Interval.M1,
    calendar: str = "XNYS",
    hours: Hours = Hours.REGULAR,
) -> Recorded:
    """A row in each slot of the spans of sessions."""
    spans = tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in sessions)
    known = get_calendar(calendar, hours)
    starts = np.concatenate([known.session_slots(interval, first, last)[0] for first, last in spans])
    return Recorded(symbol=symbol, interval=interval, calendar_name=calendar, hours=hours, bars=bars_at(starts), sessions=spans)


def bars_at(starts: np.ndarray) -> BarBatch:
    """Equal bars at these starts."""
    columns = ("open", "high", "low", "close", "volume", "vwap", "trade_count")
    return BarBatch(
        symbols=("A",),
        symbol_index=np.zeros(len(starts), dtype=np.int32),
        start=starts,
        **{name: np.ones(len(starts)) for name in columns},
    )
