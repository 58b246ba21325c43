"""Gauges that are read from rows: how breakers stand, how the last reload ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketdata_site.observability import clock
from providers.gauges import circuit_states, reloads
from providers.models import Provider, ProviderState, RoutingPolicy
from providers.services import policies
from tests.integration.collector.rows import make_policy, make_provider

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SOON, BEFORE = NOW + timedelta(seconds=30), NOW - timedelta(seconds=1)


def _states() -> dict[str, float]:
    (family,) = circuit_states(now=NOW)
    assert family.name == "circuit_state"
    return {sample.labels["provider"]: sample.value for sample in family.samples}


def _reloads() -> dict[str, float]:
    return {sample.name: sample.value for family in reloads() for sample in family.samples}


def _state(provider: str, capability: str = "bars_1m", **values: Any) -> None:
    ProviderState.objects.create(provider=make_provider(provider), capability=capability, **values)


@pytest.mark.parametrize(
    ("row", "number"),
    [
        ({}, 0),
        ({"phase": "open", "open_until": SOON}, 2),
        ({"phase": "open", "open_until": NOW}, 1),
        ({"phase": "half_open"}, 1),
        ({"phase": "closed", "forced": "open", "forced_until": SOON}, 2),
        ({"phase": "closed", "forced": "open", "forced_until": BEFORE}, 0),
        ({"phase": "open", "open_until": SOON, "forced": "closed", "forced_until": SOON}, 0),
        ({"phase": "closed", "isolated_at": BEFORE}, 2),
    ],
    ids=["closed", "open", "time is over", "half-open", "forced open", "was forced", "forced closed", "isolated"],
)
def test_circuit_state_says_how_a_provider_stands_now(row: dict[str, Any], number: int) -> None:
    make_provider("polygon")
    make_policy("polygon")
    _state("polygon", **row)
    assert _states() == {"polygon": number}


def test_circuit_state_is_the_worst_of_the_capabilities_in_use() -> None:
    for name in ("polygon", "alpaca"):
        make_provider(name)
    make_policy("polygon", "alpaca")
    make_policy("alpaca", capability="bars_1d")
    _state("alpaca", "bars_1d", phase="half_open")
    _state("polygon", "bars_1d", phase="open", open_until=SOON)  # no policy asks it for these
    assert _states() == {"alpaca": 1, "polygon": 0}


def test_circuit_state_leaves_out_whom_nobody_would_ask() -> None:
    for name in ("polygon", "alpaca"):
        make_provider(name)
    _state("polygon", phase="open", open_until=SOON)
    assert _states() == {}
    Provider.objects.filter(name="polygon").update(is_enabled=False)
    make_policy("polygon", "alpaca")
    assert _states() == {"alpaca": 0}


def test_reload_gauges_say_how_the_last_attempt_ended_and_when_one_went_through() -> None:
    assert _reloads() == {}
    make_provider("polygon")
    make_policy("polygon")
    later = clock.now() + timedelta(minutes=1)
    assert policies.reload(author="a test", through="command", now=later).ok
    good = {"config_last_reload_successful": 1, "config_last_reload_success_timestamp_seconds": later.timestamp()}
    RoutingPolicy.objects.update(providers=["bogus"])
    policies.reload(author="a test", through="command", now=later + timedelta(seconds=1), dry_run=True)
    assert _reloads() == good
    assert not policies.reload(author="a test", through="command", now=later + timedelta(seconds=2)).ok
    assert _reloads() == {**good, "config_last_reload_successful": 0}
