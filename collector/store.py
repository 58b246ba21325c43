"""The write path: every bar, live, backfilled or replayed, is written by `write_bars` and by nothing else.

One transaction: lock the coverage rows of all touched (series, session) in key order → new rows by COPY, replaced ones to
`BarRevision`, differing ones that may not replace to `BarAlternate` → coverage and absences → one `FeedBatch`. The coverage lock
serialises writers of a series and session, so `Coverage.held` and `void` say exactly which rows exist: rows outside them are new and
need no anti-join. A row lock on bars would lock nothing where there is no row yet.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, connection
from psycopg.errors import UniqueViolation

from collector import store_sql as sql
from collector.announcing import announce
from collector.copying import Column, copy_rows
from collector.core.coverage_keys import reach_by_key, rows_by_key, spans_by_key
from collector.core.messages import bar_messages, history_notice
from collector.core.pins import barred
from collector.core.precedence import Claim, replaces
from collector.core.spans import NO_SPANS, Spans, from_multirange, inside, minus
from collector.metrics import one_write
from collector.models import Withdrawal
from collector.partitions import BARS, ensure_partitions, forget_known, has_no_partition
from collector.store_batch import AbsentSlots, WriteBatch, WriteResult
from collector.withdrawing import Withdrawn, messages_of_withdrawn, take_back
from providers.market.types import Interval, Micros, to_us

log = logging.getLogger(__name__)


def write_bars(batch: WriteBatch, *, history_before: Micros) -> WriteResult:
    """Write one batch, all or nothing; writing it again changes nothing and says nothing.

    Rows that start before `history_before` are announced by one notice a series instead of one message a bar. The feed is told
    after the commit. Opens its own transaction: call it outside of one, partitions are made before it.
    """
    _make_partitions(batch)
    try:
        return _write(_Write(batch), history_before)
    except IntegrityError as error:
        if has_no_partition(error):
            # Dropped by a process whose settings keep less than ours, after we had seen it.
            forget_known()
            _make_partitions(batch)
            return _write(_Write(batch), history_before)
        if not _is_held_already(error):
            raise
        # A bar is held under another session than it would have today: its instrument's calendar was changed since.
        log.warning("bars are held under sessions of another calendar; comparing row by row", extra={"action": "rekeyed_bars"})
        return _write(_Write(batch, trusts_coverage=False), history_before)


def _write(write: "_Write", history_before: Micros) -> WriteResult:
    with one_write():
        return write.run(history_before)


def _make_partitions(batch: WriteBatch) -> None:
    if batch.interval is not Interval.D1:
        ensure_partitions(BARS, BARS.periods_of(batch.bars.start))


def _is_held_already(error: IntegrityError) -> bool:
    """Whether a bar's primary key was violated; partitions name theirs after themselves."""
    violation = error.__cause__
    if not isinstance(violation, UniqueViolation):
        return False
    name = violation.diag.constraint_name or ""
    return name.startswith(("collector_bar_", "collector_dailybar_")) and name.endswith("_pkey")


class _Write:
    """The steps of one write, inside its transaction."""

    def __init__(self, batch: WriteBatch, *, trusts_coverage: bool = True) -> None:
        self.batch = batch
        self.trusts_coverage = trusts_coverage
        self.bars = batch.bars
        self.table = "collector_dailybar" if batch.interval is Interval.D1 else "collector_bar"
        self.barred: dict[int, Spans] = {}
        self.row_series = batch.series_ids[batch.bars.symbol_index] if len(batch.bars) else np.empty(0, dtype=np.int64)

    def run(self, history_before: Micros) -> WriteResult:
        held = self._lock_coverage()
        self._see_pins()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            self.recorded_at = to_us(cursor.fetchone()[0])
        revs = np.ones(len(self.bars), dtype=np.int64)
        exists = self._exists(held) if self.trusts_coverage else self._exists_by_key()
        new = np.flatnonzero(~exists & ~self.is_barred)
        self._insert(new)
        replaced, alternates, counts = self._merge(exists, revs)
        self._cover(counts)
        withdrawn = self._withdraw()
        sql.add_rejections(self.batch.rejected, self.batch.provider_id, self.recorded_at, table=sql.REJECTED_BARS)
        sql.set_answered_through(self.batch.answered_through)
        changed = np.sort(np.concatenate((new, replaced)))
        return WriteResult(
            new=len(new),
            replaced=len(replaced),
            unchanged=len(self.bars) - len(changed) - alternates,
            alternates=alternates,
            rejected=len(self.batch.rejected),
            feed_batch_id=self._announce(changed, revs[changed], withdrawn, history_before),
            withdrawn=len(withdrawn),
            disregarded=frozenset(np.unique(self.row_series[~counts]).tolist()),
            barred=self.barred,
        )

    def _lock_coverage(self) -> list[tuple[int, int, Spans]]:
        """Lock, in key order, all touched (series, session); returns where there are rows already, within the reach of the new ones."""
        keys = {(a.series_id, a.session_day): (0, 0) for a in self.batch.absent}
        keys |= {(one.series_id, one.session_day): (0, 0) for one in self.batch.withdrawn}
        if len(self.bars):
            reach = reach_by_key(self.row_series, self.batch.session_days, self.bars.start)
            keys.update({key: (low, high + 1) for key, (low, high) in reach.items()})
        return [
            (series, day, from_multirange(held))
            for series, day, held in sql.lock_coverage(sorted((*k, *v) for k, v in keys.items()))
        ]

    def _see_pins(self) -> None:
        """Under the lock, which who declares a range bad takes as well: where this provider's values do not count."""
        self.is_barred = np.zeros(len(self.bars), dtype=bool)
        touched = {*np.unique(self.row_series).tolist(), *(a.series_id for a in self.batch.absent)}
        for series_id, pins in sql.pins(sorted(touched)).items():
            self.barred[series_id] = barred(pins, self.batch.provider_id, asked_at=self.batch.asked_at)
            self.is_barred |= (self.row_series == series_id) & inside(self.bars.start, self.barred[series_id])

    def _exists(self, held: list[tuple[int, int, Spans]]) -> npt.NDArray[np.bool_]:
        exists = np.zeros(len(self.bars), dtype=bool)
        if not held:
            return exists
        rows_of = rows_by_key(self.row_series, self.batch.session_days)
        for series, day, spans in held:
            rows = rows_of(series, day)
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

    def _merge(
        self, exists: npt.NDArray[np.bool_], revs: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], int, npt.NDArray[np.bool_]]:
        """Rows whose slot has a row already, or is another provider's: those that differ replace it or become alternates.

        Returns the replacing rows, how many became alternates, and which of all rows count now.
        """
        counts = exists | ~self.is_barred
        rows = np.flatnonzero(exists | self.is_barred)
        if not len(rows):
            return rows, 0, counts
        sql.make_staging()
        copy_rows("staged_bar", [Column("i", "int4", rows), *self._columns(rows)])
        replacing: list[int] = []
        alternates: list[int] = np.flatnonzero(~counts).tolist()
        for i, provider_id, asked_at, is_withdrawn, rev in sql.differing(self.table, self.batch.provider_id):
            if not self.is_barred[i] and self._replaces(i, Claim(provider_id, to_us(asked_at), is_withdrawn)):
                revs[i] = rev + 1
                replacing.append(i)
            else:
                counts[i] &= not is_withdrawn
                alternates.append(i)
        stamp = sql.Stamp(self.batch.provider_id, self.batch.asked_at, self.batch.received_at, self.recorded_at)
        sql.replace(self.table, replacing, stamp)
        sql.add_alternates(alternates, stamp)
        return np.array(sorted(replacing), dtype=np.int64), len(alternates), counts

    def _replaces(self, row: int, held: Claim) -> bool:
        new = Claim(self.batch.provider_id, self.batch.asked_at)
        return replaces(new, held, ranks=self.batch.ranks, is_settled=self._settled(row))

    def _settled(self, row: int) -> bool:
        return int(self.bars.start[row]) + self.batch.interval.us + self.batch.settle_after <= self.batch.asked_at

    def _cover(self, counts: npt.NDArray[np.bool_]) -> None:
        """Add what is held and believed empty now; a slot that has a bar is never empty."""
        rows = np.flatnonzero(counts)
        held = spans_by_key(
            self.row_series[rows], self.batch.session_days[rows], self.bars.start[rows], step=self.batch.interval.us
        )
        absent = [a for one in self.batch.absent if len((a := self._unbarred(one)).spans)]
        believed = {(a.series_id, a.session_day): a.spans for a in absent if a.is_believed}
        keys = sorted(held.keys() | believed.keys())
        sql.extend_coverage([(*key, held.get(key, NO_SPANS), believed.get(key, NO_SPANS)) for key in keys])
        self._remember(absent)

    def _unbarred(self, absent: AbsentSlots) -> AbsentSlots:
        """Where another provider's values count, nobody else's silence does."""
        away = self.barred.get(absent.series_id, NO_SPANS)
        return absent if not len(away) else replace(absent, spans=minus(absent.spans, away))

    def _remember(self, absent: Iterable[AbsentSlots]) -> None:
        batch = self.batch
        rows = [(a.series_id, a.session_day, a.spans, a.is_believed, a.why) for a in absent]
        sql.add_absences(rows, batch.provider_id, batch.feed_scope, batch.asked_at)

    def _withdraw(self) -> list[Withdrawn]:
        """Bars that the provider sent once and no more; its answer is the evidence that there is none."""
        batch = self.batch
        gone = take_back(
            batch.interval,
            batch.withdrawn,
            by=Withdrawal.VENDOR,
            provider_id=batch.provider_id,
            asked_at=batch.asked_at,
            recorded_at=self.recorded_at,
        )
        if gone:
            proven = [one for one in batch.withdrawn if one.is_proven]
            self._remember(AbsentSlots(one.series_id, one.session_day, one.spans, True, "withdrawn") for one in proven)
        return gone

    def _announce(
        self, rows: npt.NDArray[np.int64], revs: npt.NDArray[np.int64], withdrawn: Sequence[Withdrawn], history_before: Micros
    ) -> int | None:
        if not len(rows) and not withdrawn:
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
        labels = dict(zip(self.batch.series_ids.tolist(), self.batch.labels, strict=True))
        messages += messages_of_withdrawn(withdrawn, labels=labels, interval=self.batch.interval, history_before=history_before)
        return announce(messages, recorded_at=self.recorded_at)

    def _history_messages(self, rows: npt.NDArray[np.int64]) -> list[object]:
        """One notice a series."""
        symbols = self.bars.symbol_index[rows]
        return [
            history_notice(self.batch.labels[place], self.batch.interval, self.bars.start[rows[symbols == place]])
            for place in np.unique(symbols).tolist()
        ]
