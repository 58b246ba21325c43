"""What makes a candidate unfit to run, one sentence each; the sentence names the variable or the row."""

from collections.abc import Iterator

from providers.accounts import check_options, is_plain_address
from providers.adapter import Adapter, optional_credential_names
from providers.market.types import Adjustment, Capability, FeedScope, Interval
from providers.policy.overrides import DEMOTE_VARIABLE, PROMOTE_VARIABLE
from providers.policy.snapshot import PolicyEntry, ProviderEntry, Snapshot
from providers.quote_adapter import quotes_of
from providers.registry import get_adapter

_INTERVALS = {Capability.of_bars(interval).value: interval for interval in Interval}


def validate(snapshot: Snapshot) -> list[str]:
    """Everything that is wrong with a candidate; empty when it may run."""
    faults = [*_policies(snapshot), *_thresholds(snapshot)]
    for entry in snapshot.providers.values():
        faults.extend(_provider(entry))
    return faults


def _policies(snapshot: Snapshot) -> Iterator[str]:
    for policy in snapshot.policies:
        if not policy.providers:
            yield f"no provider in {policy.name}: expected at least one"
        for name in dict.fromkeys(policy.providers):
            if name not in snapshot.providers:
                yield f"unknown provider {name!r} in {policy.name}"
                continue
            if policy.providers.count(name) > 1:
                yield f"provider {name!r} stands twice in {policy.name}"
            yield from _ability(policy, snapshot.providers[name])


def _ability(policy: PolicyEntry, provider: ProviderEntry) -> Iterator[str]:
    adapter = _adapter(provider)
    if adapter is None:
        return  # said once, of the provider
    if policy.capability not in _offered(adapter):
        offered = ", ".join(sorted(_offered(adapter)))
        yield f"provider {provider.name!r} can't serve {policy.capability} in {policy.name}: {adapter.name} offers {offered}"


def _offered(adapter: Adapter) -> frozenset[str]:
    bars = frozenset(name for name, interval in _INTERVALS.items() if interval in adapter.limits.intervals)
    return bars | ({Capability.QUOTES_L1.value} if quotes_of(adapter) is not None else frozenset())


def _thresholds(snapshot: Snapshot) -> Iterator[str]:
    for variable, value in ((DEMOTE_VARIABLE, snapshot.demote), (PROMOTE_VARIABLE, snapshot.promote)):
        if not 0.0 <= value <= 1.0:
            yield f"{variable} must lie between 0.0 and 1.0, got {value}"
    if snapshot.demote >= snapshot.promote:
        yield f"{DEMOTE_VARIABLE} must be below {PROMOTE_VARIABLE}, got {snapshot.demote} and {snapshot.promote}"


def _provider(entry: ProviderEntry) -> Iterator[str]:
    """Numbers of every provider; what it is asked with only of those that may be asked."""
    for name in ("rate_per_minute", "rate_per_day", "timeout_seconds", "slow_after_ms"):
        value: int | None = getattr(entry, name)
        if value is not None and value <= 0:
            yield f"{name} of provider {entry.name!r} must be positive, got {value}"
    for name in ("overlap_seconds", "settle_after_seconds"):
        if getattr(entry, name) < 0:
            yield f"{name} of provider {entry.name!r} must not be negative, got {getattr(entry, name)}"
    if not 0 <= entry.live_reserve_percent <= 100:
        yield f"live_reserve_percent of provider {entry.name!r} must lie between 0 and 100, got {entry.live_reserve_percent}"
    for name, known in (("feed_scope", FeedScope), ("adjustment", Adjustment)):
        if getattr(entry, name) not in set(known):
            expected = ", ".join(known)
            yield f"{name} of provider {entry.name!r} must be one of {expected}, got {getattr(entry, name)!r}"
    if entry.is_enabled:
        yield from _asking(entry)


def _asking(entry: ProviderEntry) -> Iterator[str]:
    adapter = _adapter(entry)
    if adapter is None:
        yield f"unknown adapter {entry.adapter!r} in provider {entry.name!r}"
        return
    if entry.base_url and not entry.base_url.startswith(("http://", "https://")):
        yield f"base_url of provider {entry.name!r} must start with http:// or https://"
    elif not is_plain_address(entry.base_url):  # versions, differences and pages show it
        yield f"base_url of provider {entry.name!r} must hold no user, password or query: secrets are named by its credentials"
    wanted, optional = set(adapter.credential_names), optional_credential_names(adapter)
    if not wanted <= set(entry.credentials) <= wanted | optional:
        got = ", ".join(sorted(entry.credentials)) or "none"
        yield f"credentials of provider {entry.name!r} must be {', '.join(sorted(wanted)) or 'none'}, got {got}"
    try:
        check_options(adapter, entry.options)
    except ValueError as error:
        yield f"{error} in provider {entry.name!r}"


def _adapter(entry: ProviderEntry) -> Adapter | None:
    try:
        return get_adapter(entry.adapter)
    except KeyError:
        return None
