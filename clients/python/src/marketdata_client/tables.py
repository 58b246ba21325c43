"""Bars, quotes or marks as a table: one column a field, times in UTC. Needs the extra `pandas` or `polars`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

from marketdata_client.models import Bar, Mark, Quote

if TYPE_CHECKING:
    import pandas
    import polars

Row = Bar | Quote | Mark
KINDS = {"float": ("float64", "Float64"), "int": ("Int64", "Int64"), "bool": ("bool", "Boolean"), "str": ("str", "String")}
"""Of pandas and of polars: whole numbers that may be unknown stay whole, and a column of unknown values has the type of known ones."""


def to_pandas(found: Iterable[Row]) -> pandas.DataFrame:
    """A pandas table; rows stay in their order, and an empty one has a bar's columns."""
    import pandas

    rows, kinds = _typed(found)
    return pandas.DataFrame(
        {
            name: pandas.Series(
                [getattr(row, name) for row in rows], dtype=KINDS[kind][0] if kind in KINDS else "datetime64[us, UTC]"
            )
            for name, kind in kinds.items()
        }
    )


def to_polars(found: Iterable[Row]) -> polars.DataFrame:
    """A polars table; rows stay in their order, and an empty one has a bar's columns."""
    import polars

    rows, kinds = _typed(found)
    return polars.DataFrame(
        {name: [getattr(row, name) for row in rows] for name in kinds},
        schema={
            name: getattr(polars, KINDS[kind][1]) if kind in KINDS else polars.Datetime("us", "UTC")
            for name, kind in kinds.items()
        },
    )


def _typed(found: Iterable[Row]) -> tuple[list[Row], dict[str, str]]:
    """The rows, and what each of their columns holds. Raises: TypeError for more than one kind in one table."""
    rows = list(found)
    classes = {type(row) for row in rows} or {Bar}
    if len(classes) > 1:
        raise TypeError(f"expected rows of one kind, got {' and '.join(sorted(one.__name__ for one in classes))}")
    return rows, {field.name: _kind(field.type) for field in fields(classes.pop())}


def _kind(annotation: Any) -> str:
    """`float` of `float | None`."""
    known: Sequence[type] = [one for one in get_args(annotation) if one is not type(None)]
    name: str = (known[0] if known else annotation).__name__
    return name
