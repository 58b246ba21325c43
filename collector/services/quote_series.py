"""Which instruments' quotes are collected, as a file says it."""

from collections.abc import Mapping, Sequence

from collector.core.instrument_file import InstrumentLine
from collector.models import Instrument, QuoteSeries
from providers.market.types import Hours

DEFAULT_TIER = "T2"
Key = tuple[str, str]


def save_quote_series(lines: Sequence[InstrumentLine], instruments: Mapping[Key, Instrument]) -> set[Key]:
    """Begin (`quotes` yes) or stop (no) collecting quotes; returns the instruments that this changed.

    Tier and hours are those that the line says for its bars (extended where it names both); a line without `quotes` leaves all as
    it is. Inside the caller's transaction.
    """
    told = [line for line in lines if line.quotes is not None]
    ids = [instruments[line.symbol, line.mic].pk for line in told]
    held = {row.instrument_id: row for row in QuoteSeries.objects.filter(instrument__in=ids).order_by("pk").select_for_update()}
    changed = set()
    for line in told:
        instrument = instruments[line.symbol, line.mic]
        row = held.get(instrument.pk)
        if row is None and not line.quotes:
            continue
        if row is None:
            row = QuoteSeries(instrument=instrument, tier_id=DEFAULT_TIER)
        if _assign(row, line) or row.pk is None:
            row.save()
            changed.add((line.symbol, line.mic))
    return changed


def _assign(row: QuoteSeries, line: InstrumentLine) -> bool:
    """Set what the line says; True when something changed."""
    before = (row.is_active, row.tier_id, row.hours)
    row.is_active = bool(line.quotes)
    row.tier_id = line.series.get("tier", row.tier_id)
    if line.says_hours:
        row.hours = Hours.EXTENDED if Hours.EXTENDED in line.hours else Hours.REGULAR
    return before != (row.is_active, row.tier_id, row.hours)
