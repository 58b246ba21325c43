"""Alerts reach Alertmanager from a running service that really is ill, and end when it is well again."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from providers.models import ProviderState
from tests.acceptance.monitoring.programs import (
    PATIENCE_S,
    alertmanager,
    asked,
    blackbox,
    needs_prometheus,
    prometheus,
    shipped_in_a_hurry,
)
from tests.acceptance.routing.fleet import Fleet, fleet
from tests.waiting import wait_until
from tests.web_server import running

pytestmark = [pytest.mark.django_db(transaction=True), needs_prometheus]

MONDAY = datetime(2025, 6, 2, 14, 0, tzinfo=UTC)
SYMBOLS = {f"SYM{number}": "T0" for number in range(8)}
BREAKER = ("ProviderCircuitBreakerOpen", "polygon")


def _active(pager: str) -> set[tuple[str, str]]:
    """Alerts that Alertmanager holds for true, each with its provider."""
    found = asked(pager, "/api/v2/alerts", active="true", silenced="false", inhibited="true")
    return {(one["labels"]["alertname"], one["labels"].get("provider", "")) for one in found}


def _value(address: str, query: str) -> float | None:
    found = asked(address, "/api/v1/query", query=query)["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def _stand_still_until(service: Fleet, condition: Callable[[], bool], what: str) -> None:
    """The service's clock does not go on, so no breaker thinks of a probe meanwhile."""

    def now() -> bool:
        service.at(service.now)
        return condition()

    wait_until(now, seconds=PATIENCE_S, what=what, every_s=0.1)


def test_alert_of_an_open_breaker_fires_when_a_vendor_breaks_and_ends_when_it_is_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (
        fleet(monkeypatch, tmp_path, symbols=SYMBOLS, begin=MONDAY) as service,
        running() as web,
        alertmanager(tmp_path) as pager,
        prometheus(tmp_path, shipped_in_a_hurry(tmp_path, web=urlsplit(web).netloc, alertmanager=pager)) as watcher,
    ):
        service.minutes(2)
        closed = 'circuit_state{provider="polygon"}'
        wait_until(lambda: _value(watcher, closed) == 0, seconds=PATIENCE_S, what="a scrape")
        assert BREAKER not in _active(pager)

        service.vendors.set_fault("server_error", vendor="polygon")
        service.minutes(1)
        _stand_still_until(service, lambda: BREAKER in _active(pager), "the alert")
        assert ("ProviderCircuitBreakerOpen", "alpaca") not in _active(pager)
        errors = 'provider_errors_total{provider="polygon",code="vendor_fault"}'
        assert _value(watcher, f"sum({errors})")

        service.vendors.clear_faults()
        while ProviderState.objects.get(provider__name="polygon").phase != "closed":
            service.minutes(1)
        wait_until(lambda: BREAKER not in _active(pager), seconds=PATIENCE_S, what="the end of the alert")
        wait_until(lambda: _value(watcher, closed) == 0, seconds=PATIENCE_S, what="the closed breaker")
        assert _value(watcher, 'ALERTS{alertname="ProviderCircuitBreakerOpen"}') is None


def test_alerts_of_a_service_that_is_gone_fire_and_end_with_its_return(tmp_path: Path) -> None:
    gone = {("MarketDataServiceDown", ""), ("HealthEndpointFailing", "")}
    with alertmanager(tmp_path) as pager, blackbox(tmp_path) as prober:
        with running() as web:
            config = shipped_in_a_hurry(tmp_path, web=urlsplit(web).netloc, blackbox=prober, alertmanager=pager)
            port = urlsplit(web).port
        with prometheus(tmp_path, config):
            wait_until(lambda: gone <= _active(pager), seconds=PATIENCE_S, what="both alerts")
            with running(port=port):
                wait_until(lambda: not gone & _active(pager), seconds=PATIENCE_S, what="the end of both alerts")
