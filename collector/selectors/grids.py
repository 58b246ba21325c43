"""All slots that series of a kind may be missing in a range of time."""

from datetime import date, datetime, timedelta

from collector.core.closures import Closures, Vanished
from collector.core.gaps import Grid, grid_of
from collector.selectors.expected import horizon
from collector.selectors.scopes import Kind
from providers.market.calendar import Calendar, get_calendar
from providers.market.types import Interval, Micros, from_us, to_us

Bound = Micros | datetime | date
"""An end of what is scanned: an instant bounds slots by their start, a date bounds sessions and is itself included."""

SESSION_REACH_DAYS = 2
"""A slot may be held under a session dated a day beside its UTC day, and another day beside that where the instrument's calendar was changed."""


def expected_of(
    kind: Kind, closures: Closures, *, start: Bound | None, end: Bound | None, now: Micros
) -> list[tuple[Grid, Vanished]]:
    """All slots that any of the series may be missing, and what some of them lost. Raises: ValueError where there is no such calendar."""
    calendar = get_calendar(kind.calendar, kind.hours)
    floor = max(kind.low, horizon(now, kind.interval) or kind.low)
    grid = grid_between(calendar, kind.interval, start=start, end=end, floor=floor, now=now)
    found = []
    for piece in [] if grid is None else grid.pieces():
        gone = closures.vanished(calendar, kind.interval, start=int(piece.starts[0]), end=int(piece.starts[-1]) + 1)
        if len(left := piece.without(gone.of_all)):
            found.append((left, gone))
    return found


def grid_between(
    calendar: Calendar, interval: Interval, *, start: Bound | None, end: Bound | None, floor: Micros, now: Micros
) -> Grid | None:
    """The calendar's slots of a range, none that starts before `floor` or has not started by `now`; None where no day is left."""
    low, first = _lower(_instant(start), floor=floor)
    high, last = _upper(_instant(end), ceiling=now)
    return None if first > last else grid_of(calendar, interval, first, last).within(low, high)


def _instant(bound: Bound | None) -> Bound | None:
    return to_us(bound) if isinstance(bound, datetime) else bound


def _lower(bound: Bound | None, *, floor: Micros) -> tuple[Micros, date]:
    if isinstance(bound, date):
        return floor, max(bound, _day_before(floor))
    low = floor if bound is None else max(bound, floor)
    return low, _day_before(low)


def _upper(bound: Bound | None, *, ceiling: Micros) -> tuple[Micros, date]:
    if isinstance(bound, date):
        return ceiling, min(bound, _day_behind(ceiling))
    high = ceiling if bound is None else min(bound, ceiling)
    return high, _day_behind(high)


def _day_before(instant: Micros) -> date:
    """No session of an earlier date trades at or after that instant."""
    return from_us(instant).date() - timedelta(days=1)


def _day_behind(instant: Micros) -> date:
    """No session of a later date trades before that instant. Further on a calendar need not know."""
    return from_us(instant).date() + timedelta(days=1)
