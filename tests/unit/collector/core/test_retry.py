"""What becomes of a job that is still missing something: dead, parked or tried again; and whose turn it is."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.retry import (
    ATTEMPTS,
    BUSY,
    HOPELESS,
    LEAST_PARKED_S,
    OUT_OF_PLAY,
    Fate,
    delay,
    fate,
    fingerprint,
    parked_until,
    turns,
)
from providers.market.types import SECOND_US

NOW = 1_760_000_000 * SECOND_US


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["unknown_symbol"], Fate.DEAD),
        (["malformed_answer", "not_entitled"], Fate.DEAD),
        (["malformed_answer", "vendor_fault"], Fate.RETRY),
        (["unknown_symbol", "circuit_open"], Fate.PARK),
        (["throttled", "over_budget"], Fate.PARK),
        (["maintenance"], Fate.PARK),
        (["maintenance", "unknown_symbol"], Fate.PARK),
        (["maintenance", "vendor_fault"], Fate.RETRY),
        (["over_budget", "unproven"], Fate.RETRY),
        (["switched_off", "not_entitled"], Fate.DEAD),
        (["isolated"], Fate.PARK),
        (["no_provider"], Fate.PARK),
        ([], Fate.PARK),
        (["vendor_timeout"], Fate.RETRY),
    ],
)
def test_fate_goes_by_the_most_hopeful_of_those_who_count(codes, expected):
    assert fate(codes, attempts=1) is expected


def test_last_attempt_is_dead_and_parking_never_is():
    assert fate(["vendor_fault"], attempts=ATTEMPTS - 1) is Fate.RETRY
    assert fate(["vendor_fault"], attempts=ATTEMPTS) is Fate.DEAD
    assert fate(["throttled"], attempts=ATTEMPTS) is Fate.PARK
    assert fate(["maintenance", "vendor_fault"], attempts=ATTEMPTS) is Fate.PARK  # that one may have it


@given(st.lists(st.sampled_from([*HOPELESS, *BUSY, *OUT_OF_PLAY, "vendor_fault", "unproven"])), st.randoms())
def test_fate_does_not_hang_on_the_order_of_providers(codes, random):
    shuffled = list(codes)
    random.shuffle(shuffled)
    assert fate(codes, attempts=1) is fate(shuffled, attempts=1)


def test_delays_double_up_to_half_an_hour():
    assert [delay(n, draw=0.5) // SECOND_US for n in range(1, 9)] == [30, 60, 120, 240, 480, 960, 1800, 1800]
    assert (delay(1, draw=0.0), delay(1, draw=1.0)) == (24 * SECOND_US, 36 * SECOND_US)


@given(st.lists(st.one_of(st.none(), st.integers(NOW - 10**10, NOW + 10**11))), st.floats(0, 1, exclude_max=True))
def test_parked_job_comes_back_soon_and_never_at_once(moments, draw):
    assert NOW + LEAST_PARKED_S * SECOND_US <= parked_until(moments, now=NOW, draw=draw) <= NOW + 18 * 60 * SECOND_US


def test_parked_job_comes_back_at_the_first_moment_that_was_named():
    moments = [None, NOW + 40 * SECOND_US, NOW + 90 * SECOND_US]
    assert parked_until(moments, now=NOW, draw=0.0) == NOW + 40 * SECOND_US


def test_each_tier_goes_first_twice_as_often_as_the_one_behind_it():
    first = Counter(turns(["T0", "T1", "T2"], draw=i / 700)[0] for i in range(700))
    assert [first[tier] for tier in ("T0", "T1", "T2")] == [400, 200, 100]
    assert turns(["T0", "T1", "T2"], draw=0.99) == ["T2", "T0", "T1"]
    assert turns([], draw=0.5) == []


def test_fingerprint_is_the_same_whatever_symbol_and_number():
    def of(message, **rest):
        return fingerprint(**{"provider": "polygon", "code": "vendor_fault", "message": message, **rest})

    one = of("polygon answered 500 for AAPL, MSFT at 2025-10-08T13:30:00Z")
    assert one == of("polygon answered 503 for BRK.B at 2025-10-09T13:31:00Z")
    assert one != of("polygon answered 500 for AAPL", provider="alpaca")
    assert one != of("polygon hung up on AAPL")
    assert len(one) == 32
