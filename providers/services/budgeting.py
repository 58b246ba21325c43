"""Tokens for the requests of one job to one provider: the `Toll` that counts for all workers.

Tokens are taken from the provider's row in blocks: for all who wait, and for as many as went out within the last block's life, so
that a fast vendor costs few transactions and a slow one few tokens. What is not used goes back with the next block, or at the end.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from marketdata_site.observability.clock import now_us
from providers.adapter import RateNews
from providers.budget import (
    BLOCK_LIFE,
    Allowance,
    Budget,
    Grant,
    give_back,
    most_at_once,
    succeeded,
    take,
    throttled,
    told,
    unanswered,
)
from providers.dbthread import DatabaseThread
from providers.errors import OverBudget, PermanentError, ProviderError, Throttled, UnsupportedRequest
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros
from providers.services.budget_rows import RowIsHeld, change_budget, room_of, times_for

__all__ = ["Purse", "room_of", "times_for"]

logger = logging.getLogger(__name__)
_LIFE_S = BLOCK_LIFE / SECOND_US
_POLL_S = 1.0
"""Waiting looks again so often: somebody may have given tokens back, or been let in again by the vendor."""
_SHORTEST_WAIT_S = 0.01
_MOST_AHEAD = 100
"""Tokens of a block beyond those that somebody waits for: what a killed process costs at most."""
_Change = Callable[[Budget, Micros], Budget]


@dataclass(slots=True)
class _Block:
    """Tokens in hand, void after `until` (monotonic)."""

    count: int
    granted_at: Micros
    until: float


class Purse:
    """One job's tokens at one provider, for one event loop; use it with `async with`, so that what is left goes back.

    `admit` waits for at most `patience_s` for each request.
    """

    def __init__(
        self,
        *,
        provider_id: int,
        provider: str,
        allowance: Allowance,
        lane: Lane,
        database: DatabaseThread,
        patience_s: float,
    ) -> None:
        self._provider_id, self._provider = provider_id, provider
        self._allowance, self._lane = allowance, lane
        self._database, self._patience_s = database, patience_s
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._block: _Block | None = None
        self._gone: deque[tuple[float, int]] = deque()
        self._news: tuple[int, Micros] | None = None
        self._is_empty_until = 0.0
        self._is_probe = False

    @property
    def most_at_once(self) -> int:
        """What one request may cost at most, see `providers.adapter.symbols_for`; one that costs more is refused for good."""
        return most_at_once(self._allowance, lane=self._lane)

    async def admit(self, cost: int) -> None:
        """Wait until a request of this cost may go out: now, not later.

        Raises: OverBudget when no tokens come in time; UnsupportedRequest for a cost that no waiting can pay.
        """
        if cost > self.most_at_once:
            raise UnsupportedRequest(
                f"{self._provider}: a request costs {cost}, {self._lane} work can get {self.most_at_once} at once"
            )
        give_up_at = time.monotonic() + self._patience_s
        self._waiting += cost
        try:
            async with self._turn:  # whoever came first gets tokens first, and takes some for those behind
                while not self._has(cost):
                    grant = await self._refill(cost)
                    if not self._has(cost):
                        await self._wait(grant, give_up_at)
                self._spend(cost)
        finally:
            self._waiting -= cost

    async def settle(self, *, news: RateNews | None, error: ProviderError | None) -> None:
        """Hear what came of a request. What all workers have to know is written at once, the rest with the next block."""
        if news is not None:
            self._hear(news)
        if isinstance(error, Throttled):
            await self._write(partial(_refused, retry_after_s=error.retry_after))
        elif self._is_probe:
            self._is_probe = False
            is_let_in = error is None or isinstance(error, PermanentError)
            await self._write(partial(_probed, is_let_in=is_let_in))
        elif news is not None and news.left == 0 and time.monotonic() >= self._is_empty_until:
            self._is_empty_until = time.monotonic() + news.resets_in_s
            await self._write()

    async def close(self) -> None:
        """Give back what was not used; harmless when there is nothing."""
        if self._block is not None or self._news is not None:
            await self._write()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _has(self, cost: int) -> bool:
        block = self._block
        return cost <= 0 or (block is not None and block.count >= cost and time.monotonic() < block.until)

    def _spend(self, cost: int) -> None:
        if self._block is not None:
            self._block.count -= cost
        self._gone.append((time.monotonic(), cost))

    def _ahead(self) -> int:
        """What went out within a block's life up to now, as a guess of what will."""
        since = time.monotonic() - _LIFE_S
        while self._gone and self._gone[0][0] < since:
            self._gone.popleft()
        return min(_MOST_AHEAD, sum(cost for _, cost in self._gone))

    def _hear(self, news: RateNews) -> None:
        left, reset_at = news.left, now_us() + round(news.resets_in_s * SECOND_US)
        if self._news is not None and abs(self._news[1] - reset_at) <= 2 * SECOND_US:
            left = min(left, self._news[0])
        self._news = left, reset_at

    def _unwritten(self) -> list[_Change]:
        """What the row has to learn from us, handed over: what is left of the block, and what the vendor said."""
        block, self._block = self._block, None
        news, self._news = self._news, None
        changes: list[_Change] = []
        if block is not None and block.count:
            changes.append(
                lambda b, now: give_back(b, count=block.count, lane=self._lane, granted_at=block.granted_at, now=now)
            )
        if news is not None:
            changes.append(lambda b, now: told(b, left=news[0], reset_at=news[1], now=now))
        return changes

    async def _write(self, *more: _Change) -> None:
        changes = [*self._unwritten(), *more]

        def change(budget: Budget, now: Micros) -> tuple[Budget, None]:
            for each in changes:
                budget = each(budget, now)
            return budget, None

        try:
            await self._database.run(lambda: change_budget(self._provider_id, self._allowance, change))
        except RowIsHeld as held:  # unreturned tokens count as used, and what the vendor said it will say to others too
            facts = {"action": "budget_report_lost", "provider": self._provider}
            logger.warning("%s's budget could not be told what came of requests: %s", self._provider, held, extra=facts)

    async def _refill(self, least: int) -> Grant:
        """The next block, or why there is none."""
        changes, wanted = self._unwritten(), max(self._waiting, self._ahead())

        def change(before: Budget, now: Micros) -> tuple[Budget, tuple[Grant, float]]:
            budget, granted = before, time.monotonic()
            for each in changes:
                budget = each(budget, now)
            budget, grant = take(budget, self._allowance, wanted=wanted, lane=self._lane, now=now, least=least)
            is_news = changes or grant.count or budget.last < before.last  # the last: a clock was set back
            return (budget if is_news else before), (grant, granted)

        try:
            grant, granted = await self._database.run(lambda: change_budget(self._provider_id, self._allowance, change))
        except RowIsHeld as error:
            return Grant(0, now_us(), retry_at=now_us(), reason=str(error))
        if grant.count:
            self._block = _Block(grant.count, grant.granted_at, granted + _LIFE_S)
            self._is_probe = grant.is_probe
        return grant

    async def _wait(self, grant: Grant, give_up_at: float) -> None:
        """Until tokens are expected, at most until the next look. Raises: OverBudget when they are expected too late."""
        expected_s = None if grant.retry_at is None else max(_SHORTEST_WAIT_S, (grant.retry_at - now_us()) / SECOND_US)
        if expected_s is None or time.monotonic() + expected_s > give_up_at:
            reason = grant.reason or "tokens came too late to be used"
            raise OverBudget(f"{self._provider}: {reason}", retry_after=expected_s)
        await asyncio.sleep(min(expected_s, _POLL_S))


def _refused(budget: Budget, now: Micros, *, retry_after_s: float | None) -> Budget:
    return throttled(budget, now=now, retry_after_s=retry_after_s)


def _probed(budget: Budget, now: Micros, *, is_let_in: bool) -> Budget:
    return succeeded(budget, now=now) if is_let_in else unanswered(budget, now=now)
