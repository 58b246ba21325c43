"""How far a range is filled, read from rows at each look: what is held, proven empty and missing of it, and the jobs that see to it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection

from collector.core.gaps import Grid
from collector.core.spans import to_literal
from collector.models.backfills import OPEN_STATES, BackfillState
from collector.selectors.asked_ranges import Window
from collector.selectors.attended import TAKEN_STATES, oldest_start
from collector.selectors.gaps import find_gaps
from collector.selectors.grids import SESSION_REACH_DAYS, Bound, grid_between
from collector.selectors.scopes import Scope
from providers.market.calendar import get_calendar
from providers.market.days import date_of
from providers.market.types import Hours, Interval, Micros, from_us
from providers.policy import Snapshot


@dataclass(frozen=True, slots=True)
class RangeProgress:
    """Slots of a range, and the jobs in it by state. `unattended`: of the missing ones those that no job sees to yet.

    `said`: the newest word of a job that waits, where there is one.
    """

    held: int
    empty: int
    missing: int
    unattended: int
    jobs: Mapping[str, int] = field(default_factory=dict)
    said: str = ""

    @property
    def expected(self) -> int:
        """All that is wanted and has settled."""
        return self.held + self.empty + self.missing

    @property
    def share(self) -> float:
        """What is there of it, from 0 to 1."""
        return 1 - self.missing / self.expected if self.expected else 1.0

    @property
    def open(self) -> int:
        """Jobs that go on by themselves."""
        return sum(self.jobs.get(state, 0) for state in OPEN_STATES)

    @property
    def dead(self) -> int:
        """Jobs that wait for an operator."""
        return self.jobs.get(BackfillState.DEAD, 0)

    @property
    def is_over(self) -> bool:
        """Nothing more comes by itself: all is there, or what is not is dead, abandoned or seen to by live collection."""
        return not self.missing or not (self.open or self.unattended)


def progress_of(windows: Sequence[Window], *, start: Bound, end: Bound, now: Micros, snapshot: Snapshot) -> RangeProgress:
    """Of all these series together."""
    scope = Scope(series_ids=[window.series.pk for window in windows])
    missing, unattended = (
        sum(gap.slots for gap in find_gaps(scope=scope, snapshot=snapshot, now=now, start=start, end=end, unattended=is_free))
        for is_free in (False, True)
    )
    held, empty = _covered(windows, start=start, end=end, now=now)
    jobs, said = _jobs(windows)
    return RangeProgress(held=held, empty=empty, missing=missing, unattended=unattended, jobs=jobs, said=said)


def _covered(windows: Sequence[Window], *, start: Bound, end: Bound, now: Micros) -> tuple[int, int]:
    """Slots held, and slots proven empty."""
    kinds: defaultdict[tuple[str, str, str], list[Window]] = defaultdict(list)
    for window in windows:
        kinds[window.series.instrument.calendar, window.series.hours, window.series.interval].append(window)
    held = empty = 0
    for (calendar, hours, interval), members in kinds.items():
        known = get_calendar(calendar, Hours(hours))
        floor = min(window.start for window in members)
        grid = grid_between(known, Interval(interval), start=start, end=end, floor=floor, now=now)
        for piece in [] if grid is None else grid.pieces():
            more = _covered_in(piece, [window.series.pk for window in members])
            held, empty = held + more[0], empty + more[1]
    return held, empty


def _covered_in(piece: Grid, ids: Sequence[int]) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT coalesce(sum((SELECT sum(extract(epoch FROM upper(r) - lower(r))) FROM unnest(c.held * g.slots) r)), 0),
                      coalesce(sum((SELECT sum(extract(epoch FROM upper(r) - lower(r))) FROM unnest((c.empty - c.held) * g.slots) r)), 0)
               FROM collector_coverage c, (SELECT %s::tstzmultirange AS slots) g
               WHERE c.series_id = ANY(%s) AND c.session BETWEEN %s AND %s""",
            [
                to_literal(piece.spans),
                list(ids),
                date_of(int(piece.days[0]) - SESSION_REACH_DAYS),
                date_of(int(piece.days[-1]) + SESSION_REACH_DAYS),
            ],
        )
        held, empty = cursor.fetchone()
    seconds = piece.interval.us // 1_000_000
    return round(held) // seconds, round(empty) // seconds


# The newest try of a row is its last; its moment in front makes the greatest text the newest one.
_JOBS = f"""
SELECT b.state, count(*), max((b.tries->-1->>'at') || ' ' || (b.tries->-1->>'message'))
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[]) AS w(id, oldest, start, "end")
JOIN collector_backfill b ON b.series_id = w.id AND b.start > w.oldest AND b.start < w."end" AND b."end" > w.start
WHERE b.state IN ({", ".join(f"'{state}'" for state in TAKEN_STATES)}) GROUP BY 1
"""  # noqa: S608 - made of constants; values are bound


def _jobs(windows: Sequence[Window]) -> tuple[Mapping[str, int], str]:
    """By state, and what the one that is open and spoke last was told."""
    starts = [from_us(window.start) for window in windows]
    oldest = [oldest_start(start, Interval(window.series.interval)) for start, window in zip(starts, windows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            _JOBS, [[window.series.pk for window in windows], oldest, starts, [from_us(window.end) for window in windows]]
        )
        rows = cursor.fetchall()
    said = max((text for state, _, text in rows if text and state in OPEN_STATES), default="")
    return {state: count for state, count, _ in rows}, said.partition(" ")[2]
