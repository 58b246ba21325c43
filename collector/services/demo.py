"""The demo universe: simulated vendors, their policies, a few instruments of every kind."""

from datetime import datetime
from importlib import resources

from django.db import transaction

from collector.core.instrument_file import decode, parse
from collector.models import Instrument, Tier
from collector.services.instruments import LoadCounts, save_lines
from providers.market.types import Capability
from providers.models import Provider, RoutingPolicy

CREDENTIALS = {
    "polygon": {"api_key": "POLYGON_API_KEY"},
    "alpaca": {"key_id": "ALPACA_API_KEY_ID", "secret_key": "ALPACA_API_SECRET_KEY"},
}
CAPABILITIES = (Capability.BARS_1M, Capability.BARS_1D)


def load_demo(*, simulator_url: str, now: datetime) -> LoadCounts:
    """Make what is missing of the demo. Repeatable: rows that exist stay as the operator left them, but for the vendors' address."""
    with transaction.atomic():
        for name, credentials in CREDENTIALS.items():
            Provider.objects.update_or_create(
                name=name,
                defaults={"base_url": simulator_url},
                create_defaults={"adapter": name, "base_url": simulator_url, "credentials": credentials},
            )
        for capability in CAPABILITIES:
            RoutingPolicy.objects.get_or_create(capability=capability, tier="", defaults={"providers": list(CREDENTIALS)})
        return _load_missing(now)


def _load_missing(now: datetime) -> LoadCounts:
    data = resources.files("collector.demo").joinpath("instruments.csv").read_bytes()
    lines = parse(text=decode(data), tiers=set(Tier.objects.values_list("code", flat=True)), providers=set(CREDENTIALS))
    held = set(Instrument.objects.filter(symbol__in=[line.symbol for line in lines]).values_list("symbol", "mic"))
    counts = save_lines(lines=[line for line in lines if (line.symbol, line.mic) not in held], now=now)
    return LoadCounts(created=counts.created, updated=0, unchanged=len(lines) - counts.created)
