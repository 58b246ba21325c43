"""Reads across provider rows: who is asked for what, in which order."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from providers.accounts import option_text
from providers.adapter import Account, Adapter
from providers.market.types import SECOND_US, Adjustment, Capability, FeedScope, Micros
from providers.models import Provider, RoutingPolicy
from providers.registry import get_adapter


@dataclass(frozen=True, slots=True)
class Candidate:
    """One provider of a route, ready to be asked. Times in µs but for the deadline."""

    provider_id: int
    adapter: Adapter
    account: Account
    rank: int
    overlap: Micros
    settle_after: Micros
    deadline_s: float

    @property
    def name(self) -> str:
        return self.account.provider


def routing_order(*, capability: Capability, tier: str) -> list[str]:
    """Provider names in the order of the tier's own policy, else of the one for all tiers; empty when there is none."""
    rows = {p.tier: p for p in RoutingPolicy.objects.filter(capability=capability, tier__in=[tier, ""])}
    policy = rows.get(tier) or rows.get("")
    return list(policy.providers) if policy else []


def route(*, capability: Capability, tier: str, only: str | None = None) -> list[Candidate]:
    """Enabled providers in policy order; `only` pins one, in the policy or not."""
    names = [only] if only else routing_order(capability=capability, tier=tier)
    enabled = {p.name: p for p in Provider.objects.filter(name__in=names, is_enabled=True)}
    return [candidate(enabled[name], rank=rank) for rank, name in enumerate(names) if name in enabled]


def ranks(*, capability: Capability, tier: str) -> dict[int, int]:
    """Provider id → its place in the policy, also of disabled ones: their bars keep their standing."""
    names = routing_order(capability=capability, tier=tier)
    ids = dict(Provider.objects.filter(name__in=names).values_list("name", "id"))
    return {ids[name]: rank for rank, name in enumerate(names) if name in ids}


def candidate(provider: Provider, *, rank: int) -> Candidate:
    """A provider row with its adapter and secrets. Secrets that are not set are left empty: the call then fails as `AuthFailed`."""
    adapter = get_adapter(provider.adapter)
    return Candidate(
        provider_id=provider.pk,
        adapter=adapter,
        account=Account(
            provider=provider.name,
            adapter=provider.adapter,
            base_url=(provider.base_url or adapter.default_base_url).rstrip("/"),
            credentials=read_credentials(provider.credentials, os.environ),
            feed_scope=FeedScope(provider.feed_scope),
            adjustment=Adjustment(provider.adjustment),
            options={name: option_text(value) for name, value in provider.options.items()},
        ),
        rank=rank,
        overlap=provider.overlap_seconds * SECOND_US,
        settle_after=provider.settle_after_seconds * SECOND_US,
        deadline_s=float(provider.timeout_seconds),
    )


def read_credentials(names: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Credential → secret, from the variables that the row names; unset ones are missing from the answer."""
    return {credential: environ[variable] for credential, variable in names.items() if environ.get(variable)}
