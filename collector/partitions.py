"""Monthly partitions of `collector_bar`, made before the rows that need them.

Made outside the write's transaction: `CREATE … PARTITION OF` would wait for every open reader and writer of the parent, while
`CREATE TABLE LIKE` + `ATTACH` does not. There is no default partition: with one, a month that it already holds rows of can't be made.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
from django.db import connection, transaction

from providers.market.types import MicrosArray

TABLE = "collector_bar"
_LOCK = 0x6D64_7061_7274  # "mdpart": one maker at a time in the whole fleet
_known: set[int] = set()
"""Months (since 1970) seen to exist by this process. Partitions are only ever dropped by retention, far behind any write."""


def months_of(starts: MicrosArray) -> list[int]:
    """Months since 1970-01 that the instants fall into, ascending."""
    months = np.unique(starts.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64))
    return [int(month) for month in months]


def month_of(moment: datetime) -> int:
    """Months since 1970-01 of an aware datetime."""
    utc = moment.astimezone(UTC)
    return (utc.year - 1970) * 12 + utc.month - 1


def partition_name(month: int) -> str:
    """Name of the partition that holds a month, e.g. `collector_bar_202611`."""
    return f"{TABLE}_{1970 + month // 12:04d}{month % 12 + 1:02d}"


def ensure_partitions(months: Iterable[int]) -> list[str]:
    """Make what is missing of the months' partitions; returns the names made. Call it outside a transaction."""
    wanted = [month for month in months if month not in _known]
    if not wanted:
        return []
    existing = _existing()
    made = [partition_name(month) for month in wanted if partition_name(month) not in existing and _make(month)]
    _known.update(wanted)
    return made


def forget_known() -> None:
    """Drop this process' memory of existing partitions (after a retention run, between tests)."""
    _known.clear()


def _existing() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [TABLE])
        return {name for (name,) in cursor.fetchall()}


def _bound(month: int) -> str:
    return f"{1970 + month // 12:04d}-{month % 12 + 1:02d}-01 00:00+00"  # with an offset, else read in the session's zone


def _make(month: int) -> bool:
    name = partition_name(month)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if name in _existing():
            return False  # another process was first
        lower, upper = _bound(month), _bound(month + 1)
        cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING ALL)")
        # The check lets ATTACH skip its scan and is redundant with the bound afterwards.
        cursor.execute(f"ALTER TABLE {name} ADD CONSTRAINT {name}_bound CHECK (start >= '{lower}' AND start < '{upper}')")
        cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES FROM ('{lower}') TO ('{upper}')")
        cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT {name}_bound")
    return True
