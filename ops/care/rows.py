"""Rows that go by their age: a bounded number at a time, each time a transaction of its own, until none is left or the time is up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

AT_ONCE = 5_000
COUNTED = 10_000
"""Rows past their age are counted up to here: a look at a table must not be work for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of `table` for which `old` holds, SQL over `%(before)s`; `oldest`: SQL of the age of the oldest that can go at all.

    `first`: statements over `%(ids)s`, the ids of rows that are about to go, for what refers to them. `source`: where they are looked
    for, if not in the whole table. `delete`: does it instead, for what is not in Postgres alone.
    """

    table: str
    old: str
    oldest: str
    order: str
    first: tuple[str, ...] = ()
    source: str = ""
    delete: Callable[[datetime, int], int] | None = None

    def oldest_kept(self) -> datetime | None:
        """Of what is there, whether it is past its age or not."""
        with connection.cursor() as cursor:
            cursor.execute(self.oldest)
            found: datetime | None = cursor.fetchone()[0]
            return found

    def count_due(self, before: datetime) -> int:
        """How many are past their age, counted up to one more than `COUNTED`."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({self._chosen('1')}) due", {"before": before, "limit": COUNTED + 1})
            return int(cursor.fetchone()[0])

    def drop(self, before: datetime, *, is_over: Callable[[], bool]) -> tuple[int, bool]:
        """Delete them; how many, and whether none is left. Safe to be killed at, and to be run by several at once."""
        deleted = 0
        while not is_over():
            count = self._delete_chunk(before) if self.delete is None else self.delete(before, AT_ONCE)
            deleted += count
            if count < AT_ONCE:
                return deleted, True
        return deleted, False

    def _delete_chunk(self, before: datetime) -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            column = "id" if self.first else "ctid::text"
            cursor.execute(f"{self._chosen(column)} FOR UPDATE SKIP LOCKED", {"before": before, "limit": AT_ONCE})
            ids = [number for (number,) in cursor.fetchall()]
            for statement in self.first:
                cursor.execute(statement, {"ids": ids})
            chosen = "id = ANY(%(ids)s)" if self.first else "ctid = ANY(%(ids)s::tid[])"
            cursor.execute(f"DELETE FROM {self.table} WHERE {chosen}", {"ids": ids})
            return len(ids)

    def _chosen(self, columns: str) -> str:
        return f"SELECT {columns} FROM {self.table} WHERE {self.old} ORDER BY {self.order} LIMIT %(limit)s"
