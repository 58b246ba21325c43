"""The write path: every bar, live, backfilled or replayed, is written by `write_bars` and by nothing else.

One transaction: lock the coverage rows of all touched (series, session) in key order → new rows by COPY, replaced ones to
`BarRevision`, differing ones that may not replace to `BarAlternate` → coverage and absences → one `FeedBatch`. The coverage lock
serialises writers of a series and session, so `Coverage.held` says exactly which rows exist: rows outside it are new and need no
anti-join. A row lock on bars would lock nothing where there is no row yet.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, connection, transaction
from psycopg.errors import UniqueViolation

from collector import store_sql as sql
from collector.announcing import announce
from collector.copying import Column, copy_rows
from collector.core.bars import Rejection
from collector.core.messages import SeriesLabel, bar_messages, history_message
from collector.core.precedence import Claim, replaces
from collector.core.spans import NO_SPANS, Spans, from_multirange, inside, spans_of
from collector.partitions import BARS, ensure_partitions
from providers.market.types import BarBatch, Interval, Micros, to_us

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class AbsentSlots:
    """Slots of one series and session that an answer had no bar for, believed or doubted by one rule."""

    series_id: int
    session_day: int
    spans: Spans
    is_believed: bool
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class WriteBatch:
    """What one provider answered, checked and judged, ready to be written.

    `series_ids[k]` and `labels[k]` are the series of `bars.symbols[k]` (our symbols). `bars` has one row a slot, ascending by (symbol, start).
    `session_days[i]`: coverage key of row i in days since 1970. `ranks`: provider id → place in the policy.
    """

    interval: Interval
    provider_id: int
    provider: str
    feed_scope: str
    settle_after: Micros
    ranks: Mapping[int, int]
    asked_at: Micros
    received_at: Micros
    series_ids: npt.NDArray[np.int64]
    labels: Sequence[SeriesLabel]
    session_days: npt.NDArray[np.int32]
    bars: BarBatch
    rejected: Sequence[tuple[int, Rejection]] = ()
    absent: Sequence[AbsentSlots] = ()
    answered_through: Mapping[int, Micros] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Rows by what became of them. `feed_batch_id` is None when nothing changed."""

    new: int
    replaced: int
    unchanged: int
    alternates: int
    rejected: int
    feed_batch_id: int | None


def write_bars(batch: WriteBatch, *, history_before: Micros) -> WriteResult:
    """Write one batch, all or nothing; writing it again changes nothing and says nothing.

    Rows that start before `history_before` are announced by one notice a series instead of one message a bar. The feed is told
    after the commit. Opens its own transaction: call it outside of one, partitions are made before it.
    """
    if batch.interval is not Interval.D1:
        ensure_partitions(BARS, BARS.periods_of(batch.bars.start))
    try:
        return _write(_Write(batch), history_before)
    except IntegrityError as error:
        if not _is_held_already(error):
            raise
        # A bar is held under another session than it would have today: its instrument's calendar was changed since.
        log.warning("bars are held under sessions of another calendar; comparing row by row", extra={"action": "rekeyed_bars"})
        return _write(_Write(batch, trusts_coverage=False), history_before)


def _write(write: "_Write", history_before: Micros) -> WriteResult:
    with transaction.atomic():
        return write.run(history_before)


def _is_held_already(error: IntegrityError) -> bool:
    """Whether a bar's primary key was violated; partitions name theirs after themselves."""
    violation = error.__cause__
    if not isinstance(violation, UniqueViolation):
        return False
    name = violation.diag.constraint_name or ""
    return name.startswith(("collector_bar_", "collector_dailybar_")) and name.endswith("_pkey")


_DAY_BITS = 20
_DAY_OFFSET = 1 << 19
"""Session days of either sign (daily bars reach back before 1970) packed behind the series id into one sortable integer."""


def _key(series: npt.NDArray[np.int64], days: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    return (series << _DAY_BITS) + days.astype(np.int64) + _DAY_OFFSET


class _Write:
    """The steps of one write, inside its transaction."""

    def __init__(self, batch: WriteBatch, *, trusts_coverage: bool = True) -> None:
        self.batch = batch
        self.trusts_coverage = trusts_coverage
        self.bars = batch.bars
        self.table = "collector_dailybar" if batch.interval is Interval.D1 else "collector_bar"
        self.row_series = batch.series_ids[batch.bars.symbol_index] if len(batch.bars) else np.empty(0, dtype=np.int64)

    def run(self, history_before: Micros) -> WriteResult:
        held = self._lock_coverage()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            self.recorded_at = to_us(cursor.fetchone()[0])
        revs = np.ones(len(self.bars), dtype=np.int64)
        exists = self._exists(held) if self.trusts_coverage else self._exists_by_key()
        new = np.flatnonzero(~exists)
        self._insert(new)
        replaced, alternates = self._merge(np.flatnonzero(exists), revs)
        self._cover()
        sql.add_rejections(self.batch.rejected, self.batch.provider_id, self.recorded_at, table=sql.REJECTED_BARS)
        sql.set_answered_through(self.batch.answered_through)
        changed = np.sort(np.concatenate((new, replaced)))
        return WriteResult(
            new=len(new),
            replaced=len(replaced),
            unchanged=len(self.bars) - len(changed) - alternates,
            alternates=alternates,
            rejected=len(self.batch.rejected),
            feed_batch_id=self._announce(changed, revs[changed], history_before),
        )

    def _lock_coverage(self) -> list[tuple[int, int, Spans]]:
        """Lock, in key order, all touched (series, session); returns what is already held within the rows' reach."""
        keys = {(a.series_id, a.session_day): (0, 0) for a in self.batch.absent}
        if len(self.bars):
            packed = _key(self.row_series, self.batch.session_days)
            unique, first = np.unique(packed, return_index=True)
            order = np.argsort(packed, kind="stable")
            starts = self.bars.start[order]
            edges = np.searchsorted(packed[order], unique)
            lows = np.minimum.reduceat(starts, edges)
            highs = np.maximum.reduceat(starts, edges)
            rows = zip(
                self.row_series[first].tolist(),
                self.batch.session_days[first].tolist(),
                lows.tolist(),
                highs.tolist(),
                strict=True,
            )
            keys.update({(series, day): (low, high + 1) for series, day, low, high in rows})
        return [
            (series, day, from_multirange(held))
            for series, day, held in sql.lock_coverage(sorted((*k, *v) for k, v in keys.items()))
        ]

    def _exists(self, held: list[tuple[int, int, Spans]]) -> npt.NDArray[np.bool_]:
        exists = np.zeros(len(self.bars), dtype=bool)
        if not held:
            return exists
        packed = _key(self.row_series, self.batch.session_days)
        order = np.argsort(packed, kind="stable")
        ordered = packed[order]
        for series, day, spans in held:
            key = (series << _DAY_BITS) + day + _DAY_OFFSET
            rows = order[np.searchsorted(ordered, key) : np.searchsorted(ordered, key, side="right")]
            exists[rows] = inside(self.bars.start[rows], spans)
        return exists

    def _exists_by_key(self) -> npt.NDArray[np.bool_]:
        """The slow way: every row is looked up by its primary key."""
        exists = np.zeros(len(self.bars), dtype=bool)
        sql.make_staging()
        everything = np.arange(len(self.bars))
        copy_rows("staged_bar", [Column("i", "int4", everything), *self._columns(everything)])
        exists[sql.existing(self.table)] = True
        return exists

    def _insert(self, rows: npt.NDArray[np.int64]) -> None:
        if len(rows):
            copy_rows(self.table, [*self._columns(rows), *self._stamp(len(rows))])

    def _columns(self, rows: npt.NDArray[np.int64]) -> list[Column]:
        whole = len(rows) == len(self.bars)
        bars = self.bars if whole else self.bars.where(rows)
        return [
            Column("series_id", "int8", self.row_series if whole else self.row_series[rows]),
            Column("start", "timestamptz", bars.start),
            Column("open", "float8", bars.open),
            Column("high", "float8", bars.high),
            Column("low", "float8", bars.low),
            Column("close", "float8", bars.close),
            Column("volume", "float8", bars.volume, is_nullable=True),
            Column("vwap", "float8", bars.vwap, is_nullable=True),
            Column("trade_count", "int8", bars.trade_count, is_nullable=True),
        ]

    def _stamp(self, count: int) -> list[Column]:
        batch = self.batch
        return [
            Column("asked_at", "timestamptz", np.full(count, batch.asked_at)),
            Column("received_at", "timestamptz", np.full(count, batch.received_at)),
            Column("provider_id", "int8", np.full(count, batch.provider_id)),
            Column("rev", "int4", np.ones(count, dtype=np.int32)),
            Column("recorded_at", "timestamptz", np.full(count, self.recorded_at)),
        ]

    def _merge(self, rows: npt.NDArray[np.int64], revs: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
        """Rows whose slot is held: those that differ replace it or become alternates. Returns the replacing rows, and how many do not."""
        if not len(rows):
            return np.empty(0, dtype=np.int64), 0
        sql.make_staging()
        copy_rows("staged_bar", [Column("i", "int4", rows), *self._columns(rows)])
        replacing: list[int] = []
        alternates: list[int] = []
        for i, provider_id, asked_at, rev in sql.differing(self.table, self.batch.provider_id):
            held = Claim(provider_id=provider_id, asked_at=to_us(asked_at))
            if replaces(
                Claim(self.batch.provider_id, self.batch.asked_at), held, ranks=self.batch.ranks, is_settled=self._settled(i)
            ):
                revs[i] = rev + 1
                replacing.append(i)
            else:
                alternates.append(i)
        stamp = sql.Stamp(self.batch.provider_id, self.batch.asked_at, self.batch.received_at, self.recorded_at)
        sql.replace(self.table, replacing, stamp)
        sql.add_alternates(alternates, stamp)
        return np.array(sorted(replacing), dtype=np.int64), len(alternates)

    def _settled(self, row: int) -> bool:
        return int(self.bars.start[row]) + self.batch.interval.us + self.batch.settle_after <= self.batch.asked_at

    def _cover(self) -> None:
        """Add what is held and believed empty now; a slot that has a bar is never empty."""
        held: dict[tuple[int, int], Spans] = {}
        if len(self.bars):
            packed = _key(self.row_series, self.batch.session_days)
            order = np.lexsort((self.bars.start, packed))
            ordered, starts = packed[order], self.bars.start[order]
            edges = np.flatnonzero(np.concatenate(([True], np.diff(ordered) != 0, [True])))
            for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                key = int(ordered[a])
                held[key >> _DAY_BITS, (key & (1 << _DAY_BITS) - 1) - _DAY_OFFSET] = spans_of(
                    starts[a:b], self.batch.interval.us
                )
        believed = {(a.series_id, a.session_day): a.spans for a in self.batch.absent if a.is_believed}
        keys = sorted(held.keys() | believed.keys())
        sql.extend_coverage([(*key, held.get(key, NO_SPANS), believed.get(key, NO_SPANS)) for key in keys])
        sql.add_absences(
            [(a.series_id, a.session_day, a.spans, a.is_believed, a.why) for a in self.batch.absent],
            self.batch.provider_id,
            self.batch.feed_scope,
            self.batch.asked_at,
        )

    def _announce(self, rows: npt.NDArray[np.int64], revs: npt.NDArray[np.int64], history_before: Micros) -> int | None:
        if not len(rows):
            return None
        is_history = self.bars.start[rows] < history_before
        fresh = rows[~is_history]
        messages = self._history_messages(rows[is_history])
        messages += bar_messages(
            self.bars.where(fresh),
            labels=self.batch.labels,
            interval=self.batch.interval.value,
            provider=self.batch.provider,
            revs=revs[~is_history],
        )
        return announce(messages, recorded_at=self.recorded_at)

    def _history_messages(self, rows: npt.NDArray[np.int64]) -> list[object]:
        notices: list[object] = []
        step = self.batch.interval.us
        for place in np.unique(self.bars.symbol_index[rows]):
            starts = self.bars.start[rows[self.bars.symbol_index[rows] == place]]
            span = np.array([[starts.min(), starts.max() + step]])
            notices.append(
                history_message(
                    label=self.batch.labels[int(place)], interval=self.batch.interval.value, span=span, rows=len(starts)
                )
            )
        return notices
