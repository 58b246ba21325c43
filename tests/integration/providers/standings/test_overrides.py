"""Operators who force a breaker: with a reason, for a time."""

from datetime import timedelta

import pytest

from providers.breaker import Phase
from providers.lanes import Lane
from providers.market.types import MINUTE_US, SECOND_US, Micros, from_us
from providers.models import Provider, ProviderState
from providers.outcomes import Outcome
from providers.routing import Use
from providers.services import overrides
from providers.services.choosing import look
from providers.watch import MAX_CONCURRENT_CALLS
from tests.integration.collector.rows import make_provider
from tests.integration.providers.standings.reports import BARS, NOW, chosen, make_route, report

pytestmark = pytest.mark.django_db


def _forced(provider: Provider, kind: Phase, minutes: int = 10) -> None:
    until = from_us(NOW) + timedelta(minutes=minutes)
    overrides.force(
        provider_id=provider.pk, capability=BARS, kind=kind, until=until, reason="maintenance", by="ann", now=from_us(NOW)
    )


def test_forced_open_holds_until_its_expiry_and_says_who_and_why() -> None:
    snapshot = make_route("first", "second")
    _forced(Provider.objects.get(name="first"), Phase.OPEN)

    choice = look(snapshot, capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW + MINUTE_US)
    assert [step.provider for step in choice.decision.steps] == ["second"]
    assert "maintenance" in choice.decision.skipped[0].reason
    assert chosen(snapshot, now=NOW + 10 * MINUTE_US)[0][0] == "first"


def test_forced_closed_is_asked_although_its_breaker_is_open() -> None:
    snapshot = make_route("first")
    first = Provider.objects.get(name="first")
    report(first, Outcome.VENDOR_ERROR, 5)
    _forced(first, Phase.CLOSED)

    assert chosen(snapshot, now=NOW + 5 * SECOND_US) == [("first", Use.NORMAL)]
    overrides.unforce(provider_id=first.pk, capability=BARS)
    assert chosen(snapshot, now=NOW + 5 * SECOND_US) == [("first", Use.GENTLE)]


@pytest.mark.parametrize("later", [5 * SECOND_US, 2 * MINUTE_US])
def test_forced_closed_lets_as_many_calls_out_as_any_when_its_own_breaker_is_open_or_half_open(later: Micros) -> None:
    snapshot = make_route("first")
    first = Provider.objects.get(name="first")
    report(first, Outcome.VENDOR_ERROR, 5)
    _forced(first, Phase.CLOSED)

    choice = look(snapshot, capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW + later)

    assert choice.watch(choice.decision.steps[0]).may_start(MAX_CONCURRENT_CALLS - 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"reason": " "}, "reason"), ({"until": from_us(NOW)}, "expiry"), ({"kind": Phase.HALF_OPEN}, "half_open")],
)
def test_override_without_reason_or_end_is_refused(change: dict[str, object], message: str) -> None:
    provider = make_provider()
    values = {"kind": Phase.OPEN, "until": from_us(NOW + MINUTE_US), "reason": "why", **change}

    with pytest.raises(ValueError, match=message):
        overrides.force(provider_id=provider.pk, capability=BARS, by="ann", now=from_us(NOW), **values)
    assert not ProviderState.objects.exists()
