"""Asking one provider for bars of many symbols: chunks of what one call takes, a bounded number at once, one merged answer.

Which provider comes next for what this one did not answer is the caller's loop (`collector.services.collecting`): it alone knows
whether an answer is credible.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from providers.accounts import symbols_per_call
from providers.asking import BarAnswer, fetch_bars
from providers.errors import (
    AuthFailed,
    LocalFault,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    VendorFault,
    VendorTimeout,
)
from providers.http import VendorHttp
from providers.market.types import BarBatch, BarQuery, Micros
from providers.selectors import Candidate

MAX_CONCURRENT_CALLS = 8
MOST_FAILURES_IN_A_ROW = 2 * MAX_CONCURRENT_CALLS
"""A vendor that breaks or times out this often without one answer between is not asked for the rest of the job."""
DEADLINE_S = 300.0
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
    candidate: Candidate,
    *,
    query: BarQuery,
    vendor_symbols: Mapping[str, str],
    http: VendorHttp,
    asked_at: Micros,
    deadline_s: float = DEADLINE_S,
) -> ProviderAnswer:
    """Ask for all of `vendor_symbols` (ours → theirs) in `query`'s window; `query.symbols` is ignored.

    Ends within `deadline_s`: what was not asked by then has failed. Two of our symbols may share one of theirs. Never raises ProviderError.
    """
    ours: dict[str, list[str]] = {}
    for symbol, spelled in vendor_symbols.items():
        ours.setdefault(spelled, []).append(symbol)
    size = symbols_per_call(candidate.adapter, candidate.account)
    theirs = list(ours)
    asker = _ChunkAsker(candidate, query, http, deadline_s)
    await asyncio.gather(*(asker.ask(tuple(theirs[i : i + size])) for i in range(0, len(theirs), size)))
    answers = asker.answers
    return ProviderAnswer(
        candidate=candidate,
        batch=_in_our_symbols(BarBatch.concat([answer.batch for answer in answers]), ours),
        answered=frozenset(symbol for spelled in asker.answered for symbol in ours[spelled]),
        failed={symbol: error for spelled, error in asker.failed.items() for symbol in ours[spelled]},
        asked_at=min((a.asked_at for a in answers), default=asked_at),
        received_at=max((a.received_at for a in answers), default=asked_at),
        vendor_time=min((a.vendor_time for a in answers if a.vendor_time is not None), default=None),
        is_delayed=any(a.is_delayed for a in answers),
        calls=asker.calls,
    )


def _in_our_symbols(batch: BarBatch, ours: Mapping[str, Sequence[str]]) -> BarBatch:
    named = replace(
        batch,
        symbols=tuple(ours[symbol][0] for symbol in batch.symbols),
        malformed=tuple(replace(row, symbol=name) for row in batch.malformed for name in ours.get(row.symbol, [row.symbol])),
    )
    shared = [_relabelled(batch, index, name) for index, symbol in enumerate(batch.symbols) for name in ours[symbol][1:]]
    return BarBatch.concat([named, *shared])


def _relabelled(batch: BarBatch, index: int, name: str) -> BarBatch:
    rows = batch.where(batch.symbol_index == index)
    return replace(rows, symbols=(name,), symbol_index=np.zeros(len(rows), dtype=np.int32), malformed=())


class _ChunkAsker:
    """The calls of one job to one provider, and what came of them."""

    def __init__(self, candidate: Candidate, query: BarQuery, http: VendorHttp, deadline_s: float) -> None:
        self.candidate, self.query, self.http = candidate, query, http
        self.until = time.monotonic() + deadline_s
        self.slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self.answers: list[BarAnswer] = []
        self.answered: set[str] = set()
        self.failed: dict[str, ProviderError] = {}
        self.calls = 0
        self.failures_in_a_row = 0
        self.stop: ProviderError | None = None

    async def ask(self, symbols: tuple[str, ...]) -> None:
        """One answer for one chunk: every symbol of it ends up answered or failed."""
        async with self.slots:
            left = self.until - time.monotonic()
            if self.stop is None and left <= 0:
                self.stop = VendorTimeout(f"{self.candidate.name}: the job's time was up before these symbols were asked for")
            if self.stop is not None:
                self._fail(symbols, self.stop)
                return
            try:
                answer = await self._fetch(symbols, left)
            except ProviderError as error:
                self._count_failure(error)
                self._fail(symbols, error)
                return
        self.failures_in_a_row = 0
        unknown = UnknownSymbol(f"{self.candidate.name} does not know the symbol", symbols=answer.unknown_symbols)
        self._fail(answer.unknown_symbols, unknown)
        self.calls += answer.calls
        self.answered.update(s for s in symbols if s not in answer.unknown_symbols)
        self.answers.append(answer)

    async def _fetch(self, symbols: tuple[str, ...], left: float) -> BarAnswer:
        candidate = self.candidate
        query, deadline = replace(self.query, symbols=symbols), min(candidate.deadline_s, left)
        return await fetch_bars(candidate.adapter, candidate.account, query, http=self.http, deadline_s=deadline)

    def _count_failure(self, error: ProviderError) -> None:
        self.calls += 1
        self.failures_in_a_row += isinstance(error, VendorTimeout | VendorFault)
        if isinstance(error, _STOPS_THE_PROVIDER) or self.failures_in_a_row >= MOST_FAILURES_IN_A_ROW:
            self.stop = self.stop or error

    def _fail(self, symbols: Sequence[str], error: ProviderError) -> None:
        self.failed.update(dict.fromkeys(symbols, error))
