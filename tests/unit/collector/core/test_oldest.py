"""Of many the oldest stay, and nothing of the others is held but their number and some of them."""

from hypothesis import given
from hypothesis import strategies as st

from collector.core.oldest import Oldest


@given(ages=st.lists(st.integers(0, 20)), most=st.integers(0, 6), samples=st.integers(0, 4))
def test_oldest_keeps_what_sorting_all_would_keep_and_counts_the_rest(ages, most, samples):
    oldest = Oldest(most=most, samples=samples)
    for number, age in enumerate(ages):
        oldest.add((number, age), at=age)
    ranked = sorted(enumerate(ages), key=lambda thing: thing[1])  # stable: of the same age the first come
    assert oldest.kept() == ranked[:most]
    assert oldest.fallen == len(ranked[most:])
    assert set(oldest.some_fallen) <= set(ranked[most:])
    assert len(oldest.some_fallen) == min(samples, oldest.fallen)
