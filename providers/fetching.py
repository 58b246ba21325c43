"""Asking one provider for bars or quotes of many symbols: chunks of what one call takes, a bounded number at once, one merged answer.

Which provider comes next for what this one did not answer is the caller's loop (`collector.services.collecting`): it alone knows
whether an answer is credible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeAlias

import numpy as np

from providers.asking import BarAnswer, QuoteAnswer, fetch_bars, fetch_quotes
from providers.breaker import Breaker
from providers.calls import symbols_a_call, symbols_a_quote_call
from providers.chunks import ChunkAsker
from providers.errors import ProviderError, UnsupportedRequest
from providers.health import Tally
from providers.http import VendorHttp
from providers.lanes import Lane
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import AssetClass, BarBatch, BarQuery, Micros
from providers.outcomes import Outcome
from providers.paging import Batch
from providers.quote_adapter import quotes_of
from providers.routing import Use
from providers.selectors import Candidate
from providers.tolls import Toll
from providers.watch import Watch

DEADLINE_S = 300.0


@dataclass(frozen=True, eq=False)  # no slots: the names below could not be called
class ProviderResult(Generic[Batch]):
    """What one provider said, in our symbols.

    `answered`: symbols that a complete answer covered, with rows or without. `failed`: the error of each of the others.
    `asked_at` is the earliest and `received_at` the latest of its calls, `vendor_time` the earliest `Date` header seen.
    `unsent`: calls that our own breaker or budget kept back, by the refusal's code.
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
    tally: Tally = field(default_factory=Tally)
    """What the calls say about the provider."""
    unsent: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_suspicious(self) -> bool:
        """Whether some of it is hard to believe, see `providers.watch`."""
        return any(seen.outcome is Outcome.SUSPICIOUS for seen in self.tally.seen)


ProviderAnswer: TypeAlias = ProviderResult[BarBatch]
ProviderQuotes: TypeAlias = ProviderResult[QuoteBatch]


async def ask_provider(
    candidate: Candidate,
    *,
    query: BarQuery,
    vendor_symbols: Mapping[str, str],
    http: VendorHttp,
    asked_at: Micros,
    newest: Mapping[str, Micros] | None = None,
    watch: Watch | None = None,
    toll: Toll | None = None,
    deadline_s: float = DEADLINE_S,
) -> ProviderAnswer:
    """Ask for all of `vendor_symbols` (ours → theirs) in `query`'s window; `query.symbols` is ignored.

    `newest`: of symbols that always have a bar, the newest one that has closed and is not held. `watch` decides how many calls
    are made at once and when to stop; `toll` is paid before each request. Ends within `deadline_s`: what was not asked by then
    has failed. Two of our symbols may share one of theirs. Never raises ProviderError.
    """
    adapter, account, due = candidate.adapter, candidate.account, _in_their_symbols(newest or {}, vendor_symbols)

    async def fetch(symbols: tuple[str, ...], left_s: float) -> BarAnswer:
        part = replace(query, symbols=symbols)
        return await fetch_bars(adapter, account, part, http=http, deadline_s=left_s, toll=toll)

    def news(symbols: tuple[str, ...], answer: BarAnswer) -> tuple[int, int]:
        return _count_news(answer.batch, {symbol: due[symbol] for symbol in symbols if symbol in due})

    watch = watch or plain_watch(candidate)
    asker = ChunkAsker(candidate, fetch=fetch, news=news, watch=watch, deadline_s=deadline_s)
    size = symbols_a_call(candidate, tokens=None if toll is None else toll.most_at_once)
    await asker.ask_all(_theirs(vendor_symbols), size=watch.chunk(size))
    return _result(asker, vendor_symbols, BarBatch.empty(), asked_at=asked_at)


async def ask_provider_for_quotes(
    candidate: Candidate,
    *,
    asset_class: AssetClass,
    vendor_symbols: Mapping[str, str],
    http: VendorHttp,
    asked_at: Micros,
    watch: Watch | None = None,
    toll: Toll | None = None,
    deadline_s: float = DEADLINE_S,
) -> ProviderQuotes:
    """Ask for the newest quotes of all of `vendor_symbols` (ours → theirs); otherwise as `ask_provider`.

    A provider without quotes fails for each symbol as `UnsupportedRequest`, without a call.
    """
    adapter, account = quotes_of(candidate.adapter), candidate.account

    async def fetch(symbols: tuple[str, ...], left_s: float) -> QuoteAnswer:
        if adapter is None:
            raise UnsupportedRequest(f"{candidate.adapter.name} has no quotes")
        return await fetch_quotes(adapter, account, QuoteQuery(symbols, asset_class), http=http, deadline_s=left_s, toll=toll)

    watch = watch or plain_watch(candidate)
    asker = ChunkAsker(candidate, fetch=fetch, news=_no_news, watch=watch, deadline_s=deadline_s)
    size = symbols_a_quote_call(candidate, asset_class, tokens=None if toll is None else toll.most_at_once)
    await asker.ask_all(_theirs(vendor_symbols), size=watch.chunk(size))
    return _result(asker, vendor_symbols, QuoteBatch.empty(), asked_at=asked_at)


def plain_watch(candidate: Candidate) -> Watch:
    """Of a provider of which nothing is known."""
    return Watch(candidate.name, Breaker(), Use.NORMAL, Lane.LIVE, slow_after_s=candidate.slow_after_s)


def _theirs(vendor_symbols: Mapping[str, str]) -> list[str]:
    return list(_by_vendor_symbol(vendor_symbols))


def _in_their_symbols(newest: Mapping[str, Micros], vendor_symbols: Mapping[str, str]) -> dict[str, Micros]:
    return {vendor_symbols[name]: start for name, start in newest.items() if name in vendor_symbols}


def _count_news(batch: BarBatch, due: Mapping[str, Micros]) -> tuple[int, int]:
    """How many symbols are due a bar, and how many of them have it."""
    wanted = np.array([due.get(symbol, -1) for symbol in batch.symbols], dtype=np.int64)
    hit = batch.start == wanted[batch.symbol_index] if len(batch) else np.empty(0, dtype=bool)
    return len(due), len(np.unique(batch.symbol_index[hit]))


def _no_news(symbols: tuple[str, ...], answer: QuoteAnswer) -> tuple[int, int]:
    """A quote stands until it changes, so none is ever due."""
    return 0, 0


def _by_vendor_symbol(vendor_symbols: Mapping[str, str]) -> dict[str, list[str]]:
    ours: dict[str, list[str]] = {}
    for symbol, spelled in vendor_symbols.items():
        ours.setdefault(spelled, []).append(symbol)
    return ours


def _result(
    asker: ChunkAsker[Batch], vendor_symbols: Mapping[str, str], nothing: Batch, *, asked_at: Micros
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
        tally=asker.watch.tally(),
        unsent=asker.unsent,
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
