"""The control endpoint, keys and rate limits of a running simulator."""

from collections.abc import Iterator
from typing import Any

import pytest

from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from providers.simulator.server import CannotStart
from tests.contract.simulated import ALPACA_KEYS, ask, ask_alpaca, ask_polygon

DAY = "2025-03-06"


@pytest.fixture
def simulator() -> Iterator[SimulatorControl]:
    with start_simulator(SimulatorOptions(seed=5)) as running:
        yield running


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "gremlin"}, "unknown kind 'gremlin', known: timeout, connection_reset, unauthorized"),
        ({"kind": "mute", "vendor": "acme"}, "unknown vendor 'acme', known: alpaca, alpha_vantage, "),
        ({"kind": "mute", "share": 0}, "share must be above 0 and at most 1"),
        ({"kind": "mute", "count": 0}, "count must be at least 1"),
        ({"kind": "mute", "until": 1, "for_seconds": 1}, "give until or for_seconds"),
        ({"kind": "mute", "colour": "red"}, "colour"),
        ({"kind": "mute", "parameters": {"seconds": 1}}, "mute has no parameter 'seconds', it has: none"),
        ({"kind": "drip", "parameters": {"pieces": 0}}, "drip: pieces is out of range, got 0"),
        ({"kind": "drip", "parameters": {"pieces": 1.5}}, "drip: pieces must be a whole number"),
        ({"kind": "truncated", "parameters": {"fraction": 2}}, "truncated: fraction is out of range"),
        ({"kind": "delayed", "parameters": {"announced": 1}}, "announced must be a bool"),
        ({}, "kind"),
        ([{"kind": "mute"}, {"kind": "gremlin"}], "unknown kind"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_and_nothing_is_set(simulator: SimulatorControl, fault: Any, said: str) -> None:
    with pytest.raises(ValueError, match="the simulator refused") as caught:
        simulator._ask("POST", "/_control/faults", fault)
    assert said in str(caught.value)
    assert simulator.faults() == []


def test_faults_are_listed_as_set_and_cleared_by_number(simulator: SimulatorControl) -> None:
    first = simulator.set_fault("drip", vendor="polygon", symbols=["BTC/USD"], share=0.5, count=3, pieces=4)
    second = simulator.set_fault("mute")
    (drip, _) = simulator.faults()
    assert drip["parameters"] == {"pieces": 4, "seconds": 0.5}
    assert (drip["symbols"], drip["share"], drip["count"]) == (["BTCUSD"], 0.5, 3)
    simulator.clear_faults(first)
    assert [fault["id"] for fault in simulator.faults()] == [second]
    with pytest.raises(ValueError, match=f"there is no fault {first}"):
        simulator.clear_faults(first)


def test_calls_are_counted_by_vendor_status_and_symbol(simulator: SimulatorControl) -> None:
    ask_alpaca(simulator.url, "AAPL,MSFT", DAY, DAY, limit=10)
    ask_polygon(simulator.url, "AAPL", DAY, DAY, limit=10)
    ask_polygon(simulator.url, "AAPL", "yesterday", DAY)
    summary = simulator.summary()
    assert summary["total"] == 3
    assert summary["vendors"]["polygon"] == {"total": 2, "by_status": {"200": 1, "400": 1}, "by_symbol": {"AAPL": 2}}
    assert summary["vendors"]["alpaca"]["by_symbol"] == {"AAPL": 1, "MSFT": 1}
    assert [call["rows"] for call in simulator.calls(symbol="MSFT")] == [10]
    last = simulator.calls()[-1]["number"]
    assert simulator.calls(after=last) == []
    simulator.forget_calls()
    assert simulator.summary()["total"] == 0


def test_no_key_is_ever_in_calls_or_log(simulator: SimulatorControl) -> None:
    ask(simulator.url, f"/v2/aggs/ticker/AAPL/range/1/day/{DAY}/{DAY}?apiKey=hushhush&limit=3")
    ask(simulator.url, "/v2/stocks/bars?symbols=AAPL&token=hushhush", headers=ALPACA_KEYS)
    told = "\n".join([*simulator.log(), *(call["path"] for call in simulator.calls())])
    assert "limit=3" in told
    assert "hushhush" not in told
    assert ALPACA_KEYS["APCA-API-SECRET-KEY"] not in told


def test_a_missing_key_is_refused_by_both_vendors_but_not_for_crypto(simulator: SimulatorControl) -> None:
    polygon = ask(simulator.url, f"/v2/aggs/ticker/AAPL/range/1/day/{DAY}/{DAY}")
    assert (polygon.status, polygon.json()["error"]) == (401, "API Key was not provided")
    assert ask(simulator.url, "/v2/stocks/bars", symbols="AAPL", timeframe="1Day", start=DAY).status == 401
    crypto = ask(simulator.url, "/v1beta3/crypto/us/bars", symbols="BTC/USD", timeframe="1Day", start=DAY)
    assert crypto.status == 200


def test_only_the_given_keys_are_accepted_when_there_are_some() -> None:
    keys = {"polygon": "test-key", "alpaca": "test-id:test-secret"}
    with start_simulator(SimulatorOptions(keys=keys)) as simulator:
        assert ask_polygon(simulator.url, "AAPL", DAY, DAY).status == 200
        assert ask_alpaca(simulator.url, "AAPL", DAY, DAY).status == 200
        wrong = ask(simulator.url, f"/v2/aggs/ticker/AAPL/range/1/day/{DAY}/{DAY}", apiKey="other")
        assert (wrong.status, wrong.json()["error"]) == (401, "Unknown API Key")
        assert ask(simulator.url, "/v2/stocks/bars", headers={**ALPACA_KEYS, "APCA-API-SECRET-KEY": "x"}).status == 401


def test_calls_over_the_limit_are_429_with_the_vendors_headers() -> None:
    with start_simulator(SimulatorOptions(rates={"alpaca": 2, "polygon": 1})) as simulator:
        replies = [ask_alpaca(simulator.url, "AAPL", DAY, DAY, limit=1) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert [reply.headers["x-ratelimit-remaining"] for reply in replies] == ["1", "0", "0"]
        assert {reply.headers["x-ratelimit-limit"] for reply in replies} == {"2"}
        assert [ask_polygon(simulator.url, "AAPL", DAY, DAY).status for _ in range(2)] == [200, 429]
        simulator.set_limits({"polygon": None, "alpaca": 100})
        assert ask_polygon(simulator.url, "AAPL", DAY, DAY).status == 200
        assert ask_alpaca(simulator.url, "AAPL", DAY, DAY).headers["x-ratelimit-limit"] == "100"


@pytest.mark.parametrize("limits", [{"acme": 1}, {"polygon": 0}, {"polygon": "many"}])
def test_a_limit_that_makes_no_sense_is_refused(simulator: SimulatorControl, limits: Any) -> None:
    with pytest.raises(ValueError, match="the simulator refused PUT"):
        simulator.set_limits(limits)


def test_a_path_of_no_vendor_is_404_and_in_the_log(simulator: SimulatorControl) -> None:
    assert ask(simulator.url, "/v9/nothing").status == 404
    assert any("no vendor's path: /v9/nothing" in line for line in simulator.log())


def test_an_unknown_vendor_in_the_options_is_refused_by_name() -> None:
    with (
        pytest.raises(CannotStart, match="unknown vendor 'acme', known: alpaca, alpha_vantage, "),
        start_simulator(SimulatorOptions(rates={"acme": 1})),
    ):
        pass
