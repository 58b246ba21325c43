"""What a check found, as plain data. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is; later ones are worse."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not for ever or not as it should."""
    ERROR = "error"
    """Something does not work now."""

    @property
    def rank(self) -> int:
        """0, 1 or 2: also the exit status of `doctor`."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence that anybody may read: no secret, no address, no path. `detail` is for the operator only, `advice` says how to mend it."""

    severity: Severity
    found: str
    advice: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found, and how long it looked."""

    name: str
    finding: Finding
    ms: int


def fine(found: str, *, detail: str = "") -> Finding:
    """All is well."""
    return Finding(Severity.OK, found, detail=detail)


def warning(found: str, *, advice: str, detail: str = "") -> Finding:
    """Something to see to."""
    return Finding(Severity.WARNING, found, advice, detail)


def error(found: str, *, advice: str, detail: str = "") -> Finding:
    """Something that does not work."""
    return Finding(Severity.ERROR, found, advice, detail)


def worst(findings: list[Finding]) -> Severity:
    """That of the worst one; of none it is `ok`."""
    return max((finding.severity for finding in findings), key=lambda severity: severity.rank, default=Severity.OK)
