"""Taking held bars back. A row stays where it is, marked; the value before becomes a revision, and its slot is void.

All of it runs inside the caller's transaction, under the coverage locks of the touched sessions (see `collector.store`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from django.db import connection

from collector.core.messages import SeriesLabel, history_notice, iso, of_series
from collector.core.spans import NO_SPANS, Spans, inside, spans_of, to_literal
from collector.models import Withdrawal
from providers.market.types import Interval, Micros, MicrosArray, from_us, to_us

_EPOCH_DAY = date(1970, 1, 1)
_VALUES = "open, high, low, close, volume, vwap, trade_count"
_OF_ROW = ", ".join(f"b.{name}" for name in _VALUES.split(", "))


@dataclass(frozen=True, slots=True, eq=False)
class HeldSlots:
    """Slots of one series and session that have a bar. `is_proven`: that there is none is proven as well."""

    series_id: int
    session_day: int
    spans: Spans
    is_proven: bool = False


class Withdrawn(NamedTuple):
    """A bar that counts for nothing any more, with its new `rev`."""

    series_id: int
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    vwap: float | None
    trade_count: int | None
    provider: str
    rev: int


def take_back(
    interval: Interval,
    slots: Sequence[HeldSlots],
    *,
    by: Withdrawal,
    asked_at: Micros,
    recorded_at: Micros,
    provider_id: int | None = None,
) -> list[Withdrawn]:
    """Take back the bars of those slots, with `provider_id` only its own that were asked for before; returns them by series and start.

    `asked_at`: what was asked for up to then can't take their place.
    """
    if not slots:
        return []
    told = [(one.series_id, from_us(low), from_us(high)) for one in slots for low, high in one.spans.tolist()]
    with connection.cursor() as cursor:
        # What is told is little against months of bars: by the primary key, whatever the planner makes of a list.
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL enable_mergejoin = off")
        cursor.execute(
            _MARK.format(table="collector_dailybar" if interval is Interval.D1 else "collector_bar"),
            {
                "series": [series_id for series_id, _, _ in told],
                "lows": [low for _, low, _ in told],
                "highs": [high for _, _, high in told],
                "provider": provider_id,
                "by": by.value,
                "asked": from_us(asked_at),
                "recorded": from_us(recorded_at),
            },
        )
        rows = [Withdrawn(*row) for row in cursor.fetchall()]
    _make_void(slots, _starts(rows), interval.us)
    return rows


# Each span is one range of the table's primary key: joined in the plain way, a table without statistics is read as a whole.
_MARK = f"""
WITH kept AS (
  INSERT INTO collector_barrevision
    (series_id, start, {_VALUES}, asked_at, received_at, provider_id, rev, recorded_at, withdrawn_by, replaced_at)
  SELECT b.series_id, b.start, {_OF_ROW}, b.asked_at, b.received_at, b.provider_id, b.rev, b.recorded_at, NULL, %(recorded)s
  FROM unnest(%(series)s::bigint[], %(lows)s::timestamptz[], %(highs)s::timestamptz[]) t (series_id, low, high)
  CROSS JOIN LATERAL (SELECT * FROM {{table}} b WHERE b.series_id = t.series_id AND b.start >= t.low AND b.start < t.high OFFSET 0) b
  WHERE b.withdrawn_by IS NULL AND (%(provider)s::bigint IS NULL OR (b.provider_id = %(provider)s AND b.asked_at < %(asked)s))
  RETURNING series_id, start
), marked AS (
  UPDATE {{table}} b SET withdrawn_by = %(by)s, rev = b.rev + 1, asked_at = %(asked)s, recorded_at = %(recorded)s
  FROM kept k WHERE b.series_id = k.series_id AND b.start = k.start
  RETURNING b.series_id, b.start, {_OF_ROW}, b.provider_id, b.rev
)
SELECT b.series_id, b.start, {_OF_ROW}, p.name, b.rev FROM marked b JOIN providers_provider p ON p.id = b.provider_id
ORDER BY b.series_id, b.start
"""  # noqa: S608 - made of constants and one of two tables; values are bound


def _starts(rows: Sequence[Withdrawn]) -> Mapping[int, MicrosArray]:
    by_series: dict[int, list[Micros]] = {}
    for row in rows:
        by_series.setdefault(row.series_id, []).append(to_us(row.start))
    return {series_id: np.array(starts, dtype=np.int64) for series_id, starts in by_series.items()}


def _make_void(slots: Sequence[HeldSlots], starts: Mapping[int, MicrosArray], step: int) -> None:
    gone = [_within(one, starts.get(one.series_id), step) for one in slots]
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE collector_coverage c SET held = c.held - v.gone, void = c.void + v.gone, empty = c.empty + v.proven
               FROM (SELECT u.series_id, u.session, u.gone::tstzmultirange AS gone, u.proven::tstzmultirange AS proven
                     FROM unnest(%s::bigint[], %s::date[], %s::text[], %s::text[]) u (series_id, session, gone, proven)) v
               WHERE c.series_id = v.series_id AND c.session = v.session""",
            [
                [one.series_id for one in slots],
                [_EPOCH_DAY + timedelta(days=one.session_day) for one in slots],
                [to_literal(spans) for spans in gone],
                [to_literal(spans if one.is_proven else NO_SPANS) for one, spans in zip(slots, gone, strict=True)],
            ],
        )


def _within(one: HeldSlots, starts: MicrosArray | None, step: int) -> Spans:
    return NO_SPANS if starts is None else spans_of(starts[inside(starts, one.spans)], step)


def messages_of_withdrawn(
    rows: Sequence[Withdrawn], *, labels: Mapping[int, SeriesLabel], interval: Interval, history_before: Micros
) -> list[object]:
    """One message a bar; of those that start before `history_before` one notice a series. `labels` by series."""
    fresh = [row for row in rows if to_us(row.start) >= history_before]
    old = _starts([row for row in rows if to_us(row.start) < history_before])
    notices = [history_notice(labels[series_id], interval, starts) for series_id, starts in old.items()]
    return [*notices, *(_message(row, labels[row.series_id], interval) for row in fresh)]


def _message(row: Withdrawn, label: SeriesLabel, interval: Interval) -> dict[str, object]:
    about = row._asdict()
    del about["series_id"]
    return {"type": "bar", **of_series(label, interval.value), **about, "start": iso(to_us(row.start)), "withdrawn": True}
