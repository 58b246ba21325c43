"""What a calendar override takes away, before or after it is saved: slots, of how many series, and what is known of them. Changes nothing."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from collector.core.closures import Closures, Vanished
from collector.core.spans import spans_of, to_literal
from collector.models import CalendarOverride
from collector.models.backfills import BackfillState
from collector.selectors.expected import EXPECTED, loss, lost_values, parameters, up
from collector.selectors.overrides import closure_of, read_closures
from providers.market.calendar import get_calendar
from providers.market.types import DAY_US, SECOND_US, Hours, Interval, Micros, from_us, to_us

REACH_US = 2 * DAY_US
"""A slot may start this long before the override does, and yet lose all of its trading time to it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What series of one interval lose, in slots; `last` is the start of the last one. Some that are missing may be in dead jobs."""

    interval: Interval
    series: int
    slots: int
    first: Micros
    last: Micros
    held: int
    empty: int
    missing: int
    dead: int


def preview(override: CalendarOverride, *, now: Micros) -> list[Lost]:
    """By interval, those that lose nothing left out; on top of what all other overrides take away. Three statements a kind at most.

    `missing`: over by now, neither held nor proven empty; the rest is yet to come.
    """
    others, mine = read_closures(since=to_us(override.start), without=override.pk), closure_of(override)
    found: defaultdict[Interval, list[tuple[Any, ...]]] = defaultdict(list)
    for calendar, hours, interval in _kinds(override):
        try:
            venue = get_calendar(calendar, Hours(hours))
        except ValueError:
            continue  # nobody expects anything of it
        if mine.calendar in {"", venue.name}:
            kind, step = (calendar, hours, interval), Interval(interval)
            start, end = mine.start - REACH_US, mine.end + REACH_US
            before = others.vanished(venue, step, start=start, end=end)
            after = Closures((*others.rows, mine)).vanished(venue, step, start=start, end=end)
            slots = venue.slots(step, start, end)
            values = parameters(slots=spans_of(slots, step.us), interval=step, now=now, lost=before)
            found[step] += _rows(override, kind, after, values | {"now": from_us(now)})
    return [_sum(interval, rows) for interval, rows in sorted(found.items(), key=lambda item: item[0].us) if rows]


def _kinds(override: CalendarOverride) -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, _target(override))
        return list(cursor.fetchall())


def _rows(
    override: CalendarOverride, kind: tuple[str, str, str], after: Vanished, values: dict[str, Any]
) -> Iterator[tuple[Any, ...]]:
    calendar, hours, interval = kind
    with connection.cursor() as cursor:
        cursor.execute(
            _LOST,
            values
            | _target(override)
            | lost_values("taken", after)
            | {
                "taken": to_literal(after.of_all),
                "calendar": calendar,
                "hours": hours,
                "interval": interval,
                "seconds": Interval(interval).us // SECOND_US,
                "low": override.start,
                "high": override.end,
            },
        )
        yield from (row for row in cursor.fetchall() if row[0])


def _sum(interval: Interval, rows: list[tuple[Any, ...]]) -> Lost:
    """Of several calendars and hours."""
    series, slots, firsts, ends, held, empty, missing, dead = zip(*rows, strict=True)
    return Lost(
        interval=interval,
        series=sum(series),
        slots=int(sum(slots)),
        first=min(map(to_us, firsts)),
        last=max(map(to_us, ends)) - interval.us,
        held=int(sum(held)),
        empty=int(sum(empty)),
        missing=int(sum(missing)),
        dead=int(sum(dead)),
    )


def _target(override: CalendarOverride) -> dict[str, Any]:
    return {"mic": override.mic or None, "instrument": override.instrument_id}


_OF_TARGET = """s.is_active AND (%(mic)s::text IS NULL OR i.mic = %(mic)s::text)
  AND (%(instrument)s::bigint IS NULL OR i.id = %(instrument)s::bigint)"""

_KINDS = f"""
SELECT DISTINCT i.calendar, s.hours, s.interval FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
WHERE {_OF_TARGET} ORDER BY 1, 2, 3
"""  # noqa: S608 - made of constants; values are bound


def _count(spans: str) -> str:
    """SQL: how many slots."""
    length = "coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)"
    return f"sum((SELECT {length} FROM unnest({spans}) AS r)) / %(seconds)s"  # noqa: S608 - an expression of ours


_JOINS, _TAKEN = loss("taken")
_DEAD = f"""SELECT range_agg(tstzrange(b.start, b."end")) FROM collector_backfill b
            WHERE b.series_id = s.id AND b.state = '{BackfillState.DEAD}' AND b.start < %(high)s AND b."end" > %(low)s"""  # noqa: S608

_LOST = f"""
SELECT count(*), {_count("lost.spans")}, min(lower(lost.spans)), max(upper(lost.spans)), {_count("lost.spans * known.held")},
       {_count("lost.spans * known.empty")}, {_count("past.spans - known.held - known.empty")}, {_count("past.spans * known.dead")}
FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
{EXPECTED}
{_JOINS}
CROSS JOIN LATERAL (SELECT expected.spans * (%(taken)s::tstzmultirange + {_TAKEN}) AS spans OFFSET 0) lost
CROSS JOIN LATERAL (
  SELECT lost.spans * tstzmultirange(tstzrange(NULL, {up("%(now)s::timestamptz - %(step)s::interval + interval '1 us'")})) AS spans) past
CROSS JOIN LATERAL (
  SELECT coalesce(range_agg(c.held), '{{}}') AS held, coalesce(range_agg(c.empty), '{{}}') AS empty, coalesce(({_DEAD}), '{{}}') AS dead
  FROM collector_coverage c WHERE c.series_id = s.id AND c.session BETWEEN (%(low)s AT TIME ZONE 'UTC')::date - 3
                                                                       AND (%(high)s AT TIME ZONE 'UTC')::date + 3) known
WHERE {_OF_TARGET} AND i.calendar = %(calendar)s AND s.hours = %(hours)s AND s.interval = %(interval)s AND NOT isempty(lost.spans)
"""  # noqa: S608 - made of constants; values are bound
