"""What faults do to rows: the feed of one request. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from providers.market.types import Interval, Micros
from providers.simulator.faults import Fault, FaultKind, seconds_us
from providers.simulator.quotes import NamedQuote, struck_quotes
from providers.simulator.rows import Rows
from providers.simulator.source import Reader, Source

PRICE_DECIMALS = 10


@dataclass(frozen=True, slots=True)
class StruckFeed:
    """A source at one moment, seen through the faults that struck a call. Implements `wire.base.Feed`."""

    source: Source
    now: Micros
    faults: tuple[Fault, ...] = ()

    @property
    def is_delayed(self) -> bool:
        """Whether a delay is announced."""
        return any(f.kind is FaultKind.DELAYED and f.parameter("announced") for f in self.faults)

    def knows(self, symbol: str) -> bool:
        """Whether there is such an instrument."""
        return self.source.knows(symbol)

    def reader(self, *, symbol: str, interval: Interval) -> Reader:
        """Reads what the vendor now says was traded: late, withdrawn and corrected bars included."""
        faults = [fault for fault in self.faults if fault.covers(symbol)]

        def read(start: Micros, end: Micros) -> Rows:
            rows = self.source.bars(symbol=symbol, interval=interval, start=start, end=end, now=self.now)
            for fault in faults:
                rows = _retold(rows, fault, interval=interval, now=self.now)
            return rows

        return read

    def page(self, *, symbol: str, rows: Rows) -> Rows:
        """The rows of a page, spoilt."""
        for fault in self.faults:
            if fault.covers(symbol):
                rows = _spoilt(rows, fault)
        return rows

    def quotes(self, symbols: Sequence[str]) -> list[NamedQuote]:
        """The newest quotes, struck and labelled."""
        struck = struck_quotes(self.source, symbols=symbols, now=self.now, faults=self.faults)
        return [NamedQuote(symbol, self.label(symbol), quote) for symbol, quote in struck]

    def label(self, symbol: str) -> str:
        """The symbol, or another one."""
        wrong = [f for f in self.faults if f.kind is FaultKind.WRONG_SYMBOL and f.covers(symbol)]
        return str(wrong[0].parameter("symbol")) if wrong else symbol


def _retold(rows: Rows, fault: Fault, *, interval: Interval, now: Micros) -> Rows:
    if fault.kind is FaultKind.MUTE:
        return Rows.empty()
    if fault.kind is FaultKind.DELAYED:
        return rows.take(rows.start + interval.us + seconds_us(fault.number("seconds")) <= now)
    if fault.kind is FaultKind.WITHDRAWN:
        return rows.take((rows.start < fault.number("start")) | (rows.start >= fault.number("end")))
    if fault.kind is FaultKind.LATE_CORRECTION:
        return _corrected(rows, fault)
    return rows


def _corrected(rows: Rows, fault: Fault) -> Rows:
    touched = (rows.start >= fault.number("start")) & (rows.start < fault.number("end"))
    moved = np.round(rows.close + fault.number("price_delta"), PRICE_DECIMALS)
    close = np.where(touched & (moved > 0), moved, rows.close)
    return rows.with_columns(
        close=close,
        high=np.maximum(rows.high, close),
        low=np.minimum(rows.low, close),
        volume=np.where(touched, np.maximum(rows.volume + fault.number("volume_delta"), 0.0), rows.volume),
    )


def _spoilt(rows: Rows, fault: Fault) -> Rows:
    size = len(rows)
    if fault.kind is FaultKind.PARTIAL_PAGE:
        return rows.take(slice(int(size * fault.number("fraction"))))
    if fault.kind is FaultKind.DUPLICATE_ROWS:
        every = int(fault.number("every"))
        return rows.take(np.repeat(np.arange(size), np.where(np.arange(size) % every == 0, 2, 1)))
    if fault.kind is FaultKind.UNORDERED_ROWS:
        return rows.take(np.argsort(np.arange(size) % 2, kind="stable")[::-1])
    if fault.kind is FaultKind.BAD_ROW and size:
        high, low = rows.high.copy(), rows.low.copy()
        middle = size // 2
        high[middle], low[middle] = low[middle], high[middle] + 1.0
        return rows.with_columns(high=high, low=low)
    return rows
