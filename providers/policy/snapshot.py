"""One version of who is asked in which order, whole and immutable, and its form as JSON."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

DEMOTE, PROMOTE = 0.70, 0.85
"""The thresholds where no variable sets them."""
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """A provider's row as it was when the version was made. `credentials` holds names of variables, never a secret."""

    id: int
    name: str
    adapter: str
    is_enabled: bool = True
    base_url: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    rate_per_minute: int = 300
    rate_per_day: int | None = None
    live_reserve_percent: int = 50
    feed_scope: str = "consolidated"
    adjustment: str = "raw"
    overlap_seconds: int = 900
    settle_after_seconds: int = 90
    timeout_seconds: int = 20
    slow_after_ms: int = 5_000

    @property
    def source(self) -> str:
        """Where its values come from, as differences and messages name it."""
        return f"provider row {self.name}"


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """Provider names for one capability, first asked first. `tier` is empty for all tiers without an entry of their own."""

    capability: str
    tier: str
    providers: tuple[str, ...]
    source: str
    """`POLICY_BARS_1M (environment)`, `POLICY_BARS_1M (file .env)` or `routing policy row`."""
    name: str
    """How a message calls it: the variable, or the row."""

    @property
    def about(self) -> str:
        """What it is the order of."""
        return f"{self.capability} for {f'tier {self.tier}' if self.tier else 'all tiers'}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a task reads for its whole run. `number` is None before it is stored, and where no version is active."""

    number: int | None = None
    providers: Mapping[str, ProviderEntry] = field(default_factory=dict)
    policies: tuple[PolicyEntry, ...] = ()
    demote: float = DEMOTE
    promote: float = PROMOTE
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where the thresholds come from: `demote` and `promote` → a variable and its place; absent: the default."""

    def order(self, capability: str, tier: str) -> tuple[str, ...]:
        """Provider names by the tier's own policy, else by the one for all tiers; empty where there is none."""
        found = {entry.tier: entry.providers for entry in self.policies if entry.capability == capability}
        return found.get(tier) or found.get("") or ()


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """Everything but the number, which is the key of the row."""
    return {
        "providers": [asdict(snapshot.providers[name]) for name in sorted(snapshot.providers)],
        "policies": [
            {**asdict(entry), "providers": list(entry.providers)}
            for entry in sorted(snapshot.policies, key=lambda e: (e.capability, e.tier))
        ],
        "demote": snapshot.demote,
        "promote": snapshot.promote,
        "sources": dict(snapshot.sources),
    }


def from_json(content: Mapping[str, Any], *, number: int | None) -> Snapshot:
    """A stored version. A field that this code does not know is left out, one that was not stored yet has its default."""
    entries = (ProviderEntry(**_known(ProviderEntry, row)) for row in content["providers"])
    policies = ({**_known(PolicyEntry, row), "providers": tuple(row["providers"])} for row in content["policies"])
    return Snapshot(
        number=number,
        providers={entry.name: entry for entry in entries},
        policies=tuple(PolicyEntry(**row) for row in policies),
        demote=float(content["demote"]),
        promote=float(content["promote"]),
        sources=content["sources"],
    )


def checksum(snapshot: Snapshot) -> str:
    """SHA-256 of the values. Where a value comes from and under which number it is stored makes no difference."""
    content = to_json(snapshot)
    del content["sources"]
    for entry in content["policies"]:
        del entry["source"], entry["name"]
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def canonical(value: Any) -> str:
    """One text for one JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _known(kind: type[ProviderEntry] | type[PolicyEntry], row: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: row[f.name] for f in fields(kind) if f.name in row}
