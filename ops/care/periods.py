"""Partitions that go when all of their period is past its age."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from collector.partitions import Partitioned, drop_partition, partitions, partitions_before
from providers.market.types import Micros, from_us, to_us

log = logging.getLogger(__name__)

GRACE = timedelta(days=1)
"""A partition goes this long after the write path has stopped to write into it: another machine's clock may be behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a table is estimated to hold, by what Postgres has counted for itself."""

    table: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Partitions of a table. `kept_from`: when they begin to be kept, None for ever.

    `forget`: deletes what is known of what is dropped, before anything is; false where its time was up.
    """

    of: Partitioned
    kept_from: Callable[[Micros], Micros | None]
    forget: Callable[..., bool] | None = None

    def oldest_kept(self) -> datetime | None:
        """The beginning of the oldest that there is."""
        names = partitions(self.of)
        return self.of.begin_of(names[0]) if names else None

    def due(self, now: datetime) -> list[str]:
        """Names of those that are past their age, oldest first."""
        before = self._before(now)
        return [] if before is None else partitions_before(self.of, self.of.period_of(before))

    def drop(self, now: datetime, *, is_over: Callable[[], bool]) -> tuple[list[Size], bool]:
        """Drop them, oldest first, up to one that is in use; which, and whether none is left. Safe to be killed at."""
        names, dropped = self.due(now), list[Size]()
        if not names:
            return dropped, True
        before = self._before(now)
        if self.forget is not None and before is not None and not self.forget(to_us(before), is_over=is_over):
            return dropped, False
        for name in names:
            (size,) = sizes([name])
            if is_over() or not drop_partition(self.of, name):
                return dropped, False
            dropped.append(size)
            log.info(
                "dropped %s with about %s rows, %s MB: what is kept begins at %s",
                name, f"{size.rows:,}", f"{size.bytes // 1_000_000:,}", before, extra={"action": "partition_dropped"},
            )  # fmt: skip
        return dropped, True

    def kept_from_at(self, now: datetime) -> datetime | None:
        """The first moment of which everything is kept; None: there is no such limit."""
        kept = self.kept_from(to_us(now))
        return None if kept is None else from_us(kept)

    def _before(self, now: datetime) -> datetime | None:
        return self.kept_from_at(now - GRACE)


def sizes(tables: list[str]) -> list[Size]:
    """Rows and bytes of tables with all of their partitions and indexes, in the order given. Nothing is counted."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [tables])
        return [Size(table=table, rows=rows, bytes=size) for table, rows, size in cursor.fetchall()]


# A table that was never analysed has no estimate; then what was written since counts.
_SIZES = """
SELECT t.name, coalesce(sum(CASE WHEN c.reltuples < 0 THEN pg_stat_get_live_tuples(c.oid) ELSE c.reltuples END), 0)::bigint,
       coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
FROM unnest(%s::text[]) WITH ORDINALITY AS t(name, place)
LEFT JOIN pg_class c ON c.relkind <> 'p'
  AND (c.oid = to_regclass(t.name) OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass(t.name))))
GROUP BY t.name, t.place ORDER BY t.place
"""
