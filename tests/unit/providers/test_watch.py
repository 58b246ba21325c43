"""What one ask sees of a provider, and when it has seen enough."""

import pytest

from providers.breaker import TRIP_IN_A_ROW, Breaker, Phase
from providers.errors import (
    AuthFailed,
    CircuitOpen,
    LocalFault,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    VendorFault,
)
from providers.lanes import Lane
from providers.market.types import SECOND_US
from providers.outcomes import Outcome
from providers.routing import Use
from providers.watch import DRY_SYMBOLS, MAX_CONCURRENT_CALLS, Watch

NOW = 1_000_000 * SECOND_US


def _watch(use: Use = Use.NORMAL, *, breaker: Breaker | None = None, is_usually_fresh: bool = True) -> Watch:
    return Watch("acme", breaker or Breaker(), use, Lane.LIVE, slow_after_s=5.0, is_usually_fresh=is_usually_fresh)


def _half_open() -> Breaker:
    return Breaker(phase=Phase.HALF_OPEN, since=NOW - SECOND_US, trips=1)


def _good(watch: Watch, *, symbols: int = 1, due: int = 0, fresh: int = 0, elapsed_s: float = 0.1) -> None:
    watch.went_well(at=NOW, elapsed_s=elapsed_s, symbols=symbols, due=due, fresh=fresh, now=NOW)


def _bad(watch: Watch, error: ProviderError | None = None) -> None:
    watch.failed(error or VendorFault("500"), at=NOW, elapsed_s=0.1, symbols=1, now=NOW)


def test_ask_stops_its_own_calls_when_they_fail_in_a_row() -> None:
    watch = _watch()
    for _ in range(TRIP_IN_A_ROW - 1):
        _bad(watch)
    before = watch.stopped
    _bad(watch)

    assert before is None
    assert isinstance(watch.stopped, CircuitOpen)
    assert watch.breaker.phase is Phase.OPEN


def test_fewer_calls_are_started_with_each_failure_in_a_row() -> None:
    watch = _watch()
    allowed = []
    for _ in range(TRIP_IN_A_ROW - 1):
        allowed.append(max(n + 1 for n in range(MAX_CONCURRENT_CALLS) if watch.may_start(n)))
        _bad(watch)

    assert allowed == [8, 7, 6, 5]
    _good(watch)
    assert watch.may_start(MAX_CONCURRENT_CALLS - 1)
    assert not watch.may_start(MAX_CONCURRENT_CALLS)


@pytest.mark.parametrize("use", [Use.PROBE, Use.TRIAL, Use.GENTLE])
def test_careful_ask_makes_one_call_at_a_time_and_ends_with_the_first_failure(use: Use) -> None:
    watch = _watch(use)

    assert watch.may_start(0)
    assert not watch.may_start(1)
    _bad(watch)
    assert isinstance(watch.stopped, CircuitOpen)


def test_probe_asks_for_one_symbol_a_call_and_closes_the_local_breaker() -> None:
    watch = _watch(Use.PROBE, breaker=_half_open())
    for _ in range(3):
        _good(watch, due=1, fresh=1)

    assert watch.chunk(1000) == 1
    assert watch.breaker.phase is Phase.CLOSED
    assert watch.stopped is None


@pytest.mark.parametrize("error", [Throttled("429"), AuthFailed("401"), LocalFault("refused")])
def test_error_that_every_other_call_would_meet_ends_the_ask(error: ProviderError) -> None:
    watch = _watch()

    _bad(watch, error)

    assert watch.stopped is error


def test_unknown_symbol_says_nothing_about_the_vendor() -> None:
    watch = _watch()
    for _ in range(50):
        _bad(watch, UnknownSymbol("no such symbol", symbols=("X",)))

    assert watch.stopped is None
    assert {seen.outcome for seen in watch.tally().seen} == {Outcome.IGNORED}
    assert watch.tally().asked == 0


def test_vendor_that_stops_sending_news_is_found_out_within_one_ask() -> None:
    watch = _watch()
    for _ in range(DRY_SYMBOLS - 1):
        _good(watch, due=1, fresh=0)
    before = watch.stopped
    _good(watch, due=1, fresh=0)

    assert before is None
    assert isinstance(watch.stopped, CircuitOpen)
    assert [seen.outcome for seen in watch.tally().seen] == [Outcome.SUSPICIOUS] * DRY_SYMBOLS
    assert (watch.tally().due, watch.tally().fresh) == (DRY_SYMBOLS, 0)


def test_one_bulk_answer_without_any_news_is_enough() -> None:
    watch = _watch()

    _good(watch, symbols=300, due=280, fresh=0)

    assert isinstance(watch.stopped, CircuitOpen)
    assert [seen.outcome for seen in watch.tally().seen] == [Outcome.SUSPICIOUS]


def test_news_among_the_answers_clear_the_vendor() -> None:
    watch = _watch()
    for _ in range(20):
        for _ in range(DRY_SYMBOLS - 1):
            _good(watch, due=1, fresh=0)
        _good(watch, due=1, fresh=1)

    assert watch.stopped is None
    assert {seen.outcome for seen in watch.tally().seen} == {Outcome.OK}


def test_few_quiet_symbols_are_no_news_about_the_vendor() -> None:
    watch = _watch()

    _good(watch, symbols=3, due=3, fresh=0)

    assert watch.stopped is None


def test_vendor_that_never_has_news_is_not_suspected_for_it() -> None:
    watch = _watch(is_usually_fresh=False)
    for _ in range(50):
        _good(watch, due=1, fresh=0)

    assert watch.stopped is None


def test_probe_of_a_vendor_that_usually_has_news_fails_without_them() -> None:
    watch = _watch(Use.PROBE, breaker=_half_open())

    _good(watch, due=1, fresh=0)

    assert isinstance(watch.stopped, CircuitOpen)
    assert watch.breaker.phase is Phase.OPEN


def test_slow_answers_count_as_slow() -> None:
    watch = _watch()

    _good(watch, elapsed_s=5.1)

    assert [seen.outcome for seen in watch.tally().seen] == [Outcome.SLOW]


def test_live_work_waits_no_longer_behind_a_probe_than_for_a_slow_answer() -> None:
    assert _watch(Use.PROBE).call_deadline_s(20.0) == 5.0
    assert _watch(Use.TRIAL).call_deadline_s(3.0) == 3.0
    assert _watch(Use.NORMAL).call_deadline_s(20.0) == 20.0


def test_refusals_of_the_plan_end_the_ask_only_before_any_answer() -> None:
    refused, mixed = _watch(), _watch()
    _good(mixed)
    for _ in range(3):
        _bad(refused, NotEntitled("403"))
        _bad(mixed, NotEntitled("403"))

    assert isinstance(refused.stopped, NotEntitled)
    assert mixed.stopped is None
