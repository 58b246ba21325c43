"""Columns → Postgres' binary COPY. One numpy buffer per pattern of nulls, because a null has no bytes in that format."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.db import connection

_HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
_TRAILER = b"\xff\xff"
POSTGRES_EPOCH_US = 946_684_800_000_000
"""Postgres counts microseconds from 2000-01-01."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of a COPY: `kind` is bool, int2, int4, int8, float8 or timestamptz (epoch µs); NaN in a nullable float is null."""

    name: str
    kind: str
    values: npt.NDArray[np.generic]
    is_nullable: bool = False


_WIRE = {"bool": "?", "int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "timestamptz": ">i8"}


def copy_rows(table: str, columns: list[Column]) -> None:
    """COPY columns of equal length into a table, inside the caller's transaction.

    Raises: django.db.IntegrityError and its kin, as any other statement of Django.
    """
    names = ", ".join(column.name for column in columns)
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for part in _parts(columns):
            copy.write(part)
        copy.write(_TRAILER)


def _parts(columns: list[Column]) -> Iterator[bytes]:
    nulls = {column.name: np.isnan(column.values.astype(np.float64)) for column in columns if column.is_nullable}
    pattern = np.zeros(len(columns[0].values), dtype=np.int64)
    for bit, mask in enumerate(nulls.values()):
        pattern |= mask.astype(np.int64) << bit
    names = list(nulls)
    for value in np.unique(pattern):
        null_names = {name for bit, name in enumerate(names) if int(value) >> bit & 1}
        yield _pack(columns, pattern == value, null_names)


def _pack(columns: list[Column], rows: npt.NDArray[np.bool_], null_names: set[str]) -> bytes:
    fields: list[tuple[str, str]] = [("#", ">i2")]
    for column in columns:
        fields.append((f"#{column.name}", ">i4"))
        if column.name not in null_names:
            fields.append((column.name, _WIRE[column.kind]))
    buffer = np.empty(int(rows.sum()), dtype=np.dtype(fields))
    buffer["#"] = len(columns)
    for column in columns:
        if column.name in null_names:
            buffer[f"#{column.name}"] = -1
            continue
        buffer[f"#{column.name}"] = buffer.dtype[column.name].itemsize
        values = column.values if rows.all() else column.values[rows]
        buffer[column.name] = values - POSTGRES_EPOCH_US if column.kind == "timestamptz" else values
    return buffer.tobytes()
