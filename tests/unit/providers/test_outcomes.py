import pytest

from providers import errors
from providers.errors import (
    AuthFailed,
    BadRequest,
    CircuitOpen,
    LocalFault,
    MalformedAnswer,
    NotEntitled,
    OutOfTime,
    OverBudget,
    ProviderError,
    Throttled,
    UnknownSymbol,
    UnsupportedRequest,
    VendorFault,
    VendorTimeout,
)
from providers.lanes import Lane
from providers.outcomes import FAILURES, SUCCESSES, Outcome, outcome_of


def classed(error: ProviderError | None, *, elapsed_s: float = 0.1, lane: Lane = Lane.LIVE) -> Outcome:
    return outcome_of(error, elapsed_s=elapsed_s, slow_after_s=5.0, lane=lane)


MEANT = [
    (VendorFault("x"), Outcome.VENDOR_ERROR),
    (VendorTimeout("x"), Outcome.VENDOR_ERROR),
    (MalformedAnswer("x"), Outcome.VENDOR_ERROR),
    (LocalFault("x"), Outcome.LOCAL_ERROR),
    (Throttled("x"), Outcome.THROTTLED),
    (OverBudget("x"), Outcome.IGNORED),
    (CircuitOpen("x"), Outcome.IGNORED),
    (OutOfTime("x"), Outcome.IGNORED),
    (AuthFailed("x"), Outcome.CONFIG_ERROR),
    (NotEntitled("x"), Outcome.CONFIG_ERROR),
    (UnknownSymbol("x", symbols=("A",)), Outcome.IGNORED),
    (UnsupportedRequest("x"), Outcome.IGNORED),
    (BadRequest("x"), Outcome.IGNORED),
]


@pytest.mark.parametrize(("error", "meant"), MEANT)
def test_error_has_the_class_that_its_cause_deserves(error: ProviderError, meant: Outcome) -> None:
    assert classed(error) is meant


def test_every_error_of_the_tree_has_a_class_on_purpose() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProviderError)}
    assert {type(error) for error, _ in MEANT} == kinds - {ProviderError, errors.RetryableError, errors.PermanentError}


def test_plan_that_ends_at_a_window_isolates_nobody_in_history() -> None:
    assert classed(NotEntitled("x"), lane=Lane.HISTORY) is Outcome.IGNORED
    assert classed(AuthFailed("x"), lane=Lane.HISTORY) is Outcome.CONFIG_ERROR


def test_answer_is_slow_only_after_its_time() -> None:
    assert classed(None, elapsed_s=5.0) is Outcome.OK
    assert classed(None, elapsed_s=5.1) is Outcome.SLOW
    assert classed(VendorTimeout("x"), elapsed_s=20.0) is Outcome.VENDOR_ERROR


def test_no_class_is_success_and_failure() -> None:
    assert not SUCCESSES & FAILURES
