"""The demo universe: simulated vendors, their policies, a few instruments of every kind."""

import re
from datetime import datetime, timedelta
from importlib import resources

from django.db import transaction

from collector.core.instrument_file import decode, parse
from collector.models import Instrument, Tier
from collector.services.instruments import LoadCounts, save_lines
from providers.market.types import Capability
from providers.models import Provider, RoutingPolicy
from providers.services import policies

CREDENTIALS = {
    "polygon": {"api_key": "POLYGON_API_KEY"},
    "alpaca": {"key_id": "ALPACA_API_KEY_ID", "secret_key": "ALPACA_API_SECRET_KEY"},
    "twelve_data": {"api_key": "TWELVE_DATA_API_KEY"},
}
ROUTES = {
    Capability.BARS_1M: ["polygon", "alpaca", "twelve_data"],
    Capability.BARS_1D: ["polygon", "alpaca", "twelve_data"],
    Capability.QUOTES_L1: ["polygon", "alpaca"],
}
"""Each has somebody to fail over to, for bars at any hour: of currency pairs too, which Alpaca lacks."""
AUTHOR = "load_demo"
HEAD_START = timedelta(minutes=5)
"""New series begin this long ago, within what live collection looks back on: the first bars do not wait for a minute to pass."""

_SIMULATOR = re.compile(r"http://127\.0\.0\.1:\d{1,5}/?")
"""An address as `up` makes it. Any other is an operator's, an empty one is the vendor's own."""


def load_demo(*, simulator_url: str, now: datetime) -> LoadCounts:
    """Make what is missing of the demo. Repeatable: rows that exist stay as the operator left them.

    Two exceptions: a demo provider that asks a simulator follows it to its new address, and nothing is made beside a provider
    that asks anyone else, because made-up bars must never stand among real ones. The version that runs follows as well.
    """
    with transaction.atomic():
        has_edits = policies.draft_differs()
        counts = _load(simulator_url, now)
        _bring_up(simulator_url, has_edits=has_edits, now=now)
    return counts


def _load(simulator_url: str, now: datetime) -> LoadCounts:
    _follow(simulator_url)
    if any(not _SIMULATOR.fullmatch(url) and url != simulator_url for url in _addresses()):
        return LoadCounts(created=0, updated=0, unchanged=0)
    for name, credentials in CREDENTIALS.items():
        values = {"adapter": name, "base_url": simulator_url, "credentials": credentials}
        Provider.objects.get_or_create(name=name, defaults=values)
    for capability, names in ROUTES.items():
        RoutingPolicy.objects.get_or_create(capability=capability, tier="", defaults={"providers": names})
    return _load_missing(now)


def _bring_up(simulator_url: str, *, has_edits: bool, now: datetime) -> None:
    """Rows that were made or moved here become active; an operator's edits that wait for a reload go on waiting."""
    active = policies.current()
    if active.number is None:
        policies.start(author=AUTHOR, now=now)
    elif not has_edits and policies.draft_differs():
        policies.reload(author=AUTHOR, through="start", now=now)
    elif has_edits:
        old = {name: active.providers[name].base_url for name in CREDENTIALS if name in active.providers}
        moved = {name: simulator_url for name, url in old.items() if _SIMULATOR.fullmatch(url)}
        policies.move(base_urls=moved, author=AUTHOR, now=now)


def _addresses() -> list[str]:
    return list(Provider.objects.values_list("base_url", flat=True))


def _follow(simulator_url: str) -> None:
    for provider in Provider.objects.filter(name__in=CREDENTIALS):
        if _SIMULATOR.fullmatch(provider.base_url) and provider.base_url != simulator_url:
            provider.base_url = simulator_url
            provider.save(update_fields=["base_url"])


def _load_missing(now: datetime) -> LoadCounts:
    data = resources.files("collector.demo").joinpath("instruments.csv").read_bytes()
    lines = parse(text=decode(data), tiers=set(Tier.objects.values_list("code", flat=True)), providers=set(CREDENTIALS))
    held = set(Instrument.objects.filter(symbol__in=[line.symbol for line in lines]).values_list("symbol", "mic"))
    counts = save_lines(lines=[line for line in lines if (line.symbol, line.mic) not in held], now=now - HEAD_START)
    return LoadCounts(created=counts.created, updated=0, unchanged=len(lines) - counts.created)
