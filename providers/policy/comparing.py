"""What a version changes of another one, value by value, each with where it comes from."""

from dataclasses import asdict, dataclass
from typing import Any

from providers.policy.snapshot import DEFAULT, Snapshot, canonical


@dataclass(frozen=True, slots=True)
class Change:
    """One value. `before` is None for what is new, `after` for what is gone; `source` is where the new value (or its absence) comes from."""

    what: str
    before: Any
    after: Any
    source: str

    @property
    def before_text(self) -> str:
        """As people read it."""
        return _shown(self.before)

    @property
    def after_text(self) -> str:
        """As people read it."""
        return _shown(self.after)

    def __str__(self) -> str:
        return f"{self.what}: {self.before_text} → {self.after_text}   [{self.source}]"


def diff(old: Snapshot, new: Snapshot) -> list[Change]:
    """Empty exactly when both have the same checksum. A value that only comes from elsewhere now is no change."""
    before, after = flat(old), flat(new)
    return [
        Change(what, before.get(what, _NONE)[0], after.get(what, _NONE)[0], _source(before.get(what), after.get(what)))
        for what in sorted(before.keys() | after.keys())
        if canonical(before.get(what, _NONE)[0]) != canonical(after.get(what, _NONE)[0])  # True is not 1 here
    ]


def flat(snapshot: Snapshot) -> dict[str, tuple[Any, str]]:
    """Every value that is set, by a name that people understand, with its source. What is unset has no entry."""
    values: dict[str, tuple[Any, str]] = {
        "demote threshold": (snapshot.demote, snapshot.sources.get("demote", DEFAULT)),
        "promote threshold": (snapshot.promote, snapshot.sources.get("promote", DEFAULT)),
    }
    for entry in snapshot.policies:
        values[f"policy {entry.about}"] = (list(entry.providers), entry.source)
    for provider in snapshot.providers.values():
        for name, value in asdict(provider).items():
            if name != "name" and value is not None:
                values[f"provider {provider.name}: {name}"] = (value, provider.source)
    return values


_NONE: tuple[Any, str] = (None, "")


def _source(before: tuple[Any, str] | None, after: tuple[Any, str] | None) -> str:
    if after is not None:
        return after[1]
    return f"no longer in {before[1]}" if before is not None else ""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return ", ".join(value) or "nobody"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {part}" for name, part in sorted(value.items())) or "none"
    return "empty" if value == "" else str(value)
