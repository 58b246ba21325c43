"""Bars by the time they were recorded, whatever series they are of: what makes a client whole that missed a span of the feed.

`recorded_at` has a BRIN, which finds a span but no order. A page reads spans that follow each other, each four times as long as the
one before, until it is full: each span is sorted by itself, and a page never reads much more than it shows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from collector.models import Series
from collector.selectors.bar_rows import COLUMNS, BarRow
from collector.selectors.bars import Page, as_json
from providers.api_errors import ApiError
from providers.market.types import Adjustment, Hours, Interval, from_us, to_us

FIRST_SPAN = timedelta(seconds=1)
GROWTH = 4
_CURSOR = re.compile(r"(\d{1,16})\.(\d{1,18})\.(-?\d{1,16})", re.ASCII)
_ROWS = """
SELECT {columns} FROM {table}
WHERE recorded_at >= %(since)s AND (%(until)s::timestamptz IS NULL OR recorded_at < %(until)s)
  AND (recorded_at, series_id, start) > (%(recorded_at)s, %(series_id)s, %(start)s)
  AND (%(ids)s::bigint[] IS NULL OR series_id = ANY(%(ids)s))
ORDER BY recorded_at, series_id, start LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class RecordedQuery:
    """Bars recorded in `[since, until)`, both aware; `until` None: to the newest. The rest are filters, None or empty: all."""

    since: datetime
    until: datetime | None = None
    symbols: tuple[str, ...] = ()
    interval: Interval | None = None
    mic: str | None = None
    hours: Hours | None = None
    adjustment: Adjustment | None = None
    limit: int = 1000
    after: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class _Key:
    """The order of the pages; a bar that is corrected in between moves behind every page read so far."""

    recorded_at: datetime
    series_id: int
    start: datetime


def recorded_page(query: RecordedQuery, *, now: datetime) -> Page:
    """One page of bars, by the time they were recorded. Raises: ApiError that names the parameter at fault."""
    if query.until is not None and query.until <= query.since:
        text = f"recorded_until: expected a time after recorded_since, {query.since.isoformat()}"
        raise ApiError(text, code="empty_range", field="recorded_until")
    rows = _rows(query, now)
    kept = rows[: query.limit]
    ids = {row.series_id for row in kept}
    series = Series.objects.select_related("instrument").in_bulk(ids)
    return Page(bars=as_json(rows=kept, series=series), next=_cursor(kept[-1]) if len(rows) > query.limit else None)


def _rows(query: RecordedQuery, now: datetime) -> list[BarRow]:
    """One more than the page holds, if there are."""
    after, ids = _start(query), _series_ids(query)
    if ids == []:
        return []
    values = {"ids": ids, "recorded_at": after.recorded_at, "series_id": after.series_id, "start": after.start}
    tables, most = _tables(query.interval), query.limit + 1
    rows: list[BarRow] = []
    for since, until in growing_spans(after.recorded_at, query.until, now):
        rows += _read(tables, {**values, "since": since, "until": until, "limit": most - len(rows)})
        if len(rows) == most:
            break
    return rows


def growing_spans(since: datetime, until: datetime | None, now: datetime) -> Iterator[tuple[datetime, datetime | None]]:
    """Spans of growing length that cover `[since, until)`. None: open, since Postgres' clock may be ahead of this one."""
    length = FIRST_SPAN
    while (end := since + length) < (now if until is None else min(until, now)):
        yield since, end
        since, length = end, length * GROWTH
    yield since, until


def _read(tables: Sequence[str], values: dict[str, Any]) -> list[BarRow]:
    rows: list[BarRow] = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(_ROWS.format(columns=COLUMNS, table=table), values)
            rows += [BarRow(*row) for row in cursor.fetchall()]
    return sorted(rows, key=_key)[: values["limit"]]


def _tables(interval: Interval | None) -> tuple[str, ...]:
    if interval is None:
        return ("collector_bar", "collector_dailybar")
    return ("collector_dailybar",) if interval is Interval.D1 else ("collector_bar",)


def _series_ids(query: RecordedQuery) -> list[int] | None:
    """Which series; None when all. A symbol that there is not (yet) is no error, as in the feed's channels."""
    wanted: dict[str, Any] = {
        "instrument__symbol__in": query.symbols or None,
        "instrument__mic": query.mic,
        "interval": query.interval,
        "hours": query.hours,
        "adjustment": query.adjustment,
    }
    filters = {name: value for name, value in wanted.items() if value is not None}
    return list(Series.objects.filter(**filters).values_list("pk", flat=True)) if filters else None


def _key(row: BarRow) -> _Key:
    return _Key(row.recorded_at, row.series_id, row.start)


def _cursor(row: BarRow) -> str:
    return f"{to_us(row.recorded_at)}.{row.series_id}.{to_us(row.start)}"


def _start(query: RecordedQuery) -> _Key:
    if query.after is None:
        return _Key(query.since, 0, query.since)
    found = _CURSOR.fullmatch(query.after)
    key = None if found is None else _Key(from_us(int(found[1])), int(found[2]), from_us(int(found[3])))
    if key is None or key.recorded_at < query.since or (query.until is not None and key.recorded_at >= query.until):
        raise ApiError("after: expected the `next` of an earlier page of this query", code="bad_cursor", field="after")
    return key
