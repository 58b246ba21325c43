"""One `BarsFetchJob` from its schema to the store: choose whom to ask, ask in turn, take in each answer before the next is asked.

Nothing here decides what is true: that is `collector.core`. Nothing here opens a socket: that is `providers.fetching`.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from collector import metrics
from collector.models import Series
from collector.schemas import BarsFetchJob, Priority
from collector.selectors.overrides import providers_away
from collector.services.bar_group import BarGroup, groups_of
from collector.services.bar_judging import take_in
from collector.services.failover import NOT_ASKED, Journey, Turn, Unanswered, travel
from collector.store_batch import WriteResult
from providers.adapter import refusal_of
from providers.budget import most_at_once
from providers.calls import symbols_a_call
from providers.fetching import ProviderAnswer, ask_provider
from providers.loop import EventLoopThread
from providers.market.types import Adjustment, BarQuery, Micros
from providers.policy import Snapshot
from providers.selectors import Candidate, ranks
from providers.services import policies
from providers.services.choosing import choose

log = logging.getLogger(__name__)

DEADLINE_SECONDS = {Priority.LIVE: 40.0, Priority.RECENT: 300.0, Priority.HISTORY: 60.0, Priority.VERIFY: 60.0}
"""How long one job may ask one provider: a live job must leave the next provider time before the next plan, history and
what is read again recent gaps a worker."""


@dataclass(slots=True)
class Collected:
    """What one job came to. `unanswered`: symbols that no provider answered credibly, with the last reason.

    `answered`: that some provider answered for at all; `compared`: whose held bars were credibly compared with what it sent, whatever
    is missing beside them.
    """

    written: list[WriteResult] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    unanswered: dict[str, Unanswered] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    compared: set[str] = field(default_factory=set)


def collect_bars(
    job: BarsFetchJob, *, now: Micros, loop: EventLoopThread, kind: str = "bars", until: float | None = None
) -> Collected:
    """Run a job to its end; every provider's answer is written before the next one is asked, so a killed worker loses one answer at most.

    `kind`: what it is counted as. `until`: on the monotonic clock, when nobody is to be asked for anything more.
    """
    outcome, settled = Collected(), Counter[str]()
    snapshot = policies.current()
    for group in groups_of(job, series_of(job), now=now):
        settled += _Collection(group, snapshot=snapshot, loop=loop, outcome=outcome, until=until).run()
    metrics.job_done(kind=kind, settled=settled)
    _tell(job, outcome)
    return outcome


def series_of(job: BarsFetchJob) -> Sequence[Series]:
    """The active series that a job is about, their instruments loaded."""
    rows = Series.objects.filter(
        instrument__symbol__in=job.symbols, interval=job.interval, hours=job.hours, adjustment=job.adjustment, is_active=True
    ).select_related("instrument")
    if job.mic:
        rows = rows.filter(instrument__mic=job.mic)
    found = list(rows.order_by("pk"))
    known = {series.instrument.symbol for series in found}
    if missing := [symbol for symbol in job.symbols if symbol not in known]:
        log.warning("no active series for %s", ", ".join(missing[:10]), extra={"action": "job_unknown_series"})
    return found


@dataclass(slots=True)
class _Collection:
    """One group of a job on its way through the providers."""

    group: BarGroup
    snapshot: Snapshot
    loop: EventLoopThread
    outcome: Collected
    until: float | None
    turns: int = 0

    def run(self) -> Counter[str]:
        """Ask until nothing is wanted any more; returns how many symbols each provider settled."""
        group, wanted = self.group, dict.fromkeys(self.group.series, NOT_ASKED)
        choice = choose(
            self.snapshot,
            capability=group.capability,
            tier=group.job.tier,
            lane=group.lane,
            now=group.now,
            only=group.job.provider,
            refusal=self._refusal,
            away=providers_away(now=group.now),
        )
        journey = Journey(
            promote=self.snapshot.promote,
            loop=self.loop,
            takes=group.takes,
            ask=self._ask,
            take_in=self._take_in,
            size=lambda candidate: symbols_a_call(candidate, tokens=most_at_once(candidate.allowance, lane=group.lane)),
            telling=lambda: group.newest(group.series),
            until=self.until,
        )
        settled = travel(choice, journey, wanted)
        self.outcome.unanswered.update(wanted)
        return settled

    def _query(self, adjustment: Adjustment) -> BarQuery:
        group = self.group
        return BarQuery((), group.interval, group.start, group.end, group.asset_class, adjustment)

    def _refusal(self, candidate: Candidate) -> str | None:
        """Why this job is outside what a provider offers; which symbols makes no difference to that."""
        if candidate.name in self.group.job.exclude:
            return "the job says not to ask it"
        query = self._query(candidate.account.adjustment)
        return refusal_of(candidate.adapter, query, account=candidate.account, now=self.group.now)

    def _ask(self, turn: Turn) -> ProviderAnswer:
        if self.turns:  # the group is looked at when it is made
            self.group.look()
        self.turns += 1
        candidate = turn.candidate
        question = ask_provider(
            candidate,
            query=self._query(candidate.account.adjustment),
            vendor_symbols=self.group.vendor_symbols(turn.names, candidate),
            newest=self.group.newest(turn.names),
            http=self.loop.http,
            watch=turn.watch,
            toll=turn.toll,
            asked_at=self.group.now,
            deadline_s=self._deadline_s(),
        )
        answer = self.loop.run(turn.paid(question))
        self.outcome.calls[candidate.name] = self.outcome.calls.get(candidate.name, 0) + answer.calls
        return answer

    def _deadline_s(self) -> float:
        most = DEADLINE_SECONDS[self.group.job.priority]
        return most if self.until is None else min(most, max(0.0, self.until - time.monotonic()))

    def _take_in(self, answer: ProviderAnswer) -> frozenset[str]:
        if not answer.answered:
            return frozenset()
        taken = take_in(
            answer, self.group, ranking=ranks(self.snapshot, capability=self.group.capability, tier=self.group.job.tier)
        )
        self.outcome.written.append(taken.written)
        self.outcome.answered |= answer.answered
        self.outcome.compared |= taken.compared
        return taken.settled


def _tell(job: BarsFetchJob, outcome: Collected) -> None:
    log.info(
        "%s %s %s: %d symbols of [%s, %s): %d new, %d replaced, %d unchanged, %d withdrawn, %d rejected bars from %s",
        job.tier, job.priority, job.interval, len(job.symbols), job.start.isoformat(), job.end.isoformat(),
        sum(w.new for w in outcome.written), sum(w.replaced for w in outcome.written),
        sum(w.unchanged for w in outcome.written), sum(w.withdrawn for w in outcome.written), sum(w.rejected for w in outcome.written),
        ", ".join(f"{name} ({calls} calls)" for name, calls in outcome.calls.items()) or "nobody",
        extra={"action": "job_done"},
    )  # fmt: skip
    if outcome.unanswered:
        symbol, reason = next(iter(outcome.unanswered.items()))
        log.warning(
            "%d of %d symbols unanswered for [%s, %s), e.g. %s: %s",
            len(outcome.unanswered), len(job.symbols), job.start, job.end, symbol, reason,
            extra={"action": "job_unanswered"},
        )  # fmt: skip
