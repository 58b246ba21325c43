"""Variables that override rows: which there are, what they mean, and what is wrong with one. Reading them is `providers.overrides`' work."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from providers.market.types import Capability

POLICY_PREFIX, BREAKER_PREFIX = "POLICY_", "BREAKER_"
DEMOTE_VARIABLE, PROMOTE_VARIABLE = "BREAKER_DEMOTE_THRESHOLD", "BREAKER_PROMOTE_THRESHOLD"
ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Override:
    """A variable that is set. `place` is `environment` or `file <name>`."""

    variable: str
    text: str
    place: str

    @property
    def source(self) -> str:
        """As a difference names it."""
        return f"{self.variable} ({self.place})"


@dataclass(frozen=True, slots=True)
class Overrides:
    """Variables by name, the process environment before the file; and why the file could not be read whole."""

    variables: Mapping[str, Override]
    faults: tuple[str, ...] = ()


def is_ours(variable: str) -> bool:
    """Whether a variable claims to be an override. One that only looks like it is a fault: it would silently do nothing."""
    return variable.startswith((POLICY_PREFIX, BREAKER_PREFIX))


def subject(variable: str) -> tuple[str, str]:
    """Capability and tier (empty: all) of a `POLICY_…` variable. Raises: ValueError that names it and what there is."""
    rest = variable.removeprefix(POLICY_PREFIX)
    for capability in Capability:
        name = capability.value.upper()
        if rest == name or (rest.startswith(f"{name}_") and rest != f"{name}_"):
            return capability.value, rest[len(name) + 1 :]
    known = ", ".join(POLICY_PREFIX + capability.value.upper() for capability in Capability)
    raise ValueError(f"unknown variable {variable}: expected one of {known}, for one tier with _ and its code behind")


def threshold(override: Override) -> float:
    """A threshold's number. Raises: ValueError that names the variable."""
    try:
        number = float(override.text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{override.variable} must be a number, got {override.text!r}")
    return number
