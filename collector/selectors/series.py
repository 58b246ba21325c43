"""From the symbols in a request to the series that answers it."""

from collections import defaultdict
from collections.abc import Sequence

from collector.models import Instrument, Series
from providers.api_errors import ApiError, NotFound
from providers.market.types import Adjustment, Hours, Interval

_HOURS_ORDER = {Hours.REGULAR.value: 0, Hours.EXTENDED.value: 1}
_ADJUSTMENT_ORDER = {adjustment.value: rank for rank, adjustment in enumerate(Adjustment)}


def find_instruments(*, symbols: Sequence[str], mic: str | None) -> list[Instrument]:
    """The instruments of those symbols, by symbol; `mic` decides between venues.

    Raises: ApiError that names an unknown symbol, or a symbol of several venues and these venues.
    """
    rows = Instrument.objects.filter(symbol__in=symbols).order_by("symbol", "mic")
    found: defaultdict[str, list[Instrument]] = defaultdict(list)
    for instrument in rows.filter(mic=mic) if mic else rows:
        found[instrument.symbol].append(instrument)
    if unknown := [symbol for symbol in symbols if symbol not in found]:
        where = f" at {mic}" if mic else ""
        raise NotFound(f"unknown symbol{where}: {_some(unknown)}", code="unknown_symbol", field="symbol")
    for symbol, instruments in found.items():
        if len(instruments) > 1:
            venues = ", ".join(i.mic for i in instruments)
            raise ApiError(f"{symbol} trades at {venues}: say which by mic", code="ambiguous_symbol", field="mic")
    return [found[symbol][0] for symbol in sorted(found)]


def find_series(
    *, symbols: Sequence[str], mic: str | None, interval: Interval, hours: Hours | None, adjustment: Adjustment | None
) -> list[Series]:
    """One series a symbol, by symbol, its instrument and tier loaded.

    Without `hours` regular ones win over extended ones; without `adjustment` the order is raw, split, dividend, all.
    Raises: ApiError; for an instrument without such a series it names those that it has.
    """
    instruments = find_instruments(symbols=symbols, mic=mic)
    held: defaultdict[int, list[Series]] = defaultdict(list)
    for series in Series.objects.filter(instrument__in=instruments).select_related("instrument"):
        held[series.instrument_id].append(series)
    return [
        _preferred(instrument, held[instrument.pk], interval=interval, hours=hours, adjustment=adjustment)
        for instrument in instruments
    ]


def parameters_of(series: Series) -> dict[str, str]:
    """The request parameters that name this one series."""
    return {
        "symbol": series.instrument.symbol,
        "mic": series.instrument.mic,
        "interval": series.interval,
        "hours": series.hours,
        "adjustment": series.adjustment,
    }


def _preferred(
    instrument: Instrument, held: list[Series], *, interval: Interval, hours: Hours | None, adjustment: Adjustment | None
) -> Series:
    fitting = [
        series
        for series in held
        if series.interval == interval and hours in (None, series.hours) and adjustment in (None, series.adjustment)
    ]
    if not fitting:
        wanted = " ".join(filter(None, (interval, hours, adjustment)))
        there = "; ".join(sorted(f"{s.interval} {s.hours} {s.adjustment}" for s in held)) or "none"
        raise NotFound(f"{instrument.symbol} has no series {wanted}; its series: {there}", code="no_series", field="interval")
    return min(fitting, key=lambda s: (_HOURS_ORDER[s.hours], _ADJUSTMENT_ORDER[s.adjustment]))


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(name) for name in names[:most]) + more
