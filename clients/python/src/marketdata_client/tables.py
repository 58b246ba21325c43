"""Bars or quotes as a table: one column a field, times in UTC. Needs the extra `pandas` or `polars`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from marketdata_client.models import Bar, Quote

if TYPE_CHECKING:
    import pandas
    import polars


def to_pandas(found: Iterable[Bar | Quote]) -> pandas.DataFrame:
    """A pandas table; rows stay in their order, and an empty one has a bar's columns."""
    import pandas

    columns, times = _columns(found)
    table = pandas.DataFrame(columns)
    for name in times:
        table[name] = pandas.to_datetime(table[name], utc=True)
    return table


def to_polars(found: Iterable[Bar | Quote]) -> polars.DataFrame:
    """A polars table; rows stay in their order, and an empty one has a bar's columns."""
    import polars

    columns, times = _columns(found)
    return polars.DataFrame(columns, schema_overrides=dict.fromkeys(times, polars.Datetime("us", "UTC")), strict=False)


def _columns(found: Iterable[Bar | Quote]) -> tuple[dict[str, list[Any]], list[str]]:
    """Columns by name, and which of them are times. Raises: TypeError for bars and quotes in one table."""
    rows = list(found)
    kinds = {type(row) for row in rows} or {Bar}
    if len(kinds) > 1:
        raise TypeError("expected bars or quotes, got both")
    described = fields(kinds.pop())
    times = [field.name for field in described if field.type in (datetime, datetime | None)]
    return {field.name: [getattr(row, field.name) for row in rows] for field in described}, times
