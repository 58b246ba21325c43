"""Rows differ in the columns that are compared; a column that a vendor does not send must be null."""

import numpy as np
import pytest

from collector.replay.comparing import FIELDS, _differs
from tests.unit.collector.replay.recordings import bars_at

PRICES = ("open", "high", "low", "close")
ROWS = (np.arange(2), np.arange(2))
NAN = float("nan")


def differs(columns=FIELDS, *, lenient=False, volume=(1.0, 1.0), recorded=(1.0, 1.0), **held):
    bars = bars_at(np.arange(2))
    bars.volume[:] = recorded
    ours = {name: np.array(held.get(name, (1.0, 1.0))) for name in PRICES} | {"volume": np.array(volume)}
    return _differs(bars, ours, ROWS, np.full(2, lenient), columns).tolist()


def test_equal_rows_do_not_differ_and_any_other_value_does():
    assert differs() == [False, False]
    for name in PRICES:
        assert differs(**{name: (1.0, 2.0)}) == [False, True]
    assert differs(volume=(1.0, NAN)) == [False, True]


def test_column_that_the_vendor_does_not_send_must_be_null():
    assert differs(PRICES, volume=(NAN, NAN)) == [False, False]
    assert differs(PRICES, volume=(NAN, 1.0)) == [False, True]


@pytest.mark.parametrize(("lenient", "expected"), [(True, [False, True]), (False, [True, True])])
def test_zero_stands_for_an_unknown_volume_only_where_the_vendor_has_no_other_word(lenient, expected):
    assert differs(lenient=lenient, volume=(0.0, 0.0), recorded=(NAN, 5.0)) == expected
