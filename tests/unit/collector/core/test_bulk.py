"""How fast a bulk operation goes, and when it stops itself."""

from hypothesis import given
from hypothesis import strategies as st

from collector.core.bulk import (
    LEAST_A_TICK,
    MOST_A_TICK,
    SHARE_PERCENT,
    TICK_SECONDS,
    TRIAL,
    Pace,
    Step,
    chunk_size,
    next_step,
    seconds_for,
)

SIZES = st.dictionaries(st.integers(1, 2_000), st.integers(1, 50), min_size=1, max_size=5)


def pace(**values) -> Pace:
    return Pace(**{"provider": "p", "tokens_per_minute": 300, "live_reserve_percent": 50, "symbols_per_call": 1, **values})


@given(
    sizes=SIZES,
    tokens=st.integers(1, 100_000),
    reserve=st.integers(0, 100),
    symbols=st.integers(1, 1_000),
    per_call=st.integers(0, 5),
    per_symbol=st.integers(0, 3),
)
def test_jobs_of_a_minute_take_no_more_than_the_share_and_nothing_of_the_reserve(
    *, sizes, tokens, reserve, symbols, per_call, per_symbol
):
    one = pace(
        tokens_per_minute=tokens, live_reserve_percent=reserve, symbols_per_call=symbols,
        cost_per_call=per_call, cost_per_symbol=per_symbol,
    )  # fmt: skip
    jobs, calls = sum(size * count for size, count in sizes.items()), one.calls_for(sizes)
    assert jobs / symbols <= calls <= jobs
    cost_of_all = max(1, calls * per_call + jobs * per_symbol)
    a_minute = one.jobs_a_tick(jobs=jobs, calls=calls) * 60 // TICK_SECONDS
    assert a_minute * cost_of_all / jobs <= tokens * min(SHARE_PERCENT, 100 - reserve) / 100 + 1e-6


def test_one_question_serves_many_jobs_where_the_vendor_takes_many_symbols():
    sizes = {1_000: 2, 1: 10}
    alone, together = pace(), pace(symbols_per_call=500)
    assert (alone.calls_for(sizes), together.calls_for(sizes)) == (2_010, 14)
    assert alone.jobs_a_tick(jobs=2_010, calls=2_010) == 6  # 75 of 300 a minute
    assert together.jobs_a_tick(jobs=2_010, calls=14) == 897


@given(st.lists(st.integers(0, 10_000)), st.integers(1, 50))
def test_chunk_goes_as_the_slowest_and_keeps_its_bounds_and_others_get_their_part(paces, operations):
    chunk = chunk_size(paces, operations=operations)
    assert LEAST_A_TICK <= chunk <= MOST_A_TICK
    assert not paces or chunk == LEAST_A_TICK or chunk * operations <= min(paces)


@given(jobs=st.integers(0, 5_000), chunk=st.integers(LEAST_A_TICK, MOST_A_TICK), is_trial=st.booleans())
def test_estimate_is_that_of_ticks_counted_one_by_one(*, jobs, chunk, is_trial):
    left, ticks = jobs, 0
    while left > 0:
        left -= TRIAL if is_trial and not ticks else chunk
        ticks += 1
    assert seconds_for(jobs=jobs, chunk=chunk, is_trial=is_trial) == max(0, ticks - 1) * TICK_SECONDS


@given(ends=st.lists(st.booleans(), min_size=TRIAL, max_size=TRIAL), order=st.randoms(use_true_random=False))
def test_first_jobs_decide_once_and_for_all_whether_it_goes_on(ends, order):
    """However they end one after the other: paused exactly when half are dead again, and nothing decided turns round."""
    order.shuffle(ends)
    steps = [
        next_step(is_trial=True, requeued=TRIAL, filled=ends[:n].count(False), dead_again=ends[:n].count(True))
        for n in range(TRIAL + 1)
    ]
    expected = Step.PAUSE if 2 * ends.count(True) >= TRIAL else Step.GO
    decided = steps.index(expected)
    assert steps == [Step.WAIT] * decided + [expected] * (TRIAL + 1 - decided)


@given(requeued=st.integers(0, TRIAL - 1), data=st.data())
def test_more_are_tried_until_all_of_the_first_are_on_their_way_unless_half_are_dead(requeued, data):
    dead = data.draw(st.integers(0, requeued))
    filled = data.draw(st.integers(0, min(TRIAL // 2, requeued - dead)))
    step = next_step(is_trial=True, requeued=requeued, filled=filled, dead_again=dead)
    assert step is (Step.PAUSE if dead >= TRIAL // 2 else Step.TRY)


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_deaths_after_the_first_jobs_pause_nothing(filled, dead):
    assert next_step(is_trial=False, requeued=filled + dead, filled=filled, dead_again=dead) is Step.GO
