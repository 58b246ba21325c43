"""Instruments and their series out of a file: all of it or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from collector.core.instrument_file import InstrumentFileError, InstrumentLine, LineError, decode, parse
from collector.models import Instrument, QuoteSeries, Series, Tier
from collector.services.quote_series import DEFAULT_TIER, save_quote_series
from providers.market.calendar import get_calendar
from providers.market.types import Hours
from providers.models import Provider

_LOCK = 0x6D64_696E_7374  # "mdinst": two loads at once would both insert the same instrument
_INSTRUMENT_FIELDS = ("name", "calendar", "asset_class", "listed_at", "delisted_at", "vendor_symbols")
_SERIES_FIELDS = ("tier_id", "feed_scope", "collect_from", "collect_until")
_ROWS_A_STATEMENT = 1_000

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """What a load did to instruments; one whose series alone changed counts as updated."""

    created: int
    updated: int
    unchanged: int


def load_instruments(*, data: bytes, now: datetime) -> LoadCounts:
    """Create and update the instruments of a CSV file, by (symbol, MIC), with a series for each of their intervals and hours.

    Repeatable; series that the file does not name are left alone. One transaction. Raises: InstrumentFileError.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        lines = parse(
            text=decode(data),
            tiers=set(Tier.objects.values_list("code", flat=True)),
            providers=set(Provider.objects.values_list("name", flat=True)),
        )
        return save_lines(lines=lines, now=now)


def save_lines(*, lines: list[InstrumentLine], now: datetime) -> LoadCounts:
    """Upsert parsed lines inside the caller's transaction. Raises: InstrumentFileError for what contradicts rows already stored."""
    instruments, new, changed = _save_instruments(lines)
    _check_hours(lines, instruments)
    changed |= _save_series(lines, instruments, now=now) | save_quote_series(lines, instruments)
    changed -= new
    return LoadCounts(created=len(new), updated=len(changed), unchanged=len(lines) - len(new) - len(changed))


def _save_instruments(lines: list[InstrumentLine]) -> tuple[dict[Key, Instrument], set[Key], set[Key]]:
    # Locked, because whole rows are written back: what somebody else changes meanwhile would be lost.
    held = Instrument.objects.filter(symbol__in=[line.symbol for line in lines]).order_by("pk").select_for_update(no_key=True)
    rows = {(row.symbol, row.mic): row for row in held}
    new, changed = set(), set()
    for line in lines:
        key = (line.symbol, line.mic)
        row = rows.get(key)
        if row is None:
            row = rows[key] = Instrument(symbol=line.symbol, mic=line.mic)
            new.add(key)
        symbols = {**row.vendor_symbols, **line.vendor_symbols}
        if _assign(row, {**line.instrument, "vendor_symbols": symbols}):
            changed.add(key)
    _check_order([(line, rows[line.symbol, line.mic]) for line in lines], "listed_at", "delisted_at")
    Instrument.objects.bulk_create([rows[key] for key in sorted(new)], batch_size=_ROWS_A_STATEMENT)
    Instrument.objects.bulk_update([rows[key] for key in changed - new], _INSTRUMENT_FIELDS, batch_size=_ROWS_A_STATEMENT)
    return rows, new, changed


def _save_series(lines: list[InstrumentLine], instruments: dict[Key, Instrument], *, now: datetime) -> set[Key]:
    ids = [instruments[line.symbol, line.mic].pk for line in lines]
    # In the order of ids, as the write path locks them: an update alone locks in whatever order it finds them.
    held = Series.objects.filter(instrument__in=ids).order_by("pk").select_for_update(no_key=True)
    rows = {(s.instrument_id, s.interval, s.hours, s.adjustment): s for s in held}
    new, changed = [], []
    for line, interval, hours in ((it, interval, hours) for it in lines for interval in it.intervals for hours in it.hours):
        instrument = instruments[line.symbol, line.mic]
        said = {"tier_id" if name == "tier" else name: value for name, value in line.series.items()}
        row = rows.get((instrument.pk, interval, hours, line.adjustment))
        if row is None:
            row = Series(instrument=instrument, interval=interval, hours=hours, adjustment=line.adjustment)
            _assign(row, {"tier_id": DEFAULT_TIER, "collect_from": now, **said})
            new.append((line, row))
        elif _assign(row, said):
            changed.append((line, row))
    _check_order([*new, *changed], "collect_from", "collect_until")
    Series.objects.bulk_create([row for _, row in new], batch_size=_ROWS_A_STATEMENT)
    Series.objects.bulk_update([row for _, row in changed], _SERIES_FIELDS, batch_size=_ROWS_A_STATEMENT)
    return {(line.symbol, line.mic) for line, _ in [*new, *changed]}


def _check_hours(lines: list[InstrumentLine], instruments: dict[Key, Instrument]) -> None:
    """A line's calendar must have the hours of series that are there already. Raises: InstrumentFileError."""
    ids = [row.pk for row in instruments.values()]
    held: dict[int, set[str]] = {}
    said = [
        model.objects.filter(instrument__in=ids).order_by().values_list("instrument", "hours")
        for model in (Series, QuoteSeries)
    ]
    for pk, hours in said[0].union(said[1]):
        held.setdefault(pk, set()).add(hours)
    errors = []
    for line in lines:
        row = instruments[line.symbol, line.mic]
        for hours in sorted(held.get(row.pk, ())):
            try:
                get_calendar(row.calendar, Hours(hours))
            except ValueError as error:
                errors.append(LineError(line.line, f"calendar: {line.symbol} has a series of {hours} hours: {error}"))
    if errors:
        raise InstrumentFileError(errors)


def _assign(row: Instrument | Series, values: dict[str, Any]) -> bool:
    """Set fields; True when one changed."""
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    return bool(changed)


def _check_order(pairs: Sequence[tuple[InstrumentLine, Instrument | Series]], first: str, second: str) -> None:
    """A line may contradict what is stored: then it is the line's fault, not a constraint's. Raises: InstrumentFileError."""
    errors = []
    for line, row in pairs:
        begin, end = getattr(row, first), getattr(row, second)
        if begin is not None and end is not None and begin >= end:
            message = f"{second}: expected a time after {first}, {begin.isoformat()}, got {end.isoformat()}"
            errors.append(LineError(line.line, message))
    if errors:
        raise InstrumentFileError(errors)
