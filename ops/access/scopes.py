"""What a caller may: three scopes, each of which includes the one before, and the one table that says what an address asks for. Pure."""

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """How far a caller gets."""

    READ = "read"
    """Data, the feed, counters."""
    OPS = "ops"
    """Everything under /ops but what `admin` is for."""
    ADMIN = "admin"
    """What decides who is asked: the configuration that runs."""

    def includes(self, other: "Scope") -> bool:
        """True where whoever has this scope may what `other` allows."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class _Any:
    def __contains__(self, _: object) -> bool:
        return True


SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_ANY = _Any()


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests by one of `methods` to `path` or below it need `scope`; None: they are open to all."""

    methods: Container[str]
    path: str
    scope: Scope | None


RULES = (
    Rule(SAFE, "/health", None),  # /health/ready too: what asks for it has no key
    Rule(SAFE, "/ops", Scope.OPS),
    Rule(_ANY, "/ops/config", Scope.ADMIN),
    Rule(_ANY, "/ops", Scope.OPS),
    # bars, quotes, coverage, providers, /metrics, /ws/feed and all of its ops, the live page, /docs
    Rule(SAFE, "/", Scope.READ),
    # nobody thought of it: rather closed than open
    Rule(_ANY, "/", Scope.ADMIN),
)
"""The first that fits counts. docs/api.md shows the table to callers; a test holds every endpoint to it."""


def scope_of(*, method: str, path: str) -> Scope | None:
    """The scope that a request needs, None when it is open to all."""
    return next(rule.scope for rule in RULES if method in rule.methods and _is_below(path, rule.path))


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
