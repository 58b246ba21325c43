"""Partitions of bars (a month each) and of quotes (a day each), made before the rows that need them, and dropped when they are old.

Made outside the write's transaction: `CREATE … PARTITION OF` would wait for every open reader and writer of the parent, while
`CREATE TABLE LIKE` + `ATTACH` does not. There is no default partition: with one, a period that it already holds rows of can't be made.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.errors import CheckViolation, LockNotAvailable

from providers.market.types import MicrosArray, to_us

log = logging.getLogger(__name__)

_LOCK = 0x6D64_7061_7274  # "mdpart": one maker at a time in the whole fleet


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A table partitioned by the time in `column`. Its periods are counted from 1970: months (`M`) or days (`D`)."""

    table: str
    column: str
    unit: Literal["M", "D"]

    def periods_of(self, instants: MicrosArray) -> list[int]:
        """Periods that the instants fall into, ascending."""
        periods = np.unique(instants.astype("datetime64[us]").astype(f"datetime64[{self.unit}]").astype(np.int64))
        return [int(period) for period in periods]

    def period_of(self, moment: datetime) -> int:
        """Period of an aware datetime."""
        return self.periods_of(np.array([to_us(moment)]))[0]

    def partition_name(self, period: int) -> str:
        """Name of the partition that holds a period, e.g. `collector_bar_202611` or `collector_quote_20261122`."""
        return f"{self.table}_{np.datetime64(period, self.unit)}".replace("-", "")

    def begin_of(self, name: str) -> datetime:
        """The first instant of the period that a partition holds, by its name."""
        digits = name.removeprefix(f"{self.table}_")
        return datetime(int(digits[:4]), int(digits[4:6]), int(digits[6:8] or 1), tzinfo=UTC)

    def bound(self, period: int) -> str:
        """The first instant of a period, with an offset: else it would be read in the session's zone."""
        return f"{np.datetime64(period, self.unit).astype('datetime64[D]')} 00:00+00"


BARS = Partitioned("collector_bar", "start", "M")
QUOTES = Partitioned("collector_quote", "at", "D")

LOCK_MS = 500
"""How long a drop may wait for a lock, while others wait behind it."""

_known: set[tuple[str, int]] = set()
"""Periods seen to exist by this process. Partitions are dropped behind what is written; see `forget_known` for when that does not hold."""


def ensure_partitions(of: Partitioned, periods: Iterable[int]) -> list[str]:
    """Make what is missing of the periods' partitions; returns the names made. Call it outside a transaction."""
    wanted = [period for period in periods if (of.table, period) not in _known]
    if not wanted:
        return []
    existing = _existing(of)
    made = [of.partition_name(p) for p in wanted if of.partition_name(p) not in existing and _make(of, p)]
    _known.update((of.table, period) for period in wanted)
    return made


def partitions(of: Partitioned) -> list[str]:
    """Names of those that there are, oldest first."""
    return sorted(_existing(of))  # names of one length sort by time


def partitions_before(of: Partitioned, period: int) -> list[str]:
    """Names of those of all periods before one, oldest first."""
    return [name for name in partitions(of) if name < of.partition_name(period)]


def drop_partition(of: Partitioned, name: str) -> bool:
    """Detach and drop a partition, both or neither; false where it is in use, or gone already. Call it outside a transaction.

    Detaching locks the whole table, behind every open read and write of it, and new ones queue up behind that: so it gives up after
    half a second and is left to the next turn. Nobody fails. (`DETACH … CONCURRENTLY` would hold up nobody at all, but is two transactions:
    who is killed between them leaves a table that nobody can tell from one that an operator put aside.)
    """
    try:
        return _drop(of, name)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        log.warning("%s is in use and is dropped later", name, extra={"action": "partition_locked"})
        return False


def missing_partitions(of: Partitioned, periods: Iterable[int]) -> list[str]:
    """Names of those of the periods that there are not; whatever this process remembers."""
    existing = _existing(of)
    return [name for period in periods if (name := of.partition_name(period)) not in existing]


def forget_known() -> None:
    """Drop this process' memory of existing partitions (when one turns out to be gone, between tests)."""
    _known.clear()


def has_no_partition(error: IntegrityError) -> bool:
    """Whether there was none for a row: a violated check without a name."""
    violation = error.__cause__
    return isinstance(violation, CheckViolation) and violation.diag.constraint_name is None


def _existing(of: Partitioned) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [of.table])
        return {name for (name,) in cursor.fetchall()}


def _make(of: Partitioned, period: int) -> bool:
    table, name = of.table, of.partition_name(period)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if name in _existing(of):
            return False  # another process was first
        lower, upper = of.bound(period), of.bound(period + 1)
        cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
        # The check lets ATTACH skip its scan and is redundant with the bound afterwards.
        check = f"CHECK ({of.column} >= '{lower}' AND {of.column} < '{upper}')"
        cursor.execute(f"ALTER TABLE {name} ADD CONSTRAINT {name}_bound {check}")
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{lower}') TO ('{upper}')")
        cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT {name}_bound")
    return True


def _drop(of: Partitioned, name: str) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if name not in _existing(of):
            return False  # another process was first
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
        cursor.execute(f"ALTER TABLE {of.table} DETACH PARTITION {name}")
        cursor.execute(f"DROP TABLE {name}")
    _known.clear()
    return True
