"""Rows known by their places: the fast way and the lenient one tell the same, whatever the rows are."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.coins import coin_pair
from providers.market.types import BarBatch
from providers.positional import batch_of_positions

PLACES = {"t": 0, "o": 3, "h": 2, "l": 1, "c": 4, "v": 5}
VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.integers(-(10**9), 10**9),
    st.none(),
    st.booleans(),
    st.sampled_from(["", "x", "NaN", "Infinity", 1e400]),
)
GOOD = st.tuples(st.integers(0, 4_000_000_000), *[st.floats(0.01, 1e9)] * 5).map(list)


def read(rows: list[object]) -> BarBatch:
    return batch_of_positions(symbol="BTC-USD", rows=rows, places=PLACES, stamp_us=1_000_000)


@given(rows=st.lists(GOOD, max_size=20))
def test_good_rows_are_read_exactly_whether_they_are_numbers_or_strings(rows: list[list[float]]) -> None:
    plain, quoted = read(rows), read(json.loads(json.dumps(rows), parse_float=str, parse_int=str))
    for name, place in PLACES.items():
        if name != "t":
            column = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}[name]
            assert getattr(plain, column).tolist() == [row[place] for row in rows]
            assert getattr(quoted, column).tolist() == [row[place] for row in rows]
    assert plain.start.tolist() == quoted.start.tolist() == [row[0] * 1_000_000 for row in rows]


@given(rows=st.lists(st.one_of(GOOD, st.lists(VALUES, max_size=8), VALUES), max_size=20))
def test_each_row_is_a_bar_or_kept_as_malformed(rows: list[object]) -> None:
    batch = read(rows)
    assert len(batch) + len(batch.malformed) == len(rows)
    assert all(math.isfinite(price) for price in batch.open)


@given(rows=st.lists(GOOD, min_size=1, max_size=10), bad=st.one_of(st.none(), st.just("row"), st.just([1]), st.just({})))
def test_odd_row_changes_nothing_about_the_others(rows: list[list[float]], bad: object) -> None:
    alone, together = read(rows), read([*rows, bad])
    assert np.array_equal(alone.close, together.close)
    assert len(together.malformed) == 1


def test_stamp_out_of_all_time_is_malformed() -> None:
    batch = read([[10**14, 1, 1, 1, 1, 1]])
    assert (len(batch), [row.reason for row in batch.malformed]) == (0, ["t is no epoch of seconds: 100000000000000"])


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("BTC-USD", ("BTC", "USD")),
        ("BTC/USDT", ("BTC", "USDT")),
        ("BTCUSDT", ("BTC", "USDT")),
        ("USDTUSD", ("USDT", "USD")),
        ("BTC-PERP", ("BTC", "PERP")),
        ("USD", None),
        ("-USD", None),
        ("WEIRD", None),
    ],
)
def test_pair_of_coins_is_told_by_its_joint_or_by_a_usual_quote(symbol: str, pair: tuple[str, str] | None) -> None:
    assert coin_pair(symbol) == pair


@pytest.mark.parametrize("odd", [True, "1_000"])
def test_what_only_our_tools_take_for_a_number_is_malformed(odd: object) -> None:
    batch = read([[60, 1, 2, 1.5, odd, 3], [120, 1, 2, 1.5, 1.5, 3]])
    assert (len(batch), len(batch.malformed)) == (1, 1)
