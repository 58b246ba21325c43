"""Two accounts under a policy, and what their calls have said, for tests of what operators see."""

from datetime import datetime, timedelta

from collector.models import Tier
from marketdata_site.observability import clock
from providers.health import Tally
from providers.market.types import Micros
from providers.models import HealthSample, Provider
from providers.outcomes import Outcome, Seen
from providers.policy import Snapshot
from providers.routing import Use
from providers.services import policies, standings
from tests.integration.providers.policy_rows import make_rows
from tests.integration.rest.rows import make_tier

BARS = "bars_1m"
PARTS = {
    "availability_fast": 0.9,
    "availability_slow": 0.95,
    "completeness_fast": 1.0,
    "completeness_slow": 1.0,
    "freshness_fast": 1.0,
    "freshness_slow": 1.0,
    "slowness_fast": 0.0,
    "slowness_slow": 0.0,
    "quota": 1.0,
}


def make_active() -> Snapshot:
    """polygon, then alpaca, for minute bars of every tier, as the active version."""
    make_tier("T0")
    make_rows()
    result = policies.reload(author="a test", through="command", now=clock.now())
    assert result.ok, result.error
    return policies.current()


def report(name: str, outcome: Outcome, count: int, *, now: Micros | None = None, capability: str = BARS) -> None:
    """So many calls of one kind, just now."""
    now = clock.now_us() if now is None else now
    tally = Tally(seen=tuple(Seen(now - count + i, outcome) for i in range(count)))
    provider = Provider.objects.get(name=name)
    standings.report(provider_id=provider.pk, capability=capability, tally=tally, use=Use.NORMAL, promote=0.85, now=now)


def make_samples(
    name: str,
    *,
    until: datetime,
    count: int,
    capability: str = BARS,
    score: float = 0.85,
    seconds: int = 10,
    phase: str = "closed",
) -> list[HealthSample]:
    """So many samples, the last one at `until`."""
    provider = Provider.objects.get(name=name)
    return HealthSample.objects.bulk_create(
        HealthSample(
            provider=provider,
            capability=capability,
            at=until - timedelta(seconds=seconds * back),
            score=score,
            phase=phase,
            parts=PARTS,
        )
        for back in reversed(range(count))
    )


def tiers() -> list[str]:
    """Their codes."""
    return list(Tier.objects.values_list("code", flat=True))
