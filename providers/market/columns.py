"""What batches of rows in columns have in common, whatever the columns are: joining them, and choosing rows. Pure."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt


class Columns(Protocol):
    """A frozen dataclass of columns of equal length; row i belongs to `symbols[symbol_index[i]]`.

    Every field but `symbols` and `malformed` (rows that fit no column) is a column.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def symbol_index(self) -> npt.NDArray[np.int32]: ...
    @property
    def malformed(self) -> tuple[Any, ...]: ...


Batch = TypeVar("Batch", bound=Columns)
Rows = npt.NDArray[np.bool_] | npt.NDArray[np.int64]


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch of all rows in order; symbols are merged. Raises: IndexError when there is none."""
    if len(batches) == 1:
        return batches[0]
    symbols = tuple(dict.fromkeys(symbol for batch in batches for symbol in batch.symbols))
    place = {symbol: i for i, symbol in enumerate(symbols)}
    index = [np.array([place[s] for s in b.symbols], dtype=np.int32)[b.symbol_index] for b in batches if len(b.symbol_index)]
    return replace(
        batches[0],
        **{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in _columns(batches[0])},
        symbols=symbols,
        symbol_index=np.concatenate(index) if index else np.empty(0, dtype=np.int32),
        malformed=tuple(row for batch in batches for row in batch.malformed),
    )


def rows_at(batch: Batch, rows: Rows) -> Batch:
    """The rows for which `rows` is true (or at those positions, in that order); malformed rows are kept."""
    chosen = {name: getattr(batch, name)[rows] for name in _columns(batch)}
    return replace(batch, **chosen, symbol_index=batch.symbol_index[rows])


def _columns(batch: Columns) -> list[str]:
    return [field.name for field in fields(batch) if field.name not in ("symbols", "symbol_index", "malformed")]
