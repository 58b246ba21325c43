"""Emptying the test database quickly: a TRUNCATE of all tables gives each of them and of their indexes new files, whatever they hold.

A test leaves rows in some tables, so these are found and deleted from: a few milliseconds instead of a hundred.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.backends.postgresql.operations import DatabaseOperations

FEW_BYTES = 4_000_000
"""A table that is larger, by rows of this test or by what deleting left behind, is worth its TRUNCATE."""
KEPT = frozenset({Permission._meta.db_table, ContentType._meta.db_table})
"""Django makes their rows anew after a flush, always the same ones."""


class QuickOperations(DatabaseOperations):
    """Postgres' operations for a test database."""

    def sql_flush(
        self, style: Any, tables: Sequence[str], *, reset_sequences: bool = False, allow_cascade: bool = False
    ) -> list[str]:
        """Statements that leave every table empty. None when deleting did it: without any, Django makes no rows anew either."""
        filled = self._filled(tables)
        if reset_sequences or any(size > FEW_BYTES for _, size in filled):
            return super().sql_flush(style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade)
        self.execute_sql_flush([f"DELETE FROM {self.quote_name(table)}" for table, _ in filled])
        return []

    def _filled(self, tables: Sequence[str]) -> list[tuple[str, int]]:
        """(table, bytes with its partitions) of those that have rows."""
        one = """SELECT '{0}', pg_table_size('{0}') + (SELECT coalesce(sum(pg_table_size(relid)), 0) FROM pg_partition_tree('{0}'))
                 WHERE EXISTS (SELECT FROM {1})"""
        named = [one.format(table, self.quote_name(table)) for table in tables if table not in KEPT]
        with self.connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(named))
            return cursor.fetchall()
