"""Providers that refuse the key or the plan are left alone until somebody has looked."""

import pytest

from providers.errors import AuthFailed, NotEntitled, ProviderError, VendorFault
from providers.lanes import Lane
from providers.market.types import SECOND_US, from_us
from providers.models import Provider, ProviderState
from providers.outcomes import Outcome
from providers.routing import Use
from providers.services import policies, standings
from providers.services.choosing import look
from tests.integration.collector.rows import make_provider
from tests.integration.providers.standings.reports import BARS, NOW, chosen, make_route, report

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("error", "capabilities"), [(AuthFailed("bad key"), {BARS, "quotes_l1"}), (NotEntitled("not in the plan"), {BARS})]
)
def test_isolated_provider_is_not_asked_until_a_reload(error: AuthFailed | NotEntitled, capabilities: set[str]) -> None:
    snapshot = make_route("first", "second")
    first = Provider.objects.get(name="first")
    ProviderState.objects.create(provider=first, capability="quotes_l1")

    standings.isolate(provider_id=first.pk, capability=BARS, error=error, now=NOW, version=snapshot.number)

    assert {row.capability for row in ProviderState.objects.exclude(isolated_at=None)} == capabilities
    choice = look(snapshot, capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW)
    assert [step.provider for step in choice.decision.steps] == ["second"]
    assert str(error) in choice.decision.skipped[0].reason
    policies.reload(author="me", through="command", now=from_us(NOW))
    assert chosen(snapshot)[0] == ("first", Use.NORMAL)


def test_refusal_of_an_old_key_does_not_isolate_when_a_reload_came_between() -> None:
    before = make_route("first")
    first = Provider.objects.get(name="first")
    policies.reload(author="me", through="command", now=from_us(NOW))

    for version, is_isolated in ((before.number, False), (policies.current().number, True)):
        standings.isolate(provider_id=first.pk, capability=BARS, error=AuthFailed("bad key"), now=NOW, version=version)
        assert ProviderState.objects.exclude(isolated_at=None).exists() is is_isolated


def test_log_names_the_isolated_provider_and_why(caplog: pytest.LogCaptureFixture) -> None:
    snapshot = make_route("first")
    pk = Provider.objects.get(name="first").pk
    standings.isolate(provider_id=pk, capability=BARS, error=NotEntitled("no plan"), now=NOW, version=snapshot.number)

    assert [r.getMessage() for r in caplog.records if getattr(r, "action", "") == "provider_isolated"] == [
        "first is isolated for bars_1m: no plan"
    ]


def _isolating(*errors: ProviderError, lane: Lane = Lane.LIVE, answered: bool = False) -> ProviderError | None:
    return standings.isolating(errors, lane=lane, answered=answered)


def test_bad_key_isolates_whatever_else_was_said() -> None:
    bad_key = AuthFailed("x")

    assert _isolating(VendorFault("x"), bad_key, lane=Lane.HISTORY, answered=True) is bad_key
    assert _isolating(VendorFault("x"), VendorFault("x"), VendorFault("x")) is None


def test_refusal_of_the_plan_isolates_only_where_several_live_symbols_get_nothing_else() -> None:
    refused = [NotEntitled("x")] * 3

    assert _isolating(*refused) is refused[0]
    assert _isolating(*refused, lane=Lane.HISTORY) is None
    assert _isolating(*refused, answered=True) is None
    assert _isolating(*refused[:2]) is None


def test_breakers_stay_as_they_are_while_three_providers_cannot_be_reached() -> None:
    names = ["one", "two", "three"]
    providers = [make_provider(name, adapter="polygon") for name in names]
    for provider in providers[:2]:
        report(provider, Outcome.LOCAL_ERROR, 1)

    report(providers[2], Outcome.LOCAL_ERROR, 20, now=NOW + SECOND_US)
    assert ProviderState.objects.get(provider=providers[2]).phase == "closed"

    report(providers[2], Outcome.LOCAL_ERROR, 20, now=NOW + 30 * SECOND_US)  # the others are silent by now
    assert ProviderState.objects.get(provider=providers[2]).phase == "open"
