"""What of a calendar matters for freshness at one moment, and the series that share it, as groups of which the same is known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

import numpy as np
from django.db import connection

from collector.core.closures import Vanished
from collector.core.freshness import (
    NO_SLOTS,
    Group,
    Slots,
    behind_before,
    count_slots,
    due_after,
    fell_due,
    is_behind,
    last_hour,
    recent_count,
)
from collector.core.gaps import Grid
from collector.core.spans import NO_SPANS, Spans, from_literal, inside, overlap, traded_in
from collector.selectors.attended import ABANDONED
from collector.selectors.expected import EXPECTED, parameters
from collector.selectors.grids import SESSION_REACH_DAYS, grid_between
from collector.selectors.overrides import read_closures
from collector.selectors.scopes import IN_SCOPE, Kind, Scope, scope_parameters
from providers.market.calendar import Calendar, get_calendar
from providers.market.types import Interval, Micros, MicrosArray, from_us, to_us

SPARE_SLOTS = 4
"""Beside the last session hour: those that are not due yet, and those that fell due in the hour before."""
MOST_NAMED = 5
"""Of series that are behind."""
Pair = tuple[str, Interval]
"""A tier and an interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What of a kind's calendar matters at one moment: its slots, its trading time, which slots are counted."""

    kind: Kind
    now: Micros
    low: Micros
    grid: Grid | None
    lost: Vanished
    trading: Spans | None
    recent: MicrosArray
    due: Mapping[str, MicrosArray]
    _before: dict[bytes, Micros | None] = field(default_factory=dict)

    def settled_until(self, *, patience: Micros) -> Micros:
        """The start of the first slot that has not been over for so long."""
        return self.low if self.grid is None else self.grid.settled_until(now=self.now, settle_after=patience)

    def is_behind(self, group: Group) -> bool:
        """Whether the series of a group are, which nobody is while the market is shut; reckoned once for all with the same trading time."""
        key = group.wanted.tobytes()
        if key not in self._before:
            time = group.wanted if self.trading is None else overlap(group.wanted, self.trading)
            is_shut = (
                self.trading is not None and not inside(np.array([self.now - 1]), time)[0]
            )  # slots that begin now are none yet
            self._before[key] = None if is_shut else behind_before(time, now=self.now, interval=self.kind.interval)
        return is_behind(group.last, self._before[key])

    def fell_due(self, group: Group) -> Slots:
        """Slots of a group's series that fell due since they were counted."""
        due = self.due.get(group.tier)
        return NO_SLOTS if due is None else count_slots(group, due).times(group.series)

    def last_hour(self, group: Group) -> Slots:
        """Slots of the last session hour of a group's series."""
        return count_slots(group, self.recent).times(group.series)

    def groups(self, scope: Scope, edges: Mapping[str, Micros]) -> Iterator[Group]:
        """All series of the kind."""
        reach = timedelta(days=SESSION_REACH_DAYS)
        interval = self.kind.interval
        judged = [self.recent, *self.due.values()]
        first = min((int(starts[0]) for starts in judged if len(starts)), default=self.now)
        with connection.cursor() as cursor:
            cursor.execute(
                _GROUPS,
                scope_parameters(scope)
                | parameters(
                    slots=NO_SPANS if self.grid is None else self.grid.spans, interval=interval, now=self.now, lost=self.lost
                )
                | {
                    "edge_tiers": list(edges),
                    "edges": [from_us(edge) for edge in edges.values()],
                    "judged_from": from_us(first),
                    "judged_to": from_us(int(self.recent[-1]) + interval.us if len(self.recent) else first),
                    "ended": from_us(self.now // interval.us * interval.us),
                    "first": from_us(self.low).date() - reach,
                    "last": from_us(self.now).date() + reach,
                    "opens": from_us(self.low),
                    "closes": from_us(self.now),
                    "now": from_us(self.now),
                    "calendar": self.kind.calendar,
                    "interval": interval.value,
                    "hours": self.kind.hours.value,
                    "named": MOST_NAMED,
                },
            )
            rows = cursor.fetchall()
        spans = cache(from_literal)  # what thousands of series have in common is read once
        for tier, wanted, missing, last, series, members in rows:
            yield Group(tier, spans(wanted), spans(missing), None if last is None else to_us(last), series, members)


def look_at(kind: Kind, counted: Mapping[Pair, Micros], *, now: Micros) -> Look:
    """For the series of a kind. `counted`: up to when slots of a pair were counted. Raises: ValueError where there is no such calendar."""
    calendar, interval = get_calendar(kind.calendar, kind.hours), kind.interval
    low = _reaching_back(calendar, interval, now=now)
    grid = grid_between(calendar, interval, start=low, end=None, floor=low, now=now)
    starts = np.empty(0, dtype=np.int64) if grid is None else grid.starts
    lost = Vanished()
    if grid is not None and len(starts):
        lost = read_closures(since=low).vanished(calendar, interval, start=int(starts[0]), end=int(starts[-1]) + 1)
        grid = grid.without(lost.of_all)
        starts = grid.starts
    marks = {tier: counted[tier, interval] for tier in kind.tiers if (tier, interval) in counted}
    return Look(
        kind=kind,
        now=now,
        low=low,
        grid=grid if len(starts) else None,
        lost=lost,
        trading=None if interval is Interval.D1 else _trading(calendar, low, now),
        recent=last_hour(starts, now=now, interval=interval),
        due={
            tier: fell_due(starts, after=due_after(mark, now=now, interval=interval), now=now, interval=interval)
            for tier, mark in marks.items()
        },
    )


def _reaching_back(calendar: Calendar, interval: Interval, *, now: Micros) -> Micros:
    """How far back the slots go that matter: over nights and holidays, as many trading hours as are asked about."""
    wanted = recent_count(interval) + SPARE_SLOTS
    low = now - wanted * interval.us
    while len(calendar.slots(interval, low, now)) < wanted and (closing := calendar.previous_close(low)) is not None:
        low = closing - wanted * interval.us
    return low


def _trading(calendar: Calendar, low: Micros, now: Micros) -> Spans:
    """Trading time from `low` on, and a little before."""
    day = timedelta(days=1)
    return traded_in(calendar.sessions(from_us(low).date() - day, from_us(now).date() + day))


# That a series `s` of an instrument `i` is collected at `now`: its life has begun and not ended.
LIVES = """(s.collect_from <= %(now)s AND (s.collect_until IS NULL OR s.collect_until > %(now)s) OR s.history @> %(now)s::timestamptz)
  AND (i.listed_at IS NULL OR i.listed_at <= %(now)s) AND (i.delisted_at IS NULL OR i.delisted_at > %(now)s)"""

# 10,000 series at the end of a minute are a handful of groups. A slot that is too young to be proven empty counts as answered when a
# vendor credibly answered for it.
_GROUPS = f"""
SELECT tier, wanted::text, missing::text, last, count(*), (array_agg(id))[1:%(named)s] FROM (
  SELECT s.id, s.tier_id AS tier, w.spans AS wanted,
         w.spans * tstzmultirange(tstzrange(%(judged_from)s, %(judged_to)s)) - c.spans
         - tstzmultirange(tstzrange(t.edge, greatest(t.edge, a.through))) AS missing,
         greatest(upper(c.spans * tstzmultirange(tstzrange(NULL, %(ended)s))), a.through) AS last
  FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
  JOIN unnest(%(edge_tiers)s::text[], %(edges)s::timestamptz[]) AS t(code, edge) ON t.code = s.tier_id
  {EXPECTED}
  CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(c.held + c.empty), '{{}}') AS spans
    FROM collector_coverage c WHERE c.series_id = s.id AND c.session BETWEEN %(first)s AND %(last)s
    OFFSET 0) c
  CROSS JOIN LATERAL (SELECT expected.spans - coalesce(({ABANDONED}), '{{}}') AS spans OFFSET 0) w
  CROSS JOIN LATERAL (SELECT CASE WHEN s.answered_through <= %(now)s THEN s.answered_through END AS through) a
  WHERE {IN_SCOPE} AND i.calendar = %(calendar)s AND s.interval = %(interval)s AND s.hours = %(hours)s
    AND {LIVES}) one
GROUP BY one.tier, one.wanted, one.missing, one.last
"""  # noqa: S608 - made of constants; values are bound
