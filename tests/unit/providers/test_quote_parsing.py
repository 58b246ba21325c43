"""Rows of quotes in any form: nothing is lost, nothing is made up, and sizes have the unit of their time."""

import json
from datetime import UTC, datetime
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.market.quotes import SIZE_UNITS, SizeUnit
from providers.market.types import from_us, to_us
from providers.quote_parsing import QuoteNames, QuoteRows, cut_micros_of_rfc3339, micros_of_ns, us_size_unit

NAMES = QuoteNames(at="t", bid="bp", ask="ap", bid_size="bs", ask_size="as")
LAST_LOTS = to_us(datetime(2025, 11, 3, 4, 59, 59, 999_999, tzinfo=UTC))
AT = 1_652_191_872_800_638
ODD = st.one_of(
    st.none(), st.booleans(), st.text(max_size=8), st.integers(), st.floats(), st.lists(st.integers(), max_size=2), st.just({})
)


def rows() -> QuoteRows:
    return QuoteRows(("AAPL", "MSFT"), NAMES, micros_of_ns, us_size_unit)


def one(**raw: object) -> tuple[list[float], SizeUnit]:
    quotes = rows()
    quotes.add("AAPL", {"t": AT * 1000, "bp": 1.5, "ap": 1.25, "bs": 3, "as": 4} | raw)
    batch = quotes.batch()
    assert (len(batch), batch.malformed) == (1, ())
    return [float(getattr(batch, c)[0]) for c in ("bid", "ask", "bid_size", "ask_size")], SIZE_UNITS[batch.size_unit[0]]


def test_crossed_quote_stays_as_it_came() -> None:
    assert one() == ([1.5, 1.25, 3.0, 4.0], SizeUnit.ROUND_LOTS)


@pytest.mark.parametrize("nothing", [0, 0.0, -0.0, None, "", "0", "0.00"])
def test_side_without_a_price_has_no_size_either(nothing: object) -> None:
    sides, unit = one(bp=nothing)
    np.testing.assert_array_equal(sides, [nan, 1.25, nan, 4.0])
    assert unit is SizeUnit.ROUND_LOTS


@pytest.mark.parametrize("raw", [{"bs": None, "as": None}, {"bs": "", "as": ""}, {"bp": 0, "as": None}])
def test_quote_without_any_size_has_no_unit(raw: dict[str, object]) -> None:
    assert one(**raw)[1] is SizeUnit.UNKNOWN


def test_size_of_0_at_a_price_is_a_size() -> None:
    assert one(bs=0)[0][2] == 0.0


def test_negative_prices_are_left_to_the_checks() -> None:
    assert one(bp=-1.5)[0][0] == -1.5


def test_row_that_names_no_time_has_time_0_and_no_unit() -> None:
    quotes = rows()
    for raw in ({"bp": 1, "bs": 2}, {"bp": 1, "bs": 2, "t": None}, {"bp": 1, "bs": 2, "t": ""}):
        quotes.add("AAPL", raw)
    batch = quotes.batch()
    assert batch.at.tolist() == [0, 0, 0]
    assert {SIZE_UNITS[code] for code in batch.size_unit} == {SizeUnit.UNKNOWN}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (17, "expected an object"),
        ({}, "bp and ap are missing"),
        ({"t": 1, "o": 1}, "bp and ap are missing"),
        ({"bp": "dear"}, "bp must be a number, got 'dear'"),
        ({"bp": 1, "bs": []}, "bs must be a number, got '[]'"),
        ({"bp": 0, "bs": "x"}, "bs must be a number, got 'x'"),
        ({"ap": True}, "ap must be a number, got 'True'"),
        ({"ap": "inf"}, "ap must be finite, got 'inf'"),
        ({"ap": 1, "t": "noon"}, "t must be a number, got 'noon'"),
        ({"ap": 1, "t": 10**22}, "t is no epoch of nanoseconds: '10000000000000000000000'"),
    ],
)
def test_unreadable_row_is_kept_with_its_reason_beside_the_readable_ones(raw: object, reason: str) -> None:
    quotes = rows()
    quotes.add("MSFT", raw)
    quotes.add("AAPL", {"bp": 1, "ap": 2})
    batch = quotes.batch()
    assert [(row.symbol, row.raw, row.reason) for row in batch.malformed] == [("MSFT", json.dumps(raw), reason)]
    assert [batch.symbols[i] for i in batch.symbol_index] == ["AAPL"]


def test_row_of_a_symbol_that_was_not_asked_for_is_kept_aside() -> None:
    quotes = rows()
    quotes.add("TSLA", {"bp": 1})
    assert [row.reason for row in quotes.batch().malformed] == ["'TSLA' was not asked for"]


@pytest.mark.parametrize(
    ("at", "unit"),
    [
        (0, SizeUnit.UNKNOWN),
        (1, SizeUnit.ROUND_LOTS),
        (LAST_LOTS, SizeUnit.ROUND_LOTS),
        (LAST_LOTS + 1, SizeUnit.SHARES),
        (2**51, SizeUnit.SHARES),
    ],
)
def test_us_sizes_count_shares_from_the_third_of_november_in_new_york(at: int, unit: SizeUnit) -> None:
    assert us_size_unit(at) is unit


@given(st.integers(0, 9 * 10**18))
def test_nanoseconds_are_cut_and_lose_no_digit(nanos: int) -> None:
    assert micros_of_ns(nanos) == micros_of_ns(str(nanos)) == nanos // 1000


def test_nanoseconds_with_an_exponent_are_read() -> None:
    assert micros_of_ns(1.652191872e18) == micros_of_ns("1.652191872e18") == 1_652_191_872_000_000


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)), st.integers(0, 999))  # noqa: DTZ001
def test_text_stamps_are_cut_to_microseconds(moment: datetime, beyond: int) -> None:
    moment = moment.replace(tzinfo=UTC)
    assert cut_micros_of_rfc3339(f"{moment:%Y-%m-%dT%H:%M:%S.%f}{beyond:03d}Z") == to_us(moment)


def test_text_stamps_have_zones_of_their_own() -> None:
    assert from_us(cut_micros_of_rfc3339("2019-01-30T13:33:45.383129999-05:00")) == datetime(
        2019, 1, 30, 18, 33, 45, 383_129, tzinfo=UTC
    )
    with pytest.raises(ValueError, match="with a zone"):
        cut_micros_of_rfc3339("2019-01-30T13:33:45")


@given(st.lists(st.one_of(ODD, st.dictionaries(st.sampled_from(["t", "bp", "ap", "bs", "as", "x"]), ODD)), max_size=6))
def test_every_row_becomes_a_quote_or_is_kept_aside(raws: list[object]) -> None:
    quotes = rows()
    for raw in raws:
        quotes.add("AAPL", raw)
    batch = quotes.batch()
    assert len(batch) + len(batch.malformed) == len(raws)
    assert not (batch.bid == 0).any()
    assert not (batch.ask == 0).any()
    assert (np.isnan(batch.bid_size) | ~np.isnan(batch.bid)).all()
    assert (np.isnan(batch.ask_size) | ~np.isnan(batch.ask)).all()
    assert not np.isinf([batch.bid, batch.ask, batch.bid_size, batch.ask_size]).any()


@given(
    st.lists(
        st.tuples(*(st.one_of(st.none(), st.floats(0.01, 1e6), st.integers(1, 10**6)) for _ in range(4))),
        min_size=1,
        max_size=9,
    ),
    st.sampled_from([str, float, lambda value: value]),
)
def test_numbers_are_the_same_in_any_form(sides: list[tuple[float | None, ...]], form: type) -> None:
    quotes = rows()
    for bid, ask, bid_size, ask_size in sides:
        said = {"t": AT * 1000, "bp": bid, "ap": ask, "bs": bid_size, "as": ask_size}
        quotes.add("AAPL", {name: form(value) if value is not None else None for name, value in said.items() if name != "t"})
    batch = quotes.batch()
    assert batch.malformed == ()
    for i, (bid, ask, bid_size, ask_size) in enumerate(sides):
        expected = [bid, ask, bid_size if bid is not None else None, ask_size if ask is not None else None]
        found = [float(getattr(batch, name)[i]) for name in ("bid", "ask", "bid_size", "ask_size")]
        assert [None if isnan(value) else value for value in found] == expected
