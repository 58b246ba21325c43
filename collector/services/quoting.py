"""One `QuotesFetchJob` from its schema to the store: choose whom to ask, ask in turn, take in each answer before the next is asked."""

import logging
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from collector import metrics
from collector.core.bars import Rejection
from collector.core.messages import InstrumentLabel
from collector.core.quotes import CheckedQuotes, check
from collector.models import Instrument, QuoteSeries
from collector.quotes_store import QuotesWritten, QuoteWrite, write_quotes
from collector.schemas import QuotesFetchJob
from collector.selectors.kept import quotes_kept_from
from collector.selectors.overrides import providers_away
from collector.services.failover import NOT_ASKED, Journey, Turn, Unanswered, travel
from collector.services.naming import names_of, vendor_symbol
from providers.budget import most_at_once
from providers.calls import symbols_a_quote_call
from providers.errors import UnsupportedRequest
from providers.fetching import ProviderQuotes, ask_provider_for_quotes
from providers.lanes import Lane
from providers.loop import EventLoopThread
from providers.market.quotes import QuoteQuery
from providers.market.types import AssetClass, Capability, Micros, to_us
from providers.policy import Snapshot
from providers.quote_adapter import check_quotes_supported, quotes_of
from providers.selectors import Candidate
from providers.services import policies
from providers.services.choosing import choose

log = logging.getLogger(__name__)

DEADLINE_SHARE = 0.6
"""Of the time until the next plan, how much one provider gets: the next one must have its turn before that."""
LEAST_DEADLINE_S = 2.0
UNPLANNED_DEADLINE_S = 40.0
"""Of a job that does not expire: as much as a live job of bars."""


@dataclass(slots=True)
class Quoted:
    """What one job came to. `unanswered`: symbols that no provider gave a fresh quote of, with the last reason."""

    written: list[QuotesWritten] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    unanswered: dict[str, Unanswered] = field(default_factory=dict)

    def count(self, name: str) -> int:
        """Sum of a column of `written`."""
        return sum(getattr(one, name) for one in self.written)


def collect_quotes(job: QuotesFetchJob, *, now: Micros, loop: EventLoopThread) -> Quoted:
    """Run a job to its end; every provider's answer is written before the next one is asked."""
    outcome, settled = Quoted(), Counter[str]()
    snapshot = policies.current()
    for asset_class, instruments in _groups(job).items():
        group = _Group(job, asset_class, dict(zip(names_of(instruments), instruments, strict=True)), now, loop, outcome)
        settled += group.run(snapshot)
    metrics.job_done(kind="quotes", settled=settled)
    _tell(job, outcome)
    return outcome


def _groups(job: QuotesFetchJob) -> dict[AssetClass, list[Instrument]]:
    rows = QuoteSeries.objects.filter(instrument__symbol__in=job.symbols, is_active=True).select_related("instrument")
    if job.mic:
        rows = rows.filter(instrument__mic=job.mic)
    groups: dict[AssetClass, list[Instrument]] = {}
    for series in rows.order_by("instrument"):
        groups.setdefault(AssetClass(series.instrument.asset_class), []).append(series.instrument)
    known = {instrument.symbol for group in groups.values() for instrument in group}
    if missing := [symbol for symbol in job.symbols if symbol not in known]:
        log.warning("no quotes are collected of %s", ", ".join(missing[:10]), extra={"action": "job_unknown_series"})
    return groups


@dataclass(slots=True, eq=False)
class _Group:
    """Instruments of one asset class, by the name that the job calls each, on their way through the providers."""

    job: QuotesFetchJob
    asset_class: AssetClass
    instruments: dict[str, Instrument]
    now: Micros
    loop: EventLoopThread
    outcome: Quoted

    def run(self, snapshot: Snapshot) -> Counter[str]:
        """Ask until nothing is wanted any more; returns how many symbols each provider settled."""
        wanted = dict.fromkeys(self.instruments, NOT_ASKED)
        choice = choose(
            snapshot,
            capability=Capability.QUOTES_L1,
            tier=self.job.tier,
            lane=Lane.LIVE,
            now=self.now,
            only=self.job.provider,
            refusal=self._refusal,
            away=providers_away(now=self.now),
        )
        journey = Journey(
            promote=snapshot.promote,
            loop=self.loop,
            takes=lambda *_: True,
            ask=self._ask,
            take_in=self._take_in,
            size=self._size,
        )
        settled = travel(choice, journey, wanted)
        self.outcome.unanswered.update(wanted)
        return settled

    def _refusal(self, candidate: Candidate) -> str | None:
        """Why these quotes are outside what a provider offers."""
        adapter = quotes_of(candidate.adapter)
        if adapter is None:
            return f"{candidate.adapter.name} has no quotes"
        try:
            check_quotes_supported(adapter, QuoteQuery(("-",), self.asset_class), account=candidate.account)
        except UnsupportedRequest as error:
            return str(error)
        return None

    def _ask(self, turn: Turn) -> ProviderQuotes:
        question = ask_provider_for_quotes(
            turn.candidate,
            asset_class=self.asset_class,
            vendor_symbols={name: vendor_symbol(self.instruments[name], turn.candidate) for name in turn.names},
            http=self.loop.http,
            watch=turn.watch,
            toll=turn.toll,
            asked_at=self.now,
            deadline_s=self._deadline_s(),
        )
        answer = self.loop.run(turn.paid(question))
        self.outcome.calls[turn.candidate.name] = self.outcome.calls.get(turn.candidate.name, 0) + answer.calls
        return answer

    def _size(self, candidate: Candidate) -> int:
        tokens = most_at_once(candidate.allowance, lane=Lane.LIVE)
        return symbols_a_quote_call(candidate, self.asset_class, tokens=tokens)

    def _deadline_s(self) -> float:
        if self.job.expires_at is None:
            return UNPLANNED_DEADLINE_S
        return max(LEAST_DEADLINE_S, DEADLINE_SHARE * (to_us(self.job.expires_at) - self.now) / 1e6)

    def _take_in(self, answer: ProviderQuotes) -> frozenset[str]:
        """Check and write what came; settled is who has a quote now, unless it is delayed: the next provider may know better."""
        if not answer.answered:
            return frozenset()
        checked = check(
            answer.batch,
            asset_class=self.asset_class,
            received_at=answer.received_at,
            known_symbols=self.instruments,
        )
        self.outcome.written.append(write_quotes(self._write(answer, checked), keep_from=quotes_kept_from(self.now)))
        batch = checked.batch
        has_quote = {batch.symbols[place] for place in np.unique(batch.symbol_index).tolist()}
        return frozenset() if answer.is_delayed else frozenset(has_quote & answer.answered)

    def _write(self, answer: ProviderQuotes, checked: CheckedQuotes) -> QuoteWrite:
        known = [self.instruments[name] for name in checked.batch.symbols]
        return QuoteWrite(
            provider_id=answer.candidate.provider_id,
            provider=answer.candidate.name,
            asked_at=answer.asked_at,
            received_at=answer.received_at,
            instrument_ids=np.array([one.pk for one in known], dtype=np.int64),
            labels=[InstrumentLabel(one.symbol, one.mic) for one in known],
            quotes=checked,
            rejected=self._rejections(checked),
        )

    def _rejections(self, checked: CheckedQuotes) -> list[tuple[int, Rejection]]:
        """Refused quotes with their instruments; those of symbols that nobody asked for have none, and are counted in the log."""
        strangers = [r for r in checked.rejected if r.symbol not in self.instruments]
        if strangers:
            first = strangers[0]
            log.warning("%d quotes of symbols not asked for, e.g. %s: %s", len(strangers), first.symbol, first.raw[:200])
        return [(self.instruments[r.symbol].pk, r) for r in checked.rejected if r.symbol in self.instruments]


def _tell(job: QuotesFetchJob, outcome: Quoted) -> None:
    log.info(
        "%s quotes: %d symbols: %d new, %d revised, %d unchanged, %d too old, %d rejected from %s",
        job.tier, len(job.symbols), outcome.count("new"), outcome.count("revised"), outcome.count("unchanged"),
        outcome.count("expired"), outcome.count("rejected"),
        ", ".join(f"{name} ({calls} calls)" for name, calls in outcome.calls.items()) or "nobody",
        extra={"action": "job_done"},
    )  # fmt: skip
    if outcome.unanswered:
        symbol, reason = next(iter(outcome.unanswered.items()))
        log.warning(
            "no quote of %d of %d symbols, e.g. %s: %s", len(outcome.unanswered), len(job.symbols), symbol, reason,
            extra={"action": "job_unanswered"},
        )  # fmt: skip
