"""The newest quote of a symbol, as a source has it and as faults leave it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from providers.market.types import Micros
from providers.simulator.faults import Fault, FaultKind, seconds_us

SPOILT_PRICE = -1.0


@dataclass(frozen=True, slots=True)
class Quote:
    """One symbol's best bid and ask. A side that is not there has neither price nor size; sizes are in shares or base units."""

    at: Micros
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None


@dataclass(frozen=True, slots=True)
class NamedQuote:
    """A quote as it goes into a body: `symbol` is the one asked for, `label` what the body calls it."""

    symbol: str
    label: str
    quote: Quote


class QuoteSource(Protocol):
    """Where quotes come from."""

    def quote(self, *, symbol: str, now: Micros) -> Quote | None:
        """The newest quote at `now`; None where there is none, as of an unknown symbol or an index."""
        ...


def struck_quotes(
    source: QuoteSource, *, symbols: Sequence[str], now: Micros, faults: Sequence[Fault]
) -> list[tuple[str, Quote]]:
    """The newest quotes of these symbols in their order, after the faults that struck the call. What has none is left out.

    `late_correction` does nothing here: nobody corrects a quote.
    """
    told = ((symbol, _told(source, symbol, now, [f for f in faults if f.covers(symbol)])) for symbol in symbols)
    quotes = [(symbol, quote) for symbol, quote in told if quote is not None]
    for fault in faults:
        quotes = _spoilt(quotes, fault)
    return quotes


def _told(source: QuoteSource, symbol: str, now: Micros, faults: Sequence[Fault]) -> Quote | None:
    kinds = {fault.kind for fault in faults}
    late = max((seconds_us(fault.number("seconds")) for fault in faults if fault.kind is FaultKind.DELAYED), default=0)
    quote = None if FaultKind.MUTE in kinds else source.quote(symbol=symbol, now=now - late)
    gone = [f for f in faults if f.kind is FaultKind.WITHDRAWN]
    if quote is None or any(f.number("start") <= quote.at < f.number("end") for f in gone):
        return None
    return replace(quote, bid=SPOILT_PRICE) if FaultKind.BAD_ROW in kinds else quote


def _spoilt(quotes: list[tuple[str, Quote]], fault: Fault) -> list[tuple[str, Quote]]:
    if fault.kind is FaultKind.PARTIAL_PAGE:
        return quotes[: int(len(quotes) * fault.number("fraction"))]
    if fault.kind is FaultKind.DUPLICATE_ROWS:
        every = int(fault.number("every"))
        return [quote for number, quote in enumerate(quotes) for _ in range(1 + (number % every == 0))]
    if fault.kind is FaultKind.UNORDERED_ROWS:
        return quotes[::-1]
    return quotes
