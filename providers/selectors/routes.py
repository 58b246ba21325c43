"""Who is asked for what, in which order, by one version of the policy. No row is read here: a task keeps its version to its end."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from marketdata_site.observability.redaction import remember
from providers.accounts import option_text
from providers.adapter import Account, Adapter
from providers.budget import Allowance
from providers.market.types import SECOND_US, Adjustment, Capability, FeedScope, Micros
from providers.overrides import EnvFile, file_variables
from providers.policy import ProviderEntry, Snapshot
from providers.registry import get_adapter

PLAIN_ALLOWANCE = Allowance(per_minute=300)


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
    slow_after_s: float = 5.0
    allowance: Allowance = PLAIN_ALLOWANCE

    @property
    def name(self) -> str:
        return self.account.provider


def routing_order(snapshot: Snapshot, *, capability: Capability, tier: str) -> list[str]:
    """Provider names in the order of the tier's own policy, else of the one for all tiers; empty when there is none."""
    return list(snapshot.order(capability, tier))


def route(snapshot: Snapshot, *, capability: Capability, tier: str, only: str | None = None) -> list[Candidate]:
    """Enabled providers in policy order; `only` pins one, in the policy or not."""
    names = [only] if only else routing_order(snapshot, capability=capability, tier=tier)
    found = ((rank, snapshot.providers.get(name)) for rank, name in enumerate(names))
    return [candidate(entry, rank=rank) for rank, entry in found if entry is not None and entry.is_enabled]


def ranks(snapshot: Snapshot, *, capability: Capability, tier: str) -> dict[int, int]:
    """Provider id → its place in the policy, also of disabled ones: their bars keep their standing."""
    names = routing_order(snapshot, capability=capability, tier=tier)
    return {snapshot.providers[name].id: rank for rank, name in enumerate(names) if name in snapshot.providers}


def candidate(entry: ProviderEntry, *, rank: int) -> Candidate:
    """A provider with its adapter and secrets. Secrets that are not set are left empty: the call then fails as `AuthFailed`."""
    adapter = get_adapter(entry.adapter)
    return Candidate(
        provider_id=entry.id,
        adapter=adapter,
        account=Account(
            provider=entry.name,
            adapter=entry.adapter,
            base_url=(entry.base_url or adapter.default_base_url).rstrip("/"),
            credentials=secrets_of(entry),
            feed_scope=FeedScope(entry.feed_scope),
            adjustment=Adjustment(entry.adjustment),
            options={name: option_text(value) for name, value in entry.options.items()},
        ),
        rank=rank,
        overlap=entry.overlap_seconds * SECOND_US,
        settle_after=entry.settle_after_seconds * SECOND_US,
        deadline_s=float(entry.timeout_seconds),
        slow_after_s=entry.slow_after_ms / 1_000,
        allowance=allowance_of(entry),
    )


def allowance_of(entry: ProviderEntry) -> Allowance:
    """What the account may ask."""
    return Allowance(
        per_minute=entry.rate_per_minute,
        live_reserve_percent=entry.live_reserve_percent,
        per_day=entry.rate_per_day,
    )


def secrets_of(entry: ProviderEntry) -> dict[str, str]:
    """Credential → secret: the process environment first, then the env file as it was at the last reload."""
    in_file = read_credentials(entry.credentials, file_variables(env_file()))
    found = in_file | read_credentials(entry.credentials, os.environ)
    remember(found.values())
    return found


def env_file() -> EnvFile:
    """The file that the settings name."""
    return EnvFile(settings.ENV_FILE, settings.ENV_FILE_IS_NAMED)


def read_credentials(names: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Credential → secret, from the variables that the entry names; unset ones are missing from the answer."""
    return {credential: environ[variable] for credential, variable in names.items() if environ.get(variable)}
