"""What one vendor did not deliver is asked from the next, within the job, for each symbol (R1.7)."""

import pytest

from collector.models import Absence, RejectedBar
from tests.builders import minutes, us
from tests.integration.collector.reading import coverage, held
from tests.integration.collector.rows import make_series

WINDOW = {"start": "2025-10-08 13:30", "end": "2025-10-08 13:35"}
SLOTS = minutes(us("2025-10-08 13:30"), 5)
ALL = [[SLOTS[0], us("2025-10-08 13:35")]]


def sources(series):
    return {bar.provider_id for bar in held(series).values()}


FAILURES = [
    ("server_error", {}),
    ("unauthorized", {}),
    ("forbidden_credentials", {}),
    ("forbidden_entitlement", {}),
    ("throttle", {"retry_after": 30}),
    ("html", {}),
    ("truncated", {}),
    ("connection_reset", {}),
    ("wrong_symbol", {}),
    ("timeout", {}),
]


HANGING = {"timeout", "drip"}


@pytest.mark.parametrize(("kind", "parameters"), FAILURES)
def test_next_vendor_fills_what_the_first_one_failed_to_deliver(world, kind, parameters):
    world.set_clock("2025-10-08 13:35:05")
    first, second = world.policy("polygon", "alpaca", timeout_seconds=1 if kind in HANGING else 20)
    series = [make_series("AAPL"), make_series("MSFT")]
    world.control.set_fault(kind, vendor="polygon", symbols=["AAPL"], **parameters)
    outcome = world.collect("AAPL", "MSFT", **WINDOW)
    assert outcome.unanswered == {}
    assert all(coverage(one) == (ALL, []) for one in series)
    assert sources(series[0]) == {second.pk}
    if kind in {"server_error", "html", "truncated", "connection_reset", "wrong_symbol", "timeout"}:
        assert sources(series[1]) == {first.pk}


def test_second_vendor_is_not_asked_when_the_first_one_delivers(world):
    world.set_clock("2025-10-08 13:35:05")
    world.policy("alpaca", "polygon")
    series = make_series()
    outcome = world.collect("AAPL", **WINDOW)
    assert (world.asked(), outcome.calls) == (["alpaca"], {"alpaca": 1})
    assert coverage(series) == (ALL, [])


def test_disabled_vendor_is_never_asked(world):
    world.set_clock("2025-10-08 13:35:05")
    world.provider("polygon", is_enabled=False)
    world.policy("polygon", "alpaca")
    make_series()
    assert world.collect("AAPL", **WINDOW).unanswered == {}
    assert str(world.collect("AAPL", provider="polygon", **WINDOW).unanswered["AAPL"]) == "polygon: it is switched off"
    assert world.asked() == ["alpaca"]


def test_hint_pins_one_vendor_whatever_the_policy_says(world):
    world.set_clock("2025-10-08 13:35:05")
    world.policy("polygon", "alpaca")
    series = make_series()
    world.collect("AAPL", provider="alpaca", **WINDOW)
    assert world.asked() == ["alpaca"]
    assert coverage(series) == (ALL, [])
    world.control.set_fault("server_error", vendor="alpaca")
    assert "500" in str(world.collect("AAPL", provider="alpaca", **WINDOW).unanswered["AAPL"])
    assert world.asked() == ["alpaca"]


def test_vendor_without_its_credential_says_so_and_the_next_one_fills(world, monkeypatch):
    world.set_clock("2025-10-08 13:35:05")
    first, _ = world.policy("polygon", "alpaca")
    monkeypatch.delenv(first.credentials["api_key"])
    series = make_series()
    assert "no credential 'api_key'" in str(world.collect("AAPL", provider="polygon", **WINDOW).unanswered["AAPL"])
    assert world.collect("AAPL", **WINDOW).unanswered == {}
    assert world.asked() == ["alpaca"]
    assert coverage(series) == (ALL, [])


def test_rejected_row_is_asked_from_the_next_vendor(world):
    world.set_clock("2025-10-08 13:35:05")
    first, second = world.policy("polygon", "alpaca")
    series = make_series()
    world.control.set_fault("bad_row", vendor="polygon")
    assert world.collect("AAPL", **WINDOW).unanswered == {}
    refused = RejectedBar.objects.get()
    assert (refused.provider_id, refused.reason) == (first.pk, "high_below_low")
    bars = held(series)
    assert [bars[slot].provider_id for slot in SLOTS] == [first.pk, first.pk, second.pk, first.pk, first.pk]


def test_delayed_answer_proves_nothing_and_the_next_vendor_is_asked(world):
    world.set_clock("2025-10-08 13:45:05")
    first, second = world.policy("polygon", "alpaca")
    series = make_series()
    world.control.set_fault("delayed", vendor="polygon", announced=True, seconds=720)
    assert world.collect("AAPL", **WINDOW).unanswered == {}
    assert not Absence.objects.exists()
    bars = held(series)
    assert [bars[slot].provider_id for slot in SLOTS] == [first.pk, first.pk, first.pk, second.pk, second.pk]


def test_partial_page_fails_over_and_proves_nothing(world):
    world.set_clock("2025-10-08 13:45:05")
    world.policy("polygon", "alpaca")
    series = make_series()
    world.control.set_fault("partial_page", vendor="polygon")
    assert world.collect("AAPL", **WINDOW).unanswered == {}
    assert coverage(series) == (ALL, [])


@pytest.mark.parametrize("kind", ["duplicate_rows", "unordered_rows"])
def test_rows_repeated_or_out_of_order_are_stored_once(world, kind):
    world.set_clock("2025-10-08 13:35:05")
    world.policy("polygon")
    series = make_series()
    world.control.set_fault(kind, vendor="polygon")
    assert world.collect("AAPL", **WINDOW).unanswered == {}
    assert coverage(series) == (ALL, [])
    assert not RejectedBar.objects.exists()


def test_symbol_that_no_vendor_answers_for_is_named_with_the_last_reason(world):
    world.set_clock("2025-10-08 13:35:05")
    world.policy("polygon", "alpaca")
    make_series()
    world.control.set_fault("server_error", vendor="*")
    assert "alpaca" in str(world.collect("AAPL", **WINDOW).unanswered["AAPL"])
    assert world.asked() == ["polygon", "alpaca"]


def test_narrow_feed_that_has_no_bar_leaves_the_slot_to_the_next_vendor(world):
    world.set_clock("2025-10-08 13:45:05")
    world.provider("alpaca", feed_scope="iex")
    _, second = world.policy("alpaca", "polygon")
    series = make_series()
    world.control.set_fault("withdrawn", vendor="alpaca", start=SLOTS[2], end=SLOTS[3])
    assert world.collect("AAPL", **WINDOW).unanswered == {}
    assert held(series)[SLOTS[2]].provider_id == second.pk


def test_vendor_whose_prices_are_adjusted_is_not_asked_for_raw_ones(world):
    world.set_clock("2025-10-08 13:35:05")
    world.provider("polygon", adjustment="split")
    world.policy("polygon", "alpaca")
    make_series()
    assert world.collect("AAPL", **WINDOW).unanswered == {}
    assert world.asked() == ["alpaca"]


def test_same_symbol_at_two_venues_is_never_answered_by_guess(world):
    world.set_clock("2025-10-08 13:35:05")
    world.policy("polygon")
    here, there = make_series("ABC", mic="XNAS"), make_series("ABC", mic="XNYS", vendor_symbols={"polygon": "ABC.N"})
    assert world.collect("ABC", **WINDOW).unanswered == {}
    assert [bar.close for bar in held(here).values()] != [bar.close for bar in held(there).values()]
