"""What operators said against calendars, as it is at this moment: read once for each scan, plan or job, since the rows are few."""

from collector.core.closures import SESSION_REACH_US, Closure, Closures
from collector.models import CalendarOverride, OverrideKind
from providers.market.calendar import get_calendar
from providers.market.types import Micros, from_us, to_us
from providers.standing import Away


def read_closures(*, since: Micros, without: int | None = None) -> Closures:
    """Time in which something does not trade, as far as slots that start at `since` or later can be meant; `without` that row. One query."""
    rows = CalendarOverride.objects.exclude(kind=OverrideKind.MAINTENANCE).filter(end__gt=from_us(since - SESSION_REACH_US))
    return Closures(tuple(closure_of(row) for row in rows.select_related("instrument") if row.pk != without))


def closure_of(row: CalendarOverride) -> Closure:
    """What a row, saved or not, says of trading time."""
    instrument = row.instrument
    return Closure(
        start=to_us(row.start),
        end=to_us(row.end),
        calendar=_own_name(row.calendar or (instrument.calendar if instrument else "")),
        mic=instrument.mic if instrument else row.mic,
        instrument=row.instrument_id,
    )


def providers_away(*, now: Micros) -> dict[str, Away]:
    """Providers that are in maintenance, by name, each until the last of its rows ends. One query."""
    at = from_us(now)
    rows = CalendarOverride.objects.filter(kind=OverrideKind.MAINTENANCE, start__lte=at, end__gt=at)
    found: dict[str, Away] = {}
    for name, end, why in rows.order_by("end").values_list("provider__name", "end", "why"):
        found[name] = Away(until=to_us(end), reason=why)
    return found


def _own_name(calendar: str) -> str:
    """An alias stands for its calendar; a name that is gone from the library stands for itself."""
    try:
        return get_calendar(calendar).name if calendar else ""
    except ValueError:
        return calendar
