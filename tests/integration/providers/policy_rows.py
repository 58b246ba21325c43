"""Two accounts, a policy, and reloads of them."""

from datetime import UTC, datetime

from providers.models import Provider, RoutingPolicy
from providers.services import policies
from providers.services.policies import ReloadResult

NOW = datetime(2024, 10, 8, 15, 6, 40, tzinfo=UTC)
NUMBER = 1_728_400_000  # the same in epoch seconds
CREDENTIALS = {
    "polygon": {"api_key": "POLYGON_API_KEY"},
    "alpaca": {"key_id": "ALPACA_API_KEY_ID", "secret_key": "ALPACA_API_SECRET_KEY"},
}


def make_rows() -> RoutingPolicy:
    """polygon, then alpaca, for minute bars of every tier."""
    for name, credentials in CREDENTIALS.items():
        Provider.objects.create(name=name, adapter=name, credentials=credentials)
    return RoutingPolicy.objects.create(capability="bars_1m", providers=list(CREDENTIALS))


def reload(*, now: datetime = NOW, dry_run: bool = False) -> ReloadResult:
    """One reload by an operator."""
    return policies.reload(author="ada", through="command", now=now, dry_run=dry_run)


def order() -> tuple[str, ...]:
    """Who is asked for minute bars, by the version that this process would run a job with."""
    return policies.current().order("bars_1m", "T0")
