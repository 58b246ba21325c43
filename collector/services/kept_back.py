"""Providers that our own breaker, budget or isolation keeps from being asked: how many requests that spares them is counted.

So an ill provider stays visible while nothing is sent to it. One whose turn never comes, because those before it settle everything, is
kept from nothing and does not count.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from providers import metrics
from providers.market.types import Capability
from providers.selectors import Candidate

CODES = frozenset({"circuit_open", "over_budget", "isolated"})
"""Who is switched off, in maintenance or asked for what it has not is kept back by its own nature or by an operator, not by us."""


@dataclass(slots=True)
class KeptBack:
    """Of one job. `takes`: whether a provider can be asked for a symbol at all; `size`: symbols that one call of it names."""

    capability: Capability
    takes: Callable[[str, Candidate], bool]
    size: Callable[[Candidate], int]
    _waiting: list[tuple[Candidate, str]] = field(default_factory=list)

    def add(self, candidate: Candidate, code: str) -> None:
        """This one is not asked; `code` says why."""
        if code in CODES:
            self._waiting.append((candidate, code))

    def turn_of(self, asked: Candidate, wanted: Collection[str]) -> None:
        """This one is asked for all that is wanted now, and those before it would have been."""
        passed = [one for one in self._waiting if one[0].rank < asked.rank]
        self._waiting = [one for one in self._waiting if one[0].rank > asked.rank]
        for candidate, code in passed:
            self._count(candidate, code, wanted)

    def count_all(self, wanted: Collection[str]) -> None:
        """Nobody is left to be asked, or nothing to ask for."""
        for candidate, code in self._waiting:
            self._count(candidate, code, wanted)
        self._waiting = []

    def _count(self, candidate: Candidate, code: str, wanted: Collection[str]) -> None:
        symbols = sum(self.takes(name, candidate) for name in wanted)
        if symbols:
            requests = -(-symbols // self.size(candidate))
            metrics.refused(capability=self.capability, provider=candidate.name, code=code, requests=requests)
