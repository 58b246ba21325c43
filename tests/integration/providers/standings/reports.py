"""Calls that said something about a provider, and whom a policy asks then."""

import pytest

from providers.health import Tally
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros
from providers.models import Provider
from providers.outcomes import Outcome, Seen
from providers.policy import Snapshot
from providers.routing import Use
from providers.services import policies, standings
from providers.services.choosing import choose
from tests.builders import us
from tests.integration.collector.rows import make_policy, make_provider

many_connections = pytest.mark.django_db(transaction=True)

NOW = us("2025-10-08 14:00")
BARS = "bars_1m"


def tally_of(outcome: Outcome, count: int, *, at: Micros = NOW) -> Tally:
    return Tally(seen=tuple(Seen(at + i, outcome) for i in range(count)))


def report(provider: Provider, outcome: Outcome, count: int, *, now: Micros = NOW, **rest: object) -> standings.State:
    values = {"use": Use.NORMAL, "promote": 0.85, **rest}
    tally = tally_of(outcome, count, at=now)
    return standings.report(provider_id=provider.pk, capability=BARS, tally=tally, now=now + SECOND_US, **values)


def make_route(*names: str) -> Snapshot:
    for name in names:
        make_provider(name, adapter="polygon")
    make_policy(*names)
    return policies.current()


def chosen(snapshot: Snapshot, *, now: Micros = NOW, lane: Lane = Lane.LIVE) -> list[tuple[str, Use]]:
    choice = choose(snapshot, capability=BARS, tier="T0", lane=lane, now=now)
    return [(step.provider, step.use) for step in choice.decision.steps]
