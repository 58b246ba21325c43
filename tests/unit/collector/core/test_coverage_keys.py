"""Rows by (series, session): what each key's rows are, found at once for all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.core.coverage_keys import reach_by_key, rows_by_key, spans_by_key
from collector.core.spans import spans_of

ROWS = st.lists(
    st.tuples(st.sampled_from([1, 7, 2**40]), st.sampled_from([-20_000, 0, 20_300]), st.integers(0, 30)), max_size=30
)


@given(ROWS)
def test_every_row_is_found_under_its_key_and_under_no_other(rows):
    series = np.array([row[0] for row in rows], dtype=np.int64)
    days = np.array([row[1] for row in rows], dtype=np.int32)
    starts = np.array([row[2] for row in rows], dtype=np.int64)
    keys = {(one, day) for one, day, _ in rows}
    members = {key: sorted(start for one, day, start in rows if (one, day) == key) for key in keys}
    assert {key: spans.tolist() for key, spans in spans_by_key(series, days, starts, step=1).items()} == {
        key: spans_of(np.array(held, dtype=np.int64), 1).tolist() for key, held in members.items()
    }
    found = rows_by_key(series, days)
    assert {key: sorted(starts[found(*key)].tolist()) for key in keys} == members
    assert found(3, 0).tolist() == []
    if rows:
        assert reach_by_key(series, days, starts) == {key: (held[0], held[-1]) for key, held in members.items()}
