"""Bars, quotes and marks as tables: columns have the same types whatever is known, and nothing of a value is lost."""

from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import polars
import pytest

from marketdata_client import Bar, Mark, Quote, to_pandas, to_polars
from marketdata_client.models import read
from tests.feed_support import bar
from tests.unit.clients.scripted import mark

EXACT = "2025-10-08T14:31:00.123456Z"
QUOTE = {"symbol": "AAPL", "mic": "XNAS", "at": EXACT, "bid": 10.1, "ask": None, "bid_size": 3.0, "ask_size": None} | {
    "size_unit": None,
    "provider": "polygon",
    "rev": 2,
}
KINDS: list[tuple[type[Any], dict[str, Any], dict[str, Any]]] = [
    (Bar, bar("AAPL", 1), {**bar("AAPL", 2), "volume": 5.0, "vwap": 1.7, "seq": 7, "recorded_at": EXACT, "withdrawn": True}),
    (Quote, QUOTE, {**QUOTE, "ask": 10.2, "ask_size": 0.5, "size_unit": "shares", "received_at": EXACT, "seq": 2**40}),
    (Mark, mark(), {**mark(1, complete=False), "seq": 7}),
]
PANDAS = {"float": "float64", "int": "Int64", "bool": "bool", "str": "str", "datetime": "datetime64[us, UTC]"}
POLARS = {
    "float": polars.Float64(),
    "int": polars.Int64(),
    "bool": polars.Boolean(),
    "str": polars.String(),
    "datetime": polars.Datetime("us", "UTC"),
}


def kinds(kind: type[Any]) -> dict[str, str]:
    """`float` for a field of `float | None`."""
    return {one.name: getattr(one.type, "__name__", str(one.type).partition(" ")[0].rpartition(".")[2]) for one in fields(kind)}


@pytest.mark.parametrize(("kind", "bare", "full"), KINDS, ids=["bars", "quotes", "marks"])
def test_pandas_table_has_the_same_types_whatever_is_known(kind: type[Any], bare: dict[str, Any], full: dict[str, Any]) -> None:
    expected = {name: PANDAS[one] for name, one in kinds(kind).items()}
    for entries in ([bare], [full], [bare, full]):
        rows = [read(kind, entry) for entry in entries]
        table = to_pandas(iter(rows))
        assert {name: str(dtype) for name, dtype in table.dtypes.items()} == expected
        for name in expected:
            values = [None if missing else value for value, missing in zip(table[name], table[name].isna(), strict=True)]
            assert values == [getattr(row, name) for row in rows]


@pytest.mark.parametrize(("kind", "bare", "full"), KINDS, ids=["bars", "quotes", "marks"])
def test_polars_table_has_the_same_types_whatever_is_known(kind: type[Any], bare: dict[str, Any], full: dict[str, Any]) -> None:
    expected = {name: POLARS[one] for name, one in kinds(kind).items()}
    for entries in ([bare], [full], [bare, full]):
        rows = [read(kind, entry) for entry in entries]
        table = to_polars(iter(rows))
        assert dict(table.schema) == expected
        assert table.rows(named=True) == [{name: getattr(row, name) for name in expected} for row in rows]


def test_empty_table_has_the_columns_of_a_bar() -> None:
    one = [read(Bar, bar())]
    assert list(to_pandas([]).dtypes) == list(to_pandas(one).dtypes)
    assert to_polars([]).schema == to_polars(one).schema
    assert (len(to_pandas(iter(()))), len(to_polars(iter(())))) == (0, 0)


def test_whole_numbers_in_json_are_prices_in_a_table() -> None:
    one = read(Bar, {**bar(), "close": 2, "volume": 3})
    assert (to_pandas([one])["close"][0], to_polars([one])["volume"][0]) == (2.0, 3.0)


def test_times_are_those_of_utc() -> None:
    one = read(Bar, {**bar(), "start": "2025-10-08T09:30:00.000001-05:00"})
    at = datetime(2025, 10, 8, 14, 30, 0, 1, tzinfo=UTC)
    assert (to_pandas([one])["start"][0].to_pydatetime(), to_polars([one])["start"][0]) == (at, at)


def test_value_that_fits_no_column_is_an_error_and_not_unknown() -> None:
    for make in (to_pandas, to_polars):
        with pytest.raises((TypeError, ValueError)):
            make([read(Bar, {**bar(), "close": "dear"})])


def test_two_kinds_are_no_table() -> None:
    for make in (to_pandas, to_polars):
        with pytest.raises(TypeError, match="one kind, got Bar and Quote"):
            make([read(Bar, bar()), read(Quote, QUOTE)])


@pytest.mark.asyncio
async def test_what_is_read_asynchronously_becomes_a_table_as_a_list() -> None:
    async def bars() -> AsyncIterator[Bar]:
        yield read(Bar, bar())

    with pytest.raises(TypeError):
        to_polars(bars())  # type: ignore[arg-type]
    assert len(to_polars([one async for one in bars()])) == 1
