"""Where one provider's values count and nobody else's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.core.pins import Pin, barred
from collector.core.spans import inside, minus, spans_of

SPAN = st.tuples(st.integers(0, 30), st.integers(1, 10))
PINS = st.lists(st.tuples(SPAN, st.sampled_from([None, 1, 2])), max_size=6)


@given(PINS, st.integers(0, 7))
def test_newest_pin_that_covers_an_instant_decides_and_what_was_asked_for_before_it_does_not_count(drawn, asked_at):
    pins = [Pin(start, start + length, provider, at) for at, ((start, length), provider) in enumerate(drawn, start=1)]
    instants = np.arange(0, 45)
    found = inside(instants, barred(pins, 1, asked_at=asked_at)).tolist()
    for instant in instants.tolist():
        over = [pin for pin in pins if pin.start <= instant < pin.end]
        assert found[instant] == (bool(over) and (over[-1].provider_id == 2 or asked_at < over[-1].declared_at))


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_minus_leaves_what_is_not_taken_in_normal_form(all_, taken):
    left = minus(spans_of(np.array(sorted(all_), dtype=np.int64), 1), spans_of(np.array(sorted(taken), dtype=np.int64), 1))
    assert left.tolist() == spans_of(np.array(sorted(all_ - taken), dtype=np.int64), 1).tolist()
