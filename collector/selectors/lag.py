"""How far collection as a whole is behind, read from rows in one statement for all series whose venue trades now."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import connection

from collector.core.closures import Closures, Vanished
from collector.core.gaps import Grid
from collector.core.lag import behind, median_of
from collector.core.spans import Spans, minus, traded_in
from collector.models import Series
from collector.selectors.grids import SESSION_REACH_DAYS, grid_between
from collector.selectors.overrides import read_closures
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, MINUTE_US, Hours, Interval, Micros, MicrosArray, from_us, to_us

log = logging.getLogger(__name__)

REACH_US = 7 * DAY_US
"""A lag is no longer than what is traded in this time; a daily bar is looked for across a long weekend."""
UNSEEN_US = MINUTE_US
"""Who is behind by less, as far as answers say, is not looked at more closely: each minute's end would look up every series' newest bar."""


@dataclass(frozen=True, slots=True)
class _Kind:
    calendar: str
    hours: Hours
    interval: Interval


@dataclass(frozen=True, slots=True, eq=False)
class _Trading:
    """Series of one kind whose venue trades now: their slots, what some of them lost of these, and their trading time."""

    kind: _Kind
    grid: Grid
    gone: Vanished
    traded: Spans

    def due(self, now: Micros) -> Micros:
        """The end of the newest slot that has been over for a while."""
        over = int(self.grid.closes.searchsorted(now - UNSEEN_US, "right"))
        return int(self.grid.starts[over - 1]) + self.kind.interval.us if over else 0


def lags(*, now: Micros) -> dict[Interval, Micros]:
    """By interval: the median lag of the tier that is furthest behind.

    A series' lag is the trading time since the end of the first slot that is over and lies behind both its newest bar and all that a
    vendor credibly answered for. Series whose venue is shut, or closed by an override, have no say; 0 where nothing trades.
    """
    closures = read_closures(since=now - REACH_US)
    kinds = _kinds()
    trading = list(_trading(kinds, closures, now))
    found = dict.fromkeys((kind.interval for kind in kinds), 0)
    for (interval, _), (behind_by, members) in _by_tier(trading, closures, now).items():
        found[interval] = max(found[interval], median_of(np.concatenate(behind_by), np.concatenate(members)))
    return found


def _kinds() -> list[_Kind]:
    rows = Series.objects.filter(is_active=True).order_by().values_list("instrument__calendar", "hours", "interval").distinct()
    return [_Kind(calendar, Hours(hours), Interval(interval)) for calendar, hours, interval in sorted(rows)]


def _trading(kinds: Sequence[_Kind], closures: Closures, now: Micros) -> Iterator[_Trading]:
    for kind in kinds:
        try:
            calendar = get_calendar(kind.calendar, kind.hours)
        except ValueError as error:
            log.error("no lag of series on %s: %s", kind.calendar, error, extra={"action": "calendar_unusable"})
            continue
        since = now - REACH_US
        grid = grid_between(calendar, kind.interval, start=since, end=None, floor=since, now=now)
        if grid is None or not calendar.is_market_open(now):
            continue
        if closures.is_closed(now, calendar=calendar, mic="", instrument=0):
            continue
        gone = closures.vanished(calendar, kind.interval, start=since, end=now)
        sessions = calendar.sessions(from_us(since).date(), from_us(now + DAY_US).date())
        yield _Trading(kind, grid.without(gone.of_all), gone, traded_in(sessions))


_Lags = dict[tuple[Interval, str], tuple[list[MicrosArray], list[MicrosArray]]]


def _by_tier(trading: Sequence[_Trading], closures: Closures, now: Micros) -> _Lags:
    """By interval and tier: lags, and how many series have each."""
    found: _Lags = defaultdict(lambda: ([], []))
    groups: dict[tuple[int, str, str, int], list[tuple[Micros, int]]] = defaultdict(list)
    for number, tier, mic, instrument, since, series in _read(trading, closures, now):
        groups[number, tier, mic, instrument].append((to_us(since), series))
    for (number, tier, mic, instrument), rows in groups.items():
        one, columns = trading[number], np.array(rows, dtype=np.int64)
        gone = one.gone.of(mic=mic, instrument=instrument)
        grid, traded = one.grid.without(gone), minus(one.traded, gone)
        behind_by, members = found[one.kind.interval, tier]
        behind_by.append(behind(columns[:, 0], starts=grid.starts, closes=grid.closes, traded=traded, now=now))
        members.append(columns[:, 1])
    return found


def _read(trading: Sequence[_Trading], closures: Closures, now: Micros) -> list[tuple[int, str, str, int, datetime, int]]:
    if not trading:
        return []
    shut = [row for row in closures.rows if row.start <= now < row.end]
    with connection.cursor() as cursor:
        cursor.execute(
            _SINCE,
            {
                "calendars": [one.kind.calendar for one in trading],
                "hours": [one.kind.hours.value for one in trading],
                "intervals": [one.kind.interval.value for one in trading],
                "due": [from_us(one.due(now)) for one in trading],
                "first": from_us(now - REACH_US).date() - timedelta(days=SESSION_REACH_DAYS),
                "now": from_us(now),
                "mics": sorted({mic for one in trading for mic in one.gone.by_mic}),
                "instruments": sorted({number for one in trading for number in one.gone.by_instrument}),
                "shut_mics": [row.mic for row in shut if row.mic and row.instrument is None],
                "shut_instruments": [row.instrument for row in shut if row.instrument is not None],
            },
        )
        rows: list[tuple[int, str, str, int, datetime, int]] = cursor.fetchall()
        return rows


# Coverage is only looked at for series of which `answered_through` does not say already that they are not behind. 10,000 series take
# 20 ms, 60 when all of them are behind.
_SINCE = """
SELECT k.number - 1, s.tier_id,
       CASE WHEN i.mic = ANY(%(mics)s::text[]) THEN i.mic ELSE '' END,
       CASE WHEN i.id = ANY(%(instruments)s::bigint[]) THEN i.id ELSE 0 END,
       greatest(s.collect_from, i.listed_at, s.answered_through, held.through), count(*)
FROM unnest(%(calendars)s::text[], %(hours)s::text[], %(intervals)s::text[], %(due)s::timestamptz[])
     WITH ORDINALITY AS k(calendar, hours, interval, due, number)
JOIN collector_instrument i ON i.calendar = k.calendar
JOIN collector_series s ON s.instrument_id = i.id AND s.hours = k.hours AND s.interval = k.interval
LEFT JOIN LATERAL (
  SELECT upper(c.held) AS through FROM collector_coverage c
  WHERE c.series_id = s.id AND c.session >= %(first)s AND NOT isempty(c.held)
    AND (s.answered_through IS NULL OR s.answered_through < k.due)
  ORDER BY c.session DESC LIMIT 1) held ON true
WHERE s.is_active AND s.collect_from <= %(now)s AND (s.collect_until IS NULL OR s.collect_until > %(now)s)
  AND (i.listed_at IS NULL OR i.listed_at <= %(now)s) AND (i.delisted_at IS NULL OR i.delisted_at > %(now)s)
  AND NOT i.mic = ANY(%(shut_mics)s::text[]) AND NOT i.id = ANY(%(shut_instruments)s::bigint[])
GROUP BY 1, 2, 3, 4, 5
"""
