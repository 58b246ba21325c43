"""The calls of one job to one provider, for bars or quotes: chunks of what one call takes, as many at once as the watch allows."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias

from marketdata_site.observability.clock import now_us
from providers.asking import Answer
from providers.errors import CircuitOpen, OverBudget, ProviderError, UnknownSymbol, UnsupportedRequest, VendorTimeout
from providers.paging import Batch
from providers.selectors import Candidate
from providers.watch import Watch

Fetch: TypeAlias = Callable[[tuple[str, ...], float], Awaitable[Answer[Batch]]]
"""One answer for vendor symbols, within so many seconds."""
News: TypeAlias = Callable[[tuple[str, ...], Answer[Batch]], tuple[int, int]]
"""Of these symbols: how many always have something new by now, and how many of those had it."""


class ChunkAsker(Generic[Batch]):
    """Every symbol that it is given ends up answered or failed. `unsent`: calls that our own breaker or budget kept back, by code."""

    def __init__(
        self, candidate: Candidate, *, fetch: Fetch[Batch], news: News[Batch], watch: Watch, deadline_s: float
    ) -> None:
        self.candidate, self.watch = candidate, watch
        self.fetch: Fetch[Batch] = fetch
        self.news: News[Batch] = news
        self.until = time.monotonic() + deadline_s
        self.answers: list[Answer[Batch]] = []
        self.answered: set[str] = set()
        self.failed: dict[str, ProviderError] = {}
        self.calls = 0
        self.unsent: Counter[str] = Counter()

    async def ask_all(self, symbols: Sequence[str], *, size: int) -> None:
        """Ask for all of the vendor's symbols, `size` a call, until the watch has seen enough or the time is up."""
        waiting = deque(tuple(symbols[i : i + size]) for i in range(0, len(symbols), size))
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while waiting and self._goes_on():
                while waiting and self.watch.stopped is None and self.watch.may_start(len(running)):
                    running.add(group.create_task(self._ask(waiting.popleft())))
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for chunk in waiting:
            assert self.watch.stopped is not None
            self._keep_back(self.watch.stopped)
            self._fail(chunk, self.watch.stopped)

    def _goes_on(self) -> bool:
        if self.watch.stopped is None and time.monotonic() >= self.until:
            self.watch.out_of_time()
        return self.watch.stopped is None

    async def _ask(self, symbols: tuple[str, ...]) -> None:
        at, begun = now_us(), time.monotonic()
        left, usual = self.until - begun, self.watch.call_deadline_s(self.candidate.deadline_s)
        try:
            answer = await self.fetch(symbols, min(usual, left))
        except ProviderError as error:
            if isinstance(error, VendorTimeout) and left < usual:  # our time was up, not the vendor's
                self.watch.out_of_time()
                self._fail(symbols, error)
            else:
                self._heard_no(error, symbols, at=at, elapsed_s=time.monotonic() - begun)
            return
        known = tuple(symbol for symbol in symbols if symbol not in answer.unknown_symbols)
        due, fresh = self.news(known, answer)
        self.watch.went_well(at=at, elapsed_s=answer.elapsed_s, symbols=len(known), due=due, fresh=fresh, now=now_us())
        unknown = UnknownSymbol(f"{self.candidate.name} does not know the symbol", symbols=answer.unknown_symbols)
        self._fail(answer.unknown_symbols, unknown)
        self.calls += answer.calls
        self.answered.update(known)
        self.answers.append(answer)

    def _heard_no(self, error: ProviderError, symbols: tuple[str, ...], *, at: int, elapsed_s: float) -> None:
        self.watch.failed(error, at=at, elapsed_s=elapsed_s, symbols=len(symbols), now=now_us())
        self._keep_back(error)
        self._fail(symbols, error)
        if not isinstance(error, UnsupportedRequest | OverBudget):  # those were refused before they were sent
            self.calls += 1

    def _keep_back(self, error: ProviderError) -> None:
        if isinstance(error, CircuitOpen | OverBudget):
            self.unsent[error.code] += 1

    def _fail(self, symbols: Sequence[str], error: ProviderError) -> None:
        self.failed.update(dict.fromkeys(symbols, error))
