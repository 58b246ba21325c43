"""A range that somebody asks for, as the slots of each series that it can mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.core.expected import ALWAYS, FOREVER
from collector.core.gaps import Grid
from collector.models import Series
from collector.selectors.expected import horizon, listing
from collector.selectors.grids import Bound, grid_between
from collector.selectors.kept import bars_kept_from
from collector.selectors.scopes import Scope, series_ids
from providers.market.calendar import get_calendar
from providers.market.types import Hours, Interval, Micros, from_us


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end)` from the first to behind the last slot of a range that a series could have. Its instrument is loaded."""

    series: Series
    start: Micros
    end: Micros


@dataclass(frozen=True, slots=True)
class Windows:
    """Of each series one, and for each that has nothing in the range a sentence that names its bounds."""

    within: Sequence[Window]
    outside: Sequence[str]

    @property
    def series_ids(self) -> list[int]:
        """Of those that have something in it."""
        return [window.series.pk for window in self.within]


def windows_of(scope: Scope, *, start: Bound, end: Bound, now: Micros, most: int) -> Windows:
    """At most `most` series of a scope, by the order in which they were made."""
    ids = series_ids(scope, since=0, most=most)
    grids: dict[tuple[str, str, str], Grid | str | None] = {}
    within, outside = [], []
    for series in Series.objects.filter(pk__in=ids).select_related("instrument").order_by("pk"):
        kind = (series.instrument.calendar, series.hours, series.interval)
        if kind not in grids:
            grids[kind] = _grid(*kind, start=start, end=end, now=now)
        grid = grids[kind]
        window = _window(series, grid) if isinstance(grid, Grid) else None
        if window is not None:
            within.append(window)
        else:
            outside.append(f"{series}: {grid if isinstance(grid, str) else _bounds(series, now)}")
    return Windows(within, outside)


def _grid(calendar: str, hours: str, interval: str, *, start: Bound, end: Bound, now: Micros) -> Grid | str | None:
    """The calendar's slots, or why there are none to be known."""
    try:
        known = get_calendar(calendar, Hours(hours))
        floor = horizon(now, Interval(interval)) or 0
        return grid_between(known, Interval(interval), start=start, end=end, floor=floor, now=now)
    except ValueError as error:
        return str(error)


def _window(series: Series, grid: Grid) -> Window | None:
    mine = grid.within(*listing(series.instrument))
    if not len(mine):
        return None
    return Window(series, int(mine.starts[0]), int(mine.starts[-1]) + mine.interval.us)


def _bounds(series: Series, now: Micros) -> str:
    """What a range must meet to mean anything."""
    listed, delisted = listing(series.instrument)
    interval = Interval(series.interval)
    said = [
        f"listed at {_text(listed)}" if listed != ALWAYS else "",
        f"delisted at {_text(delisted)}" if delisted != FOREVER else "",
        _kept(horizon(now, interval), bars_kept_from(now, interval)),
        f"it is {_text(now)} now",
    ]
    return "no slot of it lies in the range: " + ", ".join(filter(None, said))


def _kept(looked_for: Micros | None, kept: Micros | None) -> str:
    if looked_for is None:
        return ""
    if looked_for == kept:
        return f"bars are kept from {_text(kept)} on (MARKETDATA_BAR_KEEP_DAYS)"
    return f"bars are looked for from {_text(looked_for)} on (MARKETDATA_BAR_DAYS)"


def _text(instant: Micros) -> str:
    return f"{from_us(instant):%Y-%m-%d %H:%M} UTC"
