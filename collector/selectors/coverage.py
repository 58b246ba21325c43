"""Per symbol and session: what must be there, what is held, what is proven empty, and the slots that are missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

import numpy as np

from collector.core.closures import Closures
from collector.core.gaps import Grid, grid_of
from collector.core.spans import NO_SPANS, Spans, from_multirange, inside
from collector.models import Coverage, Series
from collector.selectors.expected import ExpectedSlots, expected_slots
from collector.selectors.overrides import read_closures
from providers.market.calendar import get_calendar
from providers.market.days import Days, date_of
from providers.market.types import DAY_US, Hours, Interval, Micros, MicrosArray, to_us


@dataclass(frozen=True, slots=True)
class SessionCoverage:
    """Counts of one session's slots that have already closed. `held`, `empty` and `missing` add up to `expected`.

    `withdrawn`: those without a bar that counts whose row was taken back. The arrays are starts, ascending.
    """

    session: date
    expected: int
    held: int
    empty: int
    missing: int
    withdrawn: int
    expected_starts: MicrosArray = field(repr=False, compare=False)
    empty_starts: MicrosArray = field(repr=False, compare=False)
    missing_starts: MicrosArray = field(repr=False, compare=False)


Known = dict[tuple[int, date], tuple[Spans, Spans, Spans]]


def coverage_of(
    *, series: Sequence[Series], first: date, last: date, now: Micros
) -> list[tuple[Series, list[SessionCoverage]]]:
    """Each series' sessions dated `first` to `last`, both included, oldest first.

    Expected are the slots of `collector.selectors.expected` that closed by `now`. Sessions without any are left out. Three queries at
    most, whatever the number of series.
    """
    if not series:
        return []
    known: Known = {
        (row.series_id, row.session): (from_multirange(row.held), from_multirange(row.empty), from_multirange(row.void))
        for row in Coverage.objects.filter(series__in=series, session__range=(first, last))
    }
    grids = _Grids(first=first, last=last, now=now, closures=read_closures(since=to_us(datetime.combine(first, time(), UTC))))
    return [(one, _sessions(one, grids=grids, known=known)) for one in series]


def _sessions(series: Series, *, grids: "_Grids", known: Known) -> list[SessionCoverage]:
    starts, days = grids.of(series)
    edges = np.flatnonzero(np.diff(days)) + 1
    if not len(starts):
        return []
    result = []
    for part, day in zip(np.split(starts, edges), days[np.concatenate(([0], edges))], strict=True):
        session = date_of(int(day))
        held, empty, void = known.get((series.pk, session), (NO_SPANS, NO_SPANS, NO_SPANS))
        result.append(_count(session, part, held=held, empty=empty, void=void))
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Grids:
    """The slots of sessions dated `first` to `last`, by calendar, hours and interval."""

    first: date
    last: date
    now: Micros
    closures: Closures
    known: dict[tuple[str, str, str], tuple[ExpectedSlots, Grid]] = field(default_factory=dict)

    def of(self, series: Series) -> tuple[MicrosArray, Days]:
        """Those that are expected of a series and closed by now, each with its session's day number."""
        key = (series.instrument.calendar, series.hours, series.interval)
        if key not in self.known:
            self.known[key] = self._read(series)
        expected, grid = self.known[key]
        wanted = expected.mask(series) & (grid.closes <= self.now)
        return grid.starts[wanted], grid.days[wanted]

    def _read(self, series: Series) -> tuple[ExpectedSlots, Grid]:
        calendar, interval = get_calendar(series.instrument.calendar, Hours(series.hours)), Interval(series.interval)
        # Beyond tomorrow nothing can have closed, and a calendar need not know that far.
        last = max(self.first, min(self.last, date_of(self.now // DAY_US + 1)))
        grid = grid_of(calendar, interval, self.first, last)
        return expected_slots(calendar, interval, slots=grid.starts, closures=self.closures, now=self.now), grid


def _count(session: date, starts: MicrosArray, *, held: Spans, empty: Spans, void: Spans) -> SessionCoverage:
    is_held = inside(starts, held)
    is_empty = inside(starts, empty) & ~is_held
    missing = starts[~is_held & ~is_empty]
    return SessionCoverage(
        session=session,
        expected=len(starts),
        held=int(is_held.sum()),
        empty=int(is_empty.sum()),
        missing=len(missing),
        withdrawn=int((inside(starts, void) & ~is_held).sum()),
        expected_starts=starts,
        empty_starts=starts[is_empty],
        missing_starts=missing,
    )
