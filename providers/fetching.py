"""Asking one provider for bars or quotes of many symbols: chunks of what one call takes, a bounded number at once, one merged answer.

Which provider comes next for what this one did not answer is the caller's loop (`collector.services.collecting`): it alone knows
whether an answer is credible.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias

import numpy as np

from providers.accounts import symbols_per_call
from providers.asking import Answer, BarAnswer, Batch, QuoteAnswer, fetch_bars, fetch_quotes
from providers.errors import (
    AuthFailed,
    LocalFault,
    NotEntitled,
    ProviderError,
    Throttled,
    UnknownSymbol,
    UnsupportedRequest,
    VendorFault,
    VendorTimeout,
)
from providers.http import VendorHttp
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import AssetClass, BarBatch, BarQuery, Micros
from providers.quote_adapter import quotes_of
from providers.selectors import Candidate

MAX_CONCURRENT_CALLS = 8
MOST_FAILURES_IN_A_ROW = 2 * MAX_CONCURRENT_CALLS
"""A vendor that breaks or times out this often without one answer between is not asked for the rest of the job."""
DEADLINE_S = 300.0
_STOPS_THE_PROVIDER = (AuthFailed, NotEntitled, Throttled, LocalFault)
"""After one of these the other chunks of the job would only get the same."""


@dataclass(frozen=True, eq=False)  # no slots: the names below could not be called
class ProviderResult(Generic[Batch]):
    """What one provider said, in our symbols.

    `answered`: symbols that a complete answer covered, with rows or without. `failed`: the error of each of the others.
    `asked_at` is the earliest and `received_at` the latest of its calls, `vendor_time` the earliest `Date` header seen.
    """

    candidate: Candidate
    batch: Batch
    answered: frozenset[str]
    failed: Mapping[str, ProviderError]
    asked_at: Micros
    received_at: Micros
    vendor_time: Micros | None
    is_delayed: bool
    calls: int


ProviderAnswer: TypeAlias = ProviderResult[BarBatch]
ProviderQuotes: TypeAlias = ProviderResult[QuoteBatch]
_Fetch: TypeAlias = Callable[[tuple[str, ...], float], Awaitable[Answer[Batch]]]
"""One call for vendor symbols, within so many seconds."""


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
    adapter, account = candidate.adapter, candidate.account

    async def fetch(symbols: tuple[str, ...], left_s: float) -> BarAnswer:
        return await fetch_bars(adapter, account, replace(query, symbols=symbols), http=http, deadline_s=left_s)

    asker = _ChunkAsker(candidate, fetch, deadline_s)
    await asker.ask_all(vendor_symbols, size=symbols_per_call(adapter, account))
    return _result(asker, vendor_symbols, BarBatch.empty(), asked_at=asked_at)


async def ask_provider_for_quotes(
    candidate: Candidate,
    *,
    asset_class: AssetClass,
    vendor_symbols: Mapping[str, str],
    http: VendorHttp,
    asked_at: Micros,
    deadline_s: float = DEADLINE_S,
) -> ProviderQuotes:
    """Ask for the newest quotes of all of `vendor_symbols` (ours → theirs); otherwise as `ask_provider`.

    A provider without quotes fails for each symbol as `UnsupportedRequest`, without a call.
    """
    adapter, account = quotes_of(candidate.adapter), candidate.account
    most = adapter.quote_limits.max_symbols_per_call if adapter is not None else None

    async def fetch(symbols: tuple[str, ...], left_s: float) -> QuoteAnswer:
        if adapter is None:
            raise UnsupportedRequest(f"{candidate.adapter.name} has no quotes")
        return await fetch_quotes(adapter, account, QuoteQuery(symbols, asset_class), http=http, deadline_s=left_s)

    asker = _ChunkAsker(candidate, fetch, deadline_s)
    await asker.ask_all(vendor_symbols, size=symbols_per_call(candidate.adapter, account, most=most))
    return _result(asker, vendor_symbols, QuoteBatch.empty(), asked_at=asked_at)


def _by_vendor_symbol(vendor_symbols: Mapping[str, str]) -> dict[str, list[str]]:
    ours: dict[str, list[str]] = {}
    for symbol, spelled in vendor_symbols.items():
        ours.setdefault(spelled, []).append(symbol)
    return ours


def _result(
    asker: "_ChunkAsker[Batch]", vendor_symbols: Mapping[str, str], nothing: Batch, *, asked_at: Micros
) -> ProviderResult[Batch]:
    """All chunks' answers as one in our symbols; `nothing` is the batch of no answer."""
    ours = _by_vendor_symbol(vendor_symbols)
    answers = asker.answers
    return ProviderResult(
        candidate=asker.candidate,
        batch=_in_our_symbols(nothing.concat([answer.batch for answer in answers]), ours),
        answered=frozenset(symbol for spelled in asker.answered for symbol in ours[spelled]),
        failed={symbol: error for spelled, error in asker.failed.items() for symbol in ours[spelled]},
        asked_at=min((a.asked_at for a in answers), default=asked_at),
        received_at=max((a.received_at for a in answers), default=asked_at),
        vendor_time=min((a.vendor_time for a in answers if a.vendor_time is not None), default=None),
        is_delayed=any(a.is_delayed for a in answers),
        calls=asker.calls,
    )


def _in_our_symbols(batch: Batch, ours: Mapping[str, Sequence[str]]) -> Batch:
    parts: list[Batch] = [
        replace(
            batch,
            symbols=tuple(ours[symbol][0] for symbol in batch.symbols),
            malformed=tuple(
                replace(row, symbol=name) for row in batch.malformed for name in ours.get(row.symbol, [row.symbol])
            ),
        )
    ]
    for index, symbol in enumerate(batch.symbols):
        parts.extend(_relabelled(batch, index, name) for name in ours[symbol][1:])
    return batch.concat(parts)


def _relabelled(batch: Batch, index: int, name: str) -> Batch:
    rows = batch.where(batch.symbol_index == index)
    return replace(rows, symbols=(name,), symbol_index=np.zeros(len(rows), dtype=np.int32), malformed=())


class _ChunkAsker(Generic[Batch]):
    """The calls of one job to one provider, for bars or quotes, and what came of them."""

    def __init__(self, candidate: Candidate, fetch: _Fetch[Batch], deadline_s: float) -> None:
        self.candidate = candidate
        self.fetch: _Fetch[Batch] = fetch
        self.until = time.monotonic() + deadline_s
        self.slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self.answers: list[Answer[Batch]] = []
        self.answered: set[str] = set()
        self.failed: dict[str, ProviderError] = {}
        self.calls = 0
        self.failures_in_a_row = 0
        self.stop: ProviderError | None = None

    async def ask_all(self, vendor_symbols: Mapping[str, str], *, size: int) -> None:
        """All of the vendor's symbols, each once, `size` a call."""
        theirs = list(_by_vendor_symbol(vendor_symbols))
        await asyncio.gather(*(self.ask(tuple(theirs[i : i + size])) for i in range(0, len(theirs), size)))

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
                answer = await self.fetch(symbols, min(self.candidate.deadline_s, left))
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

    def _count_failure(self, error: ProviderError) -> None:
        self.calls += not isinstance(error, UnsupportedRequest)  # that one was refused before it was sent
        self.failures_in_a_row += isinstance(error, VendorTimeout | VendorFault)
        if isinstance(error, _STOPS_THE_PROVIDER) or self.failures_in_a_row >= MOST_FAILURES_IN_A_ROW:
            self.stop = self.stop or error

    def _fail(self, symbols: Sequence[str], error: ProviderError) -> None:
        self.failed.update(dict.fromkeys(symbols, error))
