"""The rate limit is a sliding window: no 60 seconds hold more than the limit."""

from hypothesis import given
from hypothesis import strategies as st

from providers.market.types import MINUTE_US, SECOND_US
from providers.simulator.limits import RateLimit


@given(st.integers(1, 5), st.lists(st.integers(0, 40 * SECOND_US), max_size=60))
def test_no_minute_holds_more_than_the_limit_and_no_request_is_refused_below_it(limit: int, waits: list[int]) -> None:
    rate = RateLimit(limit)
    now, taken = 0, []
    for wait in waits:
        now += wait
        in_window = sum(moment > now - MINUTE_US for moment in taken)
        fits, state = rate.take(now)
        assert fits == (in_window < limit)
        taken += [now] if fits else []
        assert state is not None
        assert state.remaining == limit - in_window - fits
        assert now < state.reset_at <= now + MINUTE_US


def test_a_request_fits_again_at_the_reset_that_was_told() -> None:
    rate = RateLimit(1)
    rate.take(0)
    _, state = rate.take(10 * SECOND_US)
    assert state is not None
    assert rate.take(state.reset_at - 1)[0] is False
    assert rate.take(state.reset_at)[0] is True


def test_without_a_limit_nothing_is_refused_or_told() -> None:
    assert [RateLimit(None).take(0) for _ in range(3)] == [(True, None)] * 3
