"""Rate limits: in any 60 seconds at most so many requests of one vendor, all callers together."""

from collections import deque

from providers.market.types import MINUTE_US, Micros
from providers.simulator.wire.base import LimitState


class RateLimit:
    """A sliding window. `limit` is None for no limit."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._taken: deque[Micros] = deque()

    def take(self, now: Micros) -> tuple[bool, LimitState | None]:
        """Count a request if it fits. Returns whether it does, and what the vendor may tell of its limit."""
        if self.limit is None:
            return True, None
        while self._taken and self._taken[0] <= now - MINUTE_US:
            self._taken.popleft()
        fits = len(self._taken) < self.limit
        if fits:
            self._taken.append(now)
        reset_at = self._taken[0] + MINUTE_US if self._taken else now + MINUTE_US
        return fits, LimitState(limit=self.limit, remaining=max(self.limit - len(self._taken), 0), reset_at=reset_at)
