"""Gauges about providers and their policy, read from rows at the moment of a scrape."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from providers.models import ProviderState, ReloadAttempt
from providers.services.policies import current

CLOSED, HALF_OPEN, OPEN = 0, 1, 2
_NUMBERS = {"closed": CLOSED, "half_open": HALF_OPEN, "open": OPEN}


def circuit_states(*, now: datetime) -> Iterable[Metric]:
    """`circuit_state` of each provider that is in use: enabled, and named by the active version. Its worst capability counts."""
    found = {(row.provider.name, row.capability): row for row in ProviderState.objects.select_related("provider")}
    worst: dict[str, int] = {}
    for provider, capability in _in_use():
        row = found.get((provider, capability))
        number = CLOSED if row is None else circuit_number(row, now=now)
        worst[provider] = max(number, worst.get(provider, CLOSED))
    text = (
        "0 closed, 1 half-open, 2 open: the worst of the capabilities that a provider is used for. Forced states count; "
        "isolated is open."
    )
    family = GaugeMetricFamily("circuit_state", text, labels=["provider"])
    for provider in sorted(worst):
        family.add_metric([provider], worst[provider])
    return [family]


def circuit_number(row: ProviderState, *, now: datetime) -> int:
    """How one provider stands at one capability at that time, whether or not somebody has looked since."""
    if row.isolated_at is not None:
        return OPEN
    if row.forced and row.forced_until is not None and row.forced_until > now:
        return _NUMBERS[row.forced]
    if row.phase == "open" and row.open_until is not None and row.open_until <= now:
        return HALF_OPEN
    return _NUMBERS[row.phase]


def reloads() -> Iterable[Metric]:
    """How the last reload of the configuration ended, and when one last went through; no value where there was none."""
    successful = GaugeMetricFamily(
        "config_last_reload_successful", "1 when the last reload of the configuration went through, 0 when it was refused."
    )
    at = GaugeMetricFamily(
        "config_last_reload_success_timestamp_seconds",
        "When a reload of the configuration last went through, in epoch seconds.",
    )
    attempts = ReloadAttempt.objects.order_by("-at", "-pk")
    if last := attempts.first():
        successful.add_metric([], float(last.is_ok))
    if last_good := attempts.filter(is_ok=True).first():
        at.add_metric([], last_good.at.timestamp())
    return [successful, at]


def _in_use() -> set[tuple[str, str]]:
    """Provider and capability, of every pair that routing may choose."""
    snapshot = current()
    return {
        (name, policy.capability)
        for policy in snapshot.policies
        for name in policy.providers
        if name in snapshot.providers and snapshot.providers[name].is_enabled
    }
