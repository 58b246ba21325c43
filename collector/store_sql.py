"""The statements of the write path, one function each. All run inside `collector.store`'s transaction.

Lock order, the same in every writer: coverage rows by (series, session), then bars, alternates and absences (all under those), then
rejected rows, then series. That is why no two writers can deadlock.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from collector.core.bars import Rejection
from collector.core.pins import Pin
from collector.core.spans import Spans, to_literal
from collector.core.texts import storable
from providers.market.types import Micros, from_us, to_us


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who said it, when it was asked and received, and when this write records it."""

    provider_id: int
    asked_at: Micros
    received_at: Micros
    recorded_at: Micros

    def named(self) -> dict[str, Any]:
        return {
            "provider": self.provider_id,
            "asked": from_us(self.asked_at),
            "received": from_us(self.received_at),
            "recorded": from_us(self.recorded_at),
        }


_EPOCH_DAY = date(1970, 1, 1)
_VALUES = "open, high, low, close, volume, vwap, trade_count"


def _day(days: int) -> date:
    return _EPOCH_DAY + timedelta(days=days)


def lock_coverage(keys: Sequence[tuple[int, int, Micros, Micros]]) -> list[tuple[int, int, Any]]:
    """Make and lock the coverage rows of ascending (series, session day, low, high) keys.

    Returns (series, session day, spans within [low, high) that have rows, void ones too) of those that have some. Two statements: a `FOR UPDATE` on
    absent rows locks nothing, and a row inserted by a concurrent writer is only visible to the second.
    """
    if not keys:
        return []
    series, days = [k[0] for k in keys], [_day(k[1]) for k in keys]
    lows, highs = [from_us(k[2]) for k in keys], [from_us(k[3]) for k in keys]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO collector_coverage (series_id, session, held, empty, void)
               SELECT k.series_id, k.session, '{}', '{}', '{}' FROM unnest(%s::bigint[], %s::date[]) k (series_id, session)
               ORDER BY 1, 2 ON CONFLICT DO NOTHING""",
            [series, days],
        )
        cursor.execute(
            """SELECT c.series_id, c.session - %s, (c.held + c.void) * tstzmultirange(tstzrange(k.low, k.high))
               FROM collector_coverage c
               JOIN unnest(%s::bigint[], %s::date[], %s::timestamptz[], %s::timestamptz[]) k (series_id, session, low, high)
                 ON c.series_id = k.series_id AND c.session = k.session
               ORDER BY c.series_id, c.session FOR UPDATE OF c""",
            [_EPOCH_DAY, series, days, lows, highs],
        )
        return [row for row in cursor.fetchall() if row[2]]


def pins(series_ids: Sequence[int]) -> dict[int, list[Pin]]:
    """Series → spans in which operators let one provider's values count, oldest first."""
    found: dict[int, list[Pin]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT series_id, start, "end", provider_id, created_at FROM collector_rangeinvalidation
               WHERE series_id = ANY(%s) ORDER BY id""",
            [list(series_ids)],
        )
        for series_id, start, end, provider_id, declared_at in cursor.fetchall():
            found.setdefault(series_id, []).append(Pin(to_us(start), to_us(end), provider_id, to_us(declared_at)))
    return found


def make_staging() -> None:
    """This connection's staging table, empty; emptied at each commit as well."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL client_min_messages = warning")  # no notice each time that it is there already
        cursor.execute(
            """CREATE TEMP TABLE IF NOT EXISTS staged_bar (
                 i int NOT NULL, series_id bigint NOT NULL, start timestamptz NOT NULL,
                 open float8, high float8, low float8, close float8, volume float8, vwap float8, trade_count bigint
               ) ON COMMIT DELETE ROWS"""
        )
        cursor.execute("DELETE FROM staged_bar")


def existing(table: str) -> list[int]:
    """`i` of the staged rows whose slot is held."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT s.i FROM staged_bar s JOIN {table} b ON b.series_id = s.series_id AND b.start = s.start")
        return [i for (i,) in cursor.fetchall()]


def differing(table: str, provider_id: int) -> list[tuple[int, int, datetime, bool, int]]:
    """(i, held provider, held asked_at, whether it was taken back, held rev) of staged rows that differ from the held bar.

    Prices differ when they differ; what only one of two providers knows (volume, vwap, trades) is no difference between them. A bar
    that was taken back differs from every other.
    """
    optional = " OR ".join(
        f"(s.{c} IS DISTINCT FROM b.{c} AND (b.provider_id = %(provider)s OR (s.{c} IS NOT NULL AND b.{c} IS NOT NULL)))"
        for c in ("volume", "vwap", "trade_count")
    )
    with connection.cursor() as cursor:
        # The staged rows are few against a month of bars: by the primary key, whatever an unanalysed table makes the planner think.
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL enable_mergejoin = off")
        cursor.execute(
            f"""SELECT s.i, b.provider_id, b.asked_at, b.withdrawn_by IS NOT NULL, b.rev FROM staged_bar s
                JOIN {table} b ON b.series_id = s.series_id AND b.start = s.start
                WHERE (s.open, s.high, s.low, s.close) IS DISTINCT FROM (b.open, b.high, b.low, b.close) OR b.withdrawn_by IS NOT NULL
                   OR {optional}
                ORDER BY s.i""",
            {"provider": provider_id},
        )
        rows: list[tuple[int, int, datetime, bool, int]] = cursor.fetchall()
        return rows


def replace(table: str, rows: list[int], stamp: Stamp) -> None:
    """Held values of the staged rows → `BarRevision`, staged values → held, with the next `rev`."""
    if not rows:
        return
    names: dict[str, Any] = {"rows": rows, **stamp.named()}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO collector_barrevision
                  (series_id, start, {_VALUES}, asked_at, received_at, provider_id, rev, recorded_at, withdrawn_by, replaced_at)
                SELECT b.series_id, b.start, {_prefixed("b")}, b.asked_at, b.received_at, b.provider_id, b.rev, b.recorded_at,
                       b.withdrawn_by, %(recorded)s
                FROM staged_bar s JOIN {table} b ON b.series_id = s.series_id AND b.start = s.start
                WHERE s.i = ANY(%(rows)s)""",
            names,
        )
        cursor.execute(
            f"""UPDATE {table} b SET ({_VALUES}) = ROW({_prefixed("s")}), asked_at = %(asked)s, received_at = %(received)s,
                  provider_id = %(provider)s, rev = b.rev + 1, recorded_at = %(recorded)s, withdrawn_by = NULL
                FROM staged_bar s WHERE b.series_id = s.series_id AND b.start = s.start AND s.i = ANY(%(rows)s)""",
            names,
        )


def add_alternates(rows: list[int], stamp: Stamp) -> None:
    """Keep the newest differing value of this provider for each staged row, and count how often it was seen.

    An older answer may be written after a newer one: it is counted and changes nothing else.
    """
    if not rows:
        return
    columns = [name.strip() for name in _VALUES.split(",")] + ["asked_at", "received_at", "recorded_at"]
    newest = ", ".join(f"{c} = CASE WHEN excluded.asked_at >= a.asked_at THEN excluded.{c} ELSE a.{c} END" for c in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO collector_baralternate AS a
                  (series_id, start, {_VALUES}, asked_at, received_at, provider_id, recorded_at, times_seen)
                SELECT s.series_id, s.start, {_prefixed("s")}, %(asked)s, %(received)s, %(provider)s, %(recorded)s, 1
                FROM staged_bar s WHERE s.i = ANY(%(rows)s)
                ON CONFLICT (series_id, start, provider_id) DO UPDATE SET {newest}, times_seen = a.times_seen + 1""",
            {"rows": rows, **stamp.named()},
        )


def _prefixed(alias: str) -> str:
    return ", ".join(f"{alias}.{name.strip()}" for name in _VALUES.split(","))


def extend_coverage(rows: Iterable[tuple[int, int, Spans, Spans]]) -> None:
    """Add (series, session day, held, believed empty) to the locked rows; what is held is void no more."""
    listed = list(rows)
    if not listed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE collector_coverage c
               SET held = c.held + v.held, empty = (c.empty + v.empty) - (c.held + v.held), void = c.void - v.held
               FROM (SELECT u.series_id, u.session, u.held::tstzmultirange AS held, u.empty::tstzmultirange AS empty
                     FROM unnest(%s::bigint[], %s::date[], %s::text[], %s::text[]) u (series_id, session, held, empty)) v
               WHERE c.series_id = v.series_id AND c.session = v.session
                 AND NOT (c.held @> v.held AND (c.held + c.empty) @> v.empty AND NOT c.empty && v.held AND NOT c.void && v.held)""",
            [
                [row[0] for row in listed],
                [_day(row[1]) for row in listed],
                [to_literal(row[2]) for row in listed],
                [to_literal(row[3]) for row in listed],
            ],
        )


def add_absences(
    rows: Sequence[tuple[int, int, Spans, bool, str]], provider_id: int, feed_scope: str, asked_at: Micros
) -> None:
    """Remember the evidence: one row a (series, session, provider, verdict, rule), its spans growing with each answer."""
    if not rows:
        return
    columns = list(zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO collector_absence AS a (series_id, session, spans, is_believed, why, provider_id, feed_scope, asked_at)
               SELECT u.series_id, u.session, u.spans::tstzmultirange, u.is_believed, u.why, %s, %s, %s
               FROM unnest(%s::bigint[], %s::date[], %s::text[], %s::boolean[], %s::text[]) u (series_id, session, spans, is_believed, why)
               ON CONFLICT (series_id, session, provider_id, is_believed, why) DO UPDATE
               SET spans = a.spans + excluded.spans, asked_at = greatest(a.asked_at, excluded.asked_at)
               WHERE NOT a.spans @> excluded.spans""",
            [
                provider_id,
                feed_scope,
                from_us(asked_at),
                list(columns[0]),
                [_day(day) for day in columns[1]],
                [to_literal(spans) for spans in columns[2]],
                list(columns[3]),
                list(columns[4]),
            ],
        )


@dataclass(frozen=True, slots=True)
class RejectionTable:
    """Where refused rows of a kind are kept: the table, the column of what they are of, the column of their time."""

    name: str
    owner: str
    time: str


REJECTED_BARS = RejectionTable("collector_rejectedbar", "series_id", "start")
REJECTED_QUOTES = RejectionTable("collector_rejectedquote", "instrument_id", "at")


def add_rejections(
    rows: Sequence[tuple[int, Rejection]], provider_id: int, recorded_at: Micros, *, table: RejectionTable
) -> None:
    """Keep refused rows, each with the id of its owner, with their reason; the same row sent again is counted."""
    now = from_us(recorded_at)
    unique: dict[tuple[int, str], tuple[int, Rejection]] = {}
    for owner_id, rejection in rows:
        text = f"{rejection.start}|{rejection.reason}|{rejection.raw}"
        fingerprint = hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=16).hexdigest()
        unique[owner_id, fingerprint] = (owner_id, rejection)
    if not unique:
        return
    values = [
        (
            owner_id,
            provider_id,
            _moment(r.start),
            r.reason,
            storable(r.detail[:500]),
            storable(r.raw[:4000]),
            key[1],
            1,
            now,
            now,
        )
        for key, (owner_id, r) in sorted(unique.items())
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""INSERT INTO {table.name} AS r ({table.owner}, provider_id, {table.time}, reason, detail, raw, fingerprint, times_seen,
                 first_seen_at, last_seen_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT ({table.owner}, provider_id, fingerprint) DO UPDATE
               SET times_seen = r.times_seen + 1, last_seen_at = excluded.last_seen_at""",
            values,
        )


def _moment(micros: Micros | None) -> datetime | None:
    return None if micros is None else from_us(micros)


def set_answered_through(through: Mapping[int, Micros]) -> None:
    """Move each series' `answered_through` forward, never back."""
    if not through:
        return
    ids = sorted(through)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM collector_series WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [ids])
        cursor.execute(
            """UPDATE collector_series s SET answered_through = v.through
               FROM unnest(%s::bigint[], %s::timestamptz[]) v (id, through)
               WHERE s.id = v.id AND (s.answered_through IS NULL OR s.answered_through < v.through)""",
            [ids, [from_us(through[i]) for i in ids]],
        )


def add_feed_batch(recorded_at: datetime, message_count: int, messages: bytes) -> int:
    """The doorbell's row. Returns its id."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO collector_feedbatch (recorded_at, message_count, messages, epoch)
               VALUES (%s, %s, %s, '') RETURNING id""",
            [recorded_at, message_count, messages],
        )
        batch_id: int = cursor.fetchone()[0]
        return batch_id
