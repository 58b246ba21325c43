"""The one place where bars are read: rows of several series in order, as they are now or as they were known at a moment.

Both tables have (series_id, start) as their primary key, so each series is one index range; partitions outside of the range are
pruned. Nothing is counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from providers.market.types import Interval

COLUMNS = "series_id, start, open, high, low, close, volume, vwap, trade_count, provider_id, rev, received_at, recorded_at, withdrawn_by"
_COLUMNS_OF = ", ".join("{0}." + column for column in COLUMNS.split(", "))
_RANGE = "series_id = s.id AND start >= s.since AND start >= %(start)s AND start < %(end)s"

# The held bar where it was already recorded, else the newest value that one replaced later. A bar that is held no more
# counts while the value had not been replaced. What was taken back by then is sorted out of what was held then.
_AS_OF = f"""
    SELECT {COLUMNS} FROM {{table}} WHERE {_RANGE} AND recorded_at <= %(as_of)s
    UNION ALL
    SELECT * FROM (
        SELECT DISTINCT ON (start) {_COLUMNS_OF.format("r")}
        FROM collector_barrevision r LEFT JOIN {{table}} h USING (series_id, start)
        WHERE r.series_id = s.id AND r.start >= s.since AND r.start >= %(start)s AND r.start < %(end)s
          AND r.recorded_at <= %(as_of)s
          AND (h.recorded_at > %(as_of)s OR (h.recorded_at IS NULL AND r.replaced_at > %(as_of)s))
        ORDER BY start, r.recorded_at DESC, r.rev DESC
    ) then_held
"""  # noqa: S608 - made of constants; values are bound
_NOW = f"SELECT {COLUMNS} FROM {{table}} WHERE {_RANGE}"  # noqa: S608 - made of constants; values are bound

_ROWS = """
SELECT {columns} FROM unnest(%(ids)s::bigint[], %(since)s::timestamptz[]) WITH ORDINALITY AS s(id, since, position)
CROSS JOIN LATERAL (SELECT * FROM ({bars}) known WHERE %(with_withdrawn)s OR withdrawn_by IS NULL ORDER BY start LIMIT %(limit)s) b
ORDER BY position, start LIMIT %(limit)s
"""


class BarRow(NamedTuple):
    """One bar as its table has it."""

    series_id: int
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    vwap: float | None
    trade_count: int | None
    provider_id: int
    rev: int
    received_at: datetime
    recorded_at: datetime
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True)
class Position:
    """From where a series is read, inclusive."""

    series_id: int
    since: datetime


def read_rows(
    *,
    positions: Sequence[Position],
    interval: Interval,
    start: datetime,
    end: datetime,
    limit: int,
    as_of: datetime | None = None,
    with_withdrawn: bool = False,
) -> list[BarRow]:
    """At most `limit` bars of `[start, end)`, in the order of `positions` and then of time; those that were taken back only when asked."""
    rows: list[BarRow] = []
    most_slots = max(1, -(-int((end - start).total_seconds() * 1_000_000) // interval.us))
    done = 0
    while done < len(positions) and len(rows) < limit:
        # As many series a statement as can be needed to fill the page: one index range each, at most twice the page is read.
        width = 1 + (limit - len(rows)) // most_slots
        chunk = positions[done : done + width]
        values: dict[str, Any] = {
            "start": start,
            "end": end,
            "limit": limit - len(rows),
            "as_of": as_of,
            "with_withdrawn": with_withdrawn,
        }
        rows += _select(chunk, interval, values)
        done += width
    return rows


def _select(positions: Sequence[Position], interval: Interval, values: Mapping[str, Any]) -> list[BarRow]:
    table = "collector_dailybar" if interval is Interval.D1 else "collector_bar"
    bars = (_NOW if values["as_of"] is None else _AS_OF).format(table=table)
    series: dict[str, Any] = {"ids": [p.series_id for p in positions], "since": [p.since for p in positions]}
    with connection.cursor() as cursor:
        cursor.execute(_ROWS.format(columns=_COLUMNS_OF.format("b"), bars=bars), {**values, **series})
        return [BarRow(*row) for row in cursor.fetchall()]
