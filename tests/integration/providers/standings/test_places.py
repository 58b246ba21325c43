"""Who is asked first, and who is not asked at all."""

from dataclasses import replace

import pytest

from providers.lanes import Lane
from providers.market.types import SECOND_US, from_us
from providers.models import Incumbent, Provider, ProviderState, RoutingPolicy
from providers.outcomes import Outcome
from providers.routing import Use
from providers.services import policies
from providers.services.choosing import look
from tests.integration.collector.rows import make_policy, make_provider
from tests.integration.providers.standings.reports import BARS, NOW, chosen, make_route, report

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_enabled", [True, False])
def test_provider_without_an_adapter_in_this_process_is_skipped_and_the_others_are_asked(is_enabled: bool) -> None:
    snapshot = make_route("first", "second")
    lost = replace(snapshot.providers["first"], adapter="gone", is_enabled=is_enabled)

    choice = look(
        replace(snapshot, providers={**snapshot.providers, "first": lost}),
        capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW,
    )  # fmt: skip

    assert [step.provider for step in choice.decision.steps] == ["second"]
    assert [(s.provider, s.reason) for s in choice.decision.skipped] == [("first", "this process has no adapter 'gone'")]


def test_history_waits_where_live_asks_gently_when_all_breakers_are_open() -> None:
    snapshot = make_route("first")
    report(Provider.objects.get(name="first"), Outcome.VENDOR_ERROR, 5)
    soon = NOW + 5 * SECOND_US

    assert chosen(snapshot, now=soon, lane=Lane.LIVE) == [("first", Use.GENTLE)]
    choice = look(snapshot, capability=BARS, tier="T0", lane=Lane.HISTORY, now=soon)
    assert choice.decision.steps == ()
    assert choice.decision.retry_at is not None


def test_new_order_holds_at_once_and_an_unchanged_one_keeps_its_first_place() -> None:
    snapshot = make_route("first", "second")
    make_policy("first", "second", capability="bars_1d")
    for capability in ("bars_1m", "bars_1d"):
        second = Provider.objects.get(name="second")
        Incumbent.objects.create(capability=capability, tier="T0", provider=second, since=from_us(NOW))
    assert chosen(snapshot) == [("first", Use.TRIAL), ("second", Use.NORMAL), ("first", Use.NORMAL)]

    RoutingPolicy.objects.filter(capability=BARS).update(providers=["first", "second", "third"])
    make_provider("third", adapter="polygon")
    assert policies.reload(author="me", through="command", now=from_us(NOW)).ok

    assert chosen(policies.current())[0] == ("first", Use.NORMAL)
    assert Incumbent.objects.get(capability="bars_1d").provider.name == "second"


def test_job_of_the_version_before_does_not_bring_its_first_place_back() -> None:
    before = make_route("first", "second")
    RoutingPolicy.objects.update(providers=["second", "first"])
    assert policies.reload(author="me", through="command", now=from_us(NOW)).ok

    assert chosen(before)[0] == ("first", Use.NORMAL)
    assert not Incumbent.objects.exists()
    assert chosen(policies.current())[0] == ("second", Use.NORMAL)
    assert Incumbent.objects.get().provider.name == "second"


def test_history_leaves_the_first_place_to_live_work() -> None:
    snapshot = make_route("first", "second")

    chosen(snapshot, lane=Lane.HISTORY)
    assert not Incumbent.objects.exists()
    chosen(snapshot, lane=Lane.LIVE)
    assert Incumbent.objects.get().provider.name == "first"


def test_looking_changes_nothing() -> None:
    snapshot = make_route("first", "second")

    look(snapshot, capability=BARS, tier="T0", lane=Lane.LIVE, now=NOW)

    assert not Incumbent.objects.exists()
    assert not ProviderState.objects.exists()
