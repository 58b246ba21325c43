"""Postgres' binary COPY, written by hand."""

import itertools
import struct

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.copying import Column, copy_rows
from providers.market.types import from_us
from tests.builders import NAN

pytestmark = pytest.mark.usefixtures("database")

TABLE = "copied_test"


@pytest.fixture(autouse=True)
def _table(database):
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE {TABLE} (n int4, id int8 UNIQUE, at timestamptz, price float8 NOT NULL, a float8, b int8)"
        )
        yield
        cursor.execute(f"DROP TABLE {TABLE}")


def copy(rows):
    columns = list(zip(*rows, strict=True))
    copy_rows(
        TABLE,
        [
            Column("n", "int4", np.array(columns[0])),
            Column("id", "int8", np.array(columns[1])),
            Column("at", "timestamptz", np.array(columns[2])),
            Column("price", "float8", np.array(columns[3], dtype=np.float64)),
            Column("a", "float8", np.array(columns[4], dtype=np.float64), is_nullable=True),
            Column("b", "int8", np.array(columns[5], dtype=np.float64), is_nullable=True),
        ],
    )


def copied():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT n, id, at, float8send(price), float8send(a), b FROM {TABLE} ORDER BY id")
        return cursor.fetchall()


def bits(value):
    return None if np.isnan(value) else struct.pack(">d", value)


def as_read(rows):
    return [(n, i, from_us(at), bits(p), bits(a), None if np.isnan(b) else int(b)) for n, i, at, p, a, b in rows]


def test_copy_keeps_every_pattern_of_nulls_apart():
    patterns = [*itertools.product([1.5, NAN], [7.0, NAN])] * 2
    rows = [(i, i, i * 60_000_000, float(i), a, b) for i, (a, b) in enumerate(patterns)]
    copy(rows)
    assert copied() == as_read(rows)


doubles = st.floats(allow_nan=False, allow_infinity=False)
any_row = st.tuples(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-2_000_000_000_000_000, 4_000_000_000_000_000),
    doubles,
    st.one_of(doubles, st.just(NAN)),
    st.one_of(st.integers(0, 2**53 - 1).map(float), st.just(NAN)),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(any_row, min_size=1, max_size=20, unique_by=lambda r: r[1]))
def test_copy_comes_back_to_the_last_bit(rows):
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {TABLE}")
    copy(rows)
    assert copied() == as_read(sorted(rows, key=lambda r: r[1]))


def test_copy_raises_errors_as_any_statement_of_django():
    with pytest.raises(IntegrityError), transaction.atomic():
        copy([(1, 1, 0, 1.0, 1.0, 1.0), (2, 1, 0, 1.0, 1.0, 1.0)])
    assert copied() == []
