"""Asking one provider for bars of many symbols: chunks of what one call takes, a bounded number at once, one merged answer.

Which provider comes next for what this one did not answer is the caller's loop (`collector.services.collecting`): it alone knows
whether an answer is credible.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from providers.accounts import symbols_per_call
from providers.asking import BarAnswer, fetch_bars
from providers.errors import AuthFailed, LocalFault, NotEntitled, ProviderError, Throttled, UnknownSymbol
from providers.http import VendorHttp
from providers.market.types import BarBatch, BarQuery, Micros
from providers.selectors import Candidate

MAX_CONCURRENT_CALLS = 8
_STOPS_THE_PROVIDER = (AuthFailed, NotEntitled, Throttled, LocalFault)
"""After one of these the other chunks of the job would only get the same."""


@dataclass(frozen=True, slots=True, eq=False)
class ProviderAnswer:
    """What one provider said, in our symbols.

    `answered`: symbols that a complete answer covered, with bars or without. `failed`: the error of each of the others.
    `asked_at` is the earliest and `received_at` the latest of its calls, `vendor_time` the earliest `Date` header seen.
    """

    candidate: Candidate
    batch: BarBatch
    answered: frozenset[str]
    failed: Mapping[str, ProviderError]
    asked_at: Micros
    received_at: Micros
    vendor_time: Micros | None
    is_delayed: bool
    calls: int


async def ask_provider(
    candidate: Candidate, *, query: BarQuery, vendor_symbols: Mapping[str, str], http: VendorHttp, asked_at: Micros
) -> ProviderAnswer:
    """Ask for all of `vendor_symbols` (ours → theirs) in `query`'s window; `query.symbols` is ignored. Never raises ProviderError."""
    ours = {theirs: symbol for symbol, theirs in vendor_symbols.items()}
    size = symbols_per_call(candidate.adapter, candidate.account)
    theirs = list(vendor_symbols.values())
    chunks = [tuple(theirs[i : i + size]) for i in range(0, len(theirs), size)]
    chunk_asker = _ChunkAsker(candidate, query, http)
    await asyncio.gather(*(chunk_asker.ask(chunk) for chunk in chunks))
    answers = chunk_asker.answers
    merged = BarBatch.concat([answer.batch for answer in answers])
    return ProviderAnswer(
        candidate=candidate,
        batch=_in_our_symbols(merged, ours),
        answered=frozenset(ours[s] for s in chunk_asker.answered),
        failed={ours[s]: error for s, error in chunk_asker.failed.items()},
        asked_at=min((a.asked_at for a in answers), default=asked_at),
        received_at=max((a.received_at for a in answers), default=asked_at),
        vendor_time=min((a.vendor_time for a in answers if a.vendor_time is not None), default=None),
        is_delayed=any(a.is_delayed for a in answers),
        calls=chunk_asker.calls,
    )


def _in_our_symbols(batch: BarBatch, ours: Mapping[str, str]) -> BarBatch:
    return replace(
        batch,
        symbols=tuple(ours[symbol] for symbol in batch.symbols),
        malformed=tuple(replace(row, symbol=ours.get(row.symbol, row.symbol)) for row in batch.malformed),
    )


class _ChunkAsker:
    """The calls of one job to one provider, and what came of them."""

    def __init__(self, candidate: Candidate, query: BarQuery, http: VendorHttp) -> None:
        self.candidate, self.query, self.http = candidate, query, http
        self.slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self.answers: list[BarAnswer] = []
        self.answered: set[str] = set()
        self.failed: dict[str, ProviderError] = {}
        self.calls = 0
        self.stop: ProviderError | None = None

    async def ask(self, symbols: tuple[str, ...]) -> None:
        """One answer for one chunk: every symbol of it ends up answered or failed."""
        async with self.slots:
            if self.stop is not None:
                self._fail(symbols, self.stop)
                return
            try:
                answer = await self._fetch(symbols)
            except ProviderError as error:
                if isinstance(error, _STOPS_THE_PROVIDER):
                    self.stop = error
                self.calls += 1
                self._fail(symbols, error)
                return
        unknown = UnknownSymbol(f"{self.candidate.name} does not know the symbol", symbols=answer.unknown_symbols)
        self._fail(answer.unknown_symbols, unknown)
        self.calls += answer.calls
        self.answered.update(s for s in symbols if s not in answer.unknown_symbols)
        self.answers.append(answer)

    async def _fetch(self, symbols: tuple[str, ...]) -> BarAnswer:
        candidate = self.candidate
        query = replace(self.query, symbols=symbols)
        return await fetch_bars(candidate.adapter, candidate.account, query, http=self.http, deadline_s=candidate.deadline_s)

    def _fail(self, symbols: Sequence[str], error: ProviderError) -> None:
        self.failed.update(dict.fromkeys(symbols, error))
