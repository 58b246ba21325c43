"""Who is at the other end of a connection, and how much it may ask of us. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

IDENTITY = "identity"
"""Where in the scope of a connection whoever lets it in says whose it is."""


def identity_of(scope: Mapping[str, Any]) -> str:
    """Whom a connection counts for: its API key, else the address of its peer, which behind a proxy that says so is the client's."""
    return str(scope.get(IDENTITY) or (scope.get("client") or ["unknown"])[0])


class Peers:
    """How many connections each client has."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._connections: Counter[str] = Counter()

    @contextmanager
    def entered(self, identity: str) -> Iterator[bool]:
        """Count a connection while it lasts; True when it is one too many."""
        self._connections[identity] += 1
        try:
            yield self._connections[identity] > self._most
        finally:
            self._connections[identity] -= 1
            if not self._connections[identity]:
                del self._connections[identity]


class FrameRate:
    """A token bucket of one connection's frames."""

    __slots__ = ("_at", "_burst", "_left", "_per_s")

    def __init__(self, *, per_s: float, burst: int) -> None:
        self._per_s, self._burst = per_s, burst
        self._left: float = burst
        self._at: float | None = None

    def allows(self, *, now: float) -> bool:
        """Take one frame's token; False when there is none. `now`: seconds of any clock that does not run backwards."""
        if self._at is not None:
            self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
