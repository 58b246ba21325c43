"""One `BarsFetchJob` from its schema to the store: ask in policy order, check, judge, write; the next provider gets what is left.

Nothing here decides what is true: that is `collector.core`. Nothing here opens a socket: that is `providers.fetching`.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from django.conf import settings

from collector.core.bars import NO_ROWS, Checked, Rejection, check, rows_by_symbol
from collector.core.evidence import SeriesAnswer, Verdict, judge
from collector.core.messages import SeriesLabel
from collector.core.spans import inside, spans_of
from collector.models import Series
from collector.schemas import BarsFetchJob, Priority
from collector.selectors.evidence import covered, densities, doubted_by_others, doubts, sent_before
from collector.selectors.series import life
from collector.store import AbsentSlots, WriteBatch, WriteResult, write_bars
from providers.fetching import ProviderAnswer, ask_provider
from providers.loop import EventLoopThread
from providers.market.calendar import Calendar, get_calendar
from providers.market.types import (
    SECOND_US,
    AssetClass,
    BarQuery,
    Capability,
    FeedScope,
    Hours,
    Interval,
    Micros,
    MicrosArray,
    to_us,
)
from providers.policy import Snapshot
from providers.selectors import Candidate, ranks, route
from providers.services import policies

log = logging.getLogger(__name__)

DEADLINE_SECONDS = {Priority.LIVE: 40.0, Priority.RECENT: 300.0, Priority.HISTORY: 300.0}
"""How long one job may ask one provider: a live job must leave the next provider time before the next plan."""
MOST_CLOCK_SKEW_US = 60 * SECOND_US
"""A vendor whose `Date` lies further back than this has not answered for the newest slots at all."""


@dataclass(slots=True)
class Collected:
    """What one job came to. `unanswered`: symbols that no provider answered credibly, with the last reason."""

    written: list[WriteResult] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)


def collect_bars(job: BarsFetchJob, *, now: Micros, loop: EventLoopThread) -> Collected:
    """Run a job to its end; every provider's answer is written before the next one is asked, so a killed worker loses one answer at most."""
    outcome = Collected()
    snapshot = policies.current()
    for group in _groups(job):
        _Collection(job, group, snapshot=snapshot, now=now, loop=loop, outcome=outcome).run()
    log.info(
        "%s %s %s: %d symbols of [%s, %s): %d new, %d replaced, %d unchanged, %d rejected bars from %s",
        job.tier, job.priority, job.interval, len(job.symbols), job.start.isoformat(), job.end.isoformat(),
        sum(w.new for w in outcome.written), sum(w.replaced for w in outcome.written),
        sum(w.unchanged for w in outcome.written), sum(w.rejected for w in outcome.written),
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
    return outcome


def _groups(job: BarsFetchJob) -> Iterable[list[Series]]:
    """The job's series, grouped by what a query and a judgement have in common: asset class, calendar and the feed they accept."""
    rows = Series.objects.filter(
        instrument__symbol__in=job.symbols, interval=job.interval, hours=job.hours, adjustment=job.adjustment, is_active=True
    ).select_related("instrument")
    if job.mic:
        rows = rows.filter(instrument__mic=job.mic)
    groups: dict[tuple[str, str, str], list[Series]] = {}
    for series in rows.order_by("pk"):
        key = (series.instrument.asset_class, series.instrument.calendar, series.feed_scope)
        groups.setdefault(key, []).append(series)
    found = {series.instrument.symbol for group in groups.values() for series in group}
    if missing := [symbol for symbol in job.symbols if symbol not in found]:
        log.warning("no active series for %s", ", ".join(missing[:10]), extra={"action": "job_unknown_series"})
    return groups.values()


class _Collection:
    """One group of a job: same asset class, same calendar, same feed accepted."""

    def __init__(
        self,
        job: BarsFetchJob,
        group: Sequence[Series],
        *,
        snapshot: Snapshot,
        now: Micros,
        loop: EventLoopThread,
        outcome: Collected,
    ) -> None:
        self.job, self.snapshot, self.now, self.loop, self.outcome = job, snapshot, now, loop, outcome
        self.series = {_name(series, group): series for series in group}
        self.interval = Interval(job.interval)
        self.asset_class = AssetClass(group[0].instrument.asset_class)
        self.calendar: Calendar = get_calendar(group[0].instrument.calendar, Hours(job.hours))
        self.start, self.end = to_us(job.start), to_us(job.end)
        self.ids = ids = [series.pk for series in group]
        self.density = densities(series_ids=ids, calendar=self.calendar, interval=self.interval, before=self.start)
        self.doubts = {k: dict(v) for k, v in doubts(series_ids=ids, start=self.start, end=self.end).items()}
        self.capability = Capability.of_bars(self.interval)
        self.slots: dict[tuple[Micros, Micros], MicrosArray] = {}

    def run(self) -> None:
        wanted = dict.fromkeys(self.series, "no provider in the policy takes it")
        ranking = ranks(self.snapshot, capability=self.capability, tier=self.job.tier)
        for candidate in route(self.snapshot, capability=self.capability, tier=self.job.tier, only=self.job.provider):
            names = [name for name in wanted if _takes(self.series[name], candidate)]
            if not names:
                continue
            # Anew for each provider: a slot that the one before filled is no longer open for this one's silence.
            self.covered = covered(series_ids=self.ids, start=self.start, end=self.end)
            answer = self._ask(candidate, names)
            _log_failures(answer, self.job)
            settled = self._write(answer, ranking)
            for name in names:
                if name in settled:
                    del wanted[name]
                else:
                    wanted[name] = str(answer.failed.get(name) or f"{candidate.name}'s answer leaves slots open")
            if not wanted:
                return
        self.outcome.unanswered.update(wanted)

    def _ask(self, candidate: Candidate, names: list[str]) -> ProviderAnswer:
        query = BarQuery(
            symbols=(),
            interval=self.interval,
            start=self.start,
            end=self.end,
            asset_class=self.asset_class,
            adjustment=candidate.account.adjustment,
        )
        spelling = {name: self._vendor_symbol(self.series[name], candidate) for name in names}
        question = ask_provider(
            candidate,
            query=query,
            vendor_symbols=spelling,
            http=self.loop.http,
            asked_at=self.now,
            deadline_s=DEADLINE_SECONDS[self.job.priority],
        )
        answer = self.loop.run(question)
        self.outcome.calls[candidate.name] = self.outcome.calls.get(candidate.name, 0) + answer.calls
        return answer

    def _vendor_symbol(self, series: Series, candidate: Candidate) -> str:
        instrument = series.instrument
        own: str | None = instrument.vendor_symbols.get(candidate.name)
        return own or candidate.adapter.vendor_symbol(instrument.symbol, self.asset_class)

    def _write(self, answer: ProviderAnswer, ranking: dict[int, int]) -> set[str]:
        """Check, judge and write one provider's answer; returns the symbols that need nobody else."""
        if not answer.answered:
            return set()
        # "Closed" when the question left, by the earlier of our clock and the vendor's: an answer that takes long to come, or a
        # skewed clock, can't store a running bar as final.
        judged_at = min(answer.asked_at, answer.asked_at if answer.vendor_time is None else answer.vendor_time)
        checked = check(answer.batch, interval=self.interval, asset_class=self.asset_class, closed_before=judged_at)
        asked = self._series_answers(answer, checked, judged_at)
        can_prove = self._can_prove(answer.candidate)
        verdicts = judge(
            asked,
            step=self.interval.us,
            judged_at=judged_at,
            settle_after=answer.candidate.settle_after,
            is_delayed=answer.is_delayed,
            can_prove=can_prove,
        )
        self._remember_doubts(verdicts, answer.candidate.provider_id)
        result = write_bars(
            self._batch(answer, checked, verdicts, ranking),
            history_before=self.now - settings.FEED_HISTORY_AFTER_SECONDS * SECOND_US,
        )
        self.outcome.written.append(result)
        unsure = {v.series_id for v in verdicts if len(v.doubted) or v.is_suspicious}
        unsure |= {series_id for series_id, _ in self._rejections(checked)}
        if answer.asked_at - judged_at > MOST_CLOCK_SKEW_US:
            log.warning("%s's clock is %d s behind ours", answer.candidate.name, (answer.asked_at - judged_at) // SECOND_US)
            unsure |= {a.series_id for a in asked}
        if answer.is_delayed or not can_prove:  # what it lacks, nobody has answered for
            unsure |= {a.series_id for a in asked if not a.sent.all()}
        return {name for name in answer.answered if self.series[name].pk not in unsure}

    def _series_answers(self, answer: ProviderAnswer, checked: Checked, judged_at: Micros) -> list[SeriesAnswer]:
        rows = rows_by_symbol(checked, self.interval)
        unreadable = {r.symbol for r in checked.rejected if r.start is None}
        provider_id = answer.candidate.provider_id
        silent = [self.series[name].pk for name in answer.answered if name not in rows]
        known = sent_before(series_ids=silent, provider_id=provider_id, interval=self.interval, start=self.start, end=self.end)
        return [
            self._series_answer(
                self.series[name],
                rows.get(name, NO_ROWS),
                judged_at,
                has_unreadable=name in unreadable,
                was_sent_before=self.series[name].pk in known,
                provider_id=provider_id,
            )
            for name in sorted(answer.answered)
        ]

    def _series_answer(
        self,
        series: Series,
        rows: MicrosArray,
        judged_at: Micros,
        *,
        has_unreadable: bool,
        was_sent_before: bool,
        provider_id: int,
    ) -> SeriesAnswer:
        slots = self._open_slots(series, judged_at)
        return SeriesAnswer(
            series_id=series.pk,
            slots=slots,
            sent=np.isin(slots, rows),
            last_row=int(rows.max()) if len(rows) else None,
            asked_until=int(slots[-1]) + self.interval.us if len(slots) else self.start,
            density=self.density.get(series.pk),
            has_unreadable=has_unreadable,
            was_sent_before=was_sent_before,
            doubted_by_others=doubted_by_others(self.doubts.get(series.pk, {}), provider_id),
        )

    def _open_slots(self, series: Series, judged_at: Micros) -> MicrosArray:
        """Closed expected slots of the window within the series' life that are not covered yet."""
        low, high = life(series)
        start, end = max(self.start, low), min(self.end, high, judged_at - self.interval.us + 1)
        if (start, end) not in self.slots:
            self.slots[start, end] = self.calendar.slots(self.interval, start, max(start, end))
        slots = self.slots[start, end]
        done = self.covered.get(series.pk)
        return slots if done is None else slots[~inside(slots, done)]

    def _can_prove(self, candidate: Candidate) -> bool:
        scope = candidate.account.feed_scope
        return scope is FeedScope.CONSOLIDATED or next(iter(self.series.values())).feed_scope == scope

    def _remember_doubts(self, verdicts: Iterable[Verdict], provider_id: int) -> None:
        for verdict in verdicts:
            if len(verdict.doubted):
                self.doubts.setdefault(verdict.series_id, {})[provider_id] = spans_of(verdict.doubted, self.interval.us)

    def _rejections(self, checked: Checked) -> list[tuple[int, Rejection]]:
        """Refused rows with their series; those of symbols that nobody asked for have none, and are counted in the log."""
        strangers = [r for r in checked.rejected if r.symbol not in self.series]
        if strangers:
            log.warning(
                "%d rows of symbols not asked for, e.g. %s: %s", len(strangers), strangers[0].symbol, strangers[0].raw[:200]
            )
        return [(self.series[r.symbol].pk, r) for r in checked.rejected if r.symbol in self.series]

    def _batch(
        self, answer: ProviderAnswer, checked: Checked, verdicts: Sequence[Verdict], ranking: dict[int, int]
    ) -> WriteBatch:
        candidate, bars = answer.candidate, checked.batch
        series = [self.series[name] for name in bars.symbols]
        return WriteBatch(
            interval=self.interval,
            provider_id=candidate.provider_id,
            provider=candidate.name,
            feed_scope=candidate.account.feed_scope.value,
            settle_after=candidate.settle_after,
            ranks=ranking,
            asked_at=answer.asked_at,
            received_at=answer.received_at,
            series_ids=np.array([one.pk for one in series], dtype=np.int64),
            labels=[SeriesLabel(one.instrument.symbol, one.instrument.mic, one.hours, one.adjustment) for one in series],
            session_days=self.calendar.session_days(bars.start, self.interval),
            bars=replace(bars, symbols=tuple(one.instrument.symbol for one in series)),
            rejected=self._rejections(checked),
            absent=[row for verdict in verdicts for row in self._absent(verdict)],
            answered_through={v.series_id: v.answered_through for v in verdicts if v.answered_through is not None},
        )

    def _absent(self, verdict: Verdict) -> Iterable[AbsentSlots]:
        for slots, is_believed in ((verdict.believed, True), (verdict.doubted, False)):
            days = self.calendar.session_days(slots, self.interval) if len(slots) else np.empty(0, dtype=np.int32)
            for day in np.unique(days):
                spans = spans_of(slots[days == day], self.interval.us)
                yield AbsentSlots(verdict.series_id, int(day), spans, is_believed, verdict.why)


def _name(series: Series, group: Sequence[Series]) -> str:
    """Our symbol; where two venues in one job share it, the venue is part of the name."""
    shared = sum(1 for other in group if other.instrument.symbol == series.instrument.symbol) > 1
    return f"{series.instrument.symbol}@{series.instrument.mic}" if shared else series.instrument.symbol


def _takes(series: Series, candidate: Candidate) -> bool:
    return series.adjustment == candidate.account.adjustment and series.feed_scope in {"", candidate.account.feed_scope}


def _log_failures(answer: ProviderAnswer, job: BarsFetchJob) -> None:
    """A provider that fails while the next one fills in must not do so unseen."""
    if not answer.failed:
        return
    counts = Counter(error.code for error in answer.failed.values())
    log.warning(
        "%s failed %d of %d symbols of a %s job (%s), e.g. %s",
        answer.candidate.name, len(answer.failed), len(answer.failed) + len(answer.answered), job.tier,
        ", ".join(f"{code} {count}" for code, count in counts.most_common()), next(iter(answer.failed.values())),
        extra={"action": "provider_failed"},
    )  # fmt: skip
