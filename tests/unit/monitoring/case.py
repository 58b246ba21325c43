"""One story that an alert is told: which samples there are, and whether it fires at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a case is about. Every alert has one of each of the first three; one that reads counters has the fourth."""

    QUIET = "quiet"
    FIRES = "fires"
    MISSING = "missing"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it is to be sent: labels beyond `severity`, and the sentence."""

    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """`series`: samples in promtool's notation, one each `step`.

    `1x4` is five times 1, `0+2x3` is 0 2 4 6, `_` a sample that is missing, `stale` a scrape that failed.
    """

    kind: Kind
    what: str
    series: Mapping[str, str]
    at: str
    alerts: tuple[Alert, ...] = ()
    step: str = "30s"


def quiet(what: str, series: Mapping[str, str], *, at: str, kind: Kind = Kind.QUIET, step: str = "30s") -> Case:
    """Nothing is sent."""
    return Case(kind, what, series, at, step=step)


def fires(what: str, series: Mapping[str, str], *alerts: Alert, at: str, kind: Kind = Kind.FIRES, step: str = "30s") -> Case:
    """These are sent. Values lie less than twice over the threshold: the tests of the tests double it."""
    assert alerts
    return Case(kind, what, series, at, alerts, step=step)
