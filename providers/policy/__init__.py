"""Which providers are asked for what, in which order: versions as plain values. Pure; storing and activating them is `providers.services`' work."""

from providers.policy.building import Draft, build
from providers.policy.checking import validate
from providers.policy.comparing import Change, diff
from providers.policy.overrides import Override, Overrides
from providers.policy.snapshot import PolicyEntry, ProviderEntry, Snapshot, checksum, from_json, to_json

__all__ = [
    "Change",
    "Draft",
    "Override",
    "Overrides",
    "PolicyEntry",
    "ProviderEntry",
    "Snapshot",
    "build",
    "checksum",
    "diff",
    "from_json",
    "to_json",
    "validate",
]
