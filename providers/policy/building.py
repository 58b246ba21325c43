"""A candidate from rows and overrides. What can't be read is a fault of the draft, not an exception: all faults are shown at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from providers.policy.overrides import (
    BREAKER_PREFIX,
    DEMOTE_VARIABLE,
    PROMOTE_VARIABLE,
    Override,
    Overrides,
    subject,
    threshold,
)
from providers.policy.snapshot import DEMOTE, PROMOTE, PolicyEntry, ProviderEntry, Snapshot

ROW = "routing policy row"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a reload would make of the present rows and variables. `faults`: what could not be read into it."""

    snapshot: Snapshot
    faults: tuple[str, ...] = ()


def row_entry(*, capability: str, tier: str, providers: Iterable[str]) -> PolicyEntry:
    """The entry of a routing policy's row."""
    name = f"the routing policy of {capability} for {f'tier {tier}' if tier else 'all tiers'}"
    return PolicyEntry(capability, tier, tuple(providers), source=ROW, name=name)


def build(*, providers: Iterable[ProviderEntry], policies: Iterable[PolicyEntry], overrides: Overrides) -> Draft:
    """Rows with the overrides put over them: an overridden row counts for nothing, not even for its faults."""
    entries = {(entry.capability, entry.tier): entry for entry in policies}
    thresholds = {DEMOTE_VARIABLE: DEMOTE, PROMOTE_VARIABLE: PROMOTE}
    sources: dict[str, str] = {}
    faults = list(overrides.faults)
    for override in overrides.variables.values():
        try:
            if override.variable.startswith(BREAKER_PREFIX):
                thresholds[_known(override, thresholds)] = threshold(override)
                sources[_KEYS[override.variable]] = override.source
            else:
                entry = _entry(override)
                entries[entry.capability, entry.tier] = entry
        except ValueError as error:
            faults.append(str(error))
    snapshot = Snapshot(
        providers={entry.name: entry for entry in providers},
        policies=tuple(entries[key] for key in sorted(entries)),
        demote=thresholds[DEMOTE_VARIABLE],
        promote=thresholds[PROMOTE_VARIABLE],
        sources=sources,
    )
    return Draft(snapshot, tuple(faults))


_KEYS = {DEMOTE_VARIABLE: "demote", PROMOTE_VARIABLE: "promote"}


def _known(override: Override, thresholds: dict[str, float]) -> str:
    if override.variable not in thresholds:
        raise ValueError(f"unknown variable {override.variable}: expected {DEMOTE_VARIABLE} or {PROMOTE_VARIABLE}")
    return override.variable


def _entry(override: Override) -> PolicyEntry:
    capability, tier = subject(override.variable)
    names = tuple(name.strip() for name in override.text.split(",")) if override.text.strip(" ,") else ()
    return PolicyEntry(capability, tier, names, source=override.source, name=override.variable)
