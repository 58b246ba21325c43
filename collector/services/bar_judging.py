"""One provider's answer for bars: checked, judged and written. What is true is `collector.core`'s to decide."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.conf import settings

from collector.core.bars import NO_ROWS, TOO_OLD, Checked, Rejection, check, rows_by_symbol
from collector.core.evidence import SeriesAnswer, Verdict, judge
from collector.core.messages import SeriesLabel
from collector.core.spans import NO_SPANS, Spans, minus, spans_of
from collector.models import Series
from collector.selectors.evidence import doubted_by_others, sent_before
from collector.selectors.kept import bars_kept_from
from collector.services.bar_group import BarGroup
from collector.services.bar_rereading import Rereading, read_again
from collector.store import write_bars
from collector.store_batch import AbsentSlots, WriteBatch, WriteResult
from collector.withdrawing import HeldSlots
from providers.fetching import ProviderAnswer
from providers.market.types import SECOND_US, Micros, MicrosArray

log = logging.getLogger(__name__)

MOST_CLOCK_SKEW_US = 60 * SECOND_US
"""A vendor whose `Date` lies further back than this has not answered for the newest slots at all."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of an answer. `settled`: names that need nobody else; `compared`: whose held bars it says nothing incredible about."""

    settled: frozenset[str]
    compared: frozenset[str]
    written: WriteResult


def take_in(answer: ProviderAnswer, group: BarGroup, *, ranking: Mapping[int, int]) -> TakenIn:
    """Check, judge and write one provider's answer."""
    # "Closed" when the question left, by the earlier of our clock and the vendor's: an answer that takes long to come, or a
    # skewed clock, can't store a running bar as final.
    judged_at = min(answer.asked_at, answer.asked_at if answer.vendor_time is None else answer.vendor_time)
    checked = check(
        answer.batch,
        interval=group.interval,
        asset_class=group.asset_class,
        closed_before=group.over_until(judged_at),
        kept_from=bars_kept_from(group.now, group.interval),
    )
    reading = _Reading(answer, group, checked, judged_at, rows_by_symbol(checked, group.interval))
    asked = reading.series_answers()
    can_prove = group.can_prove(answer.candidate)
    verdicts = judge(
        asked,
        step=group.interval.us,
        judged_at=judged_at,
        settle_after=answer.candidate.settle_after,
        is_delayed=answer.is_delayed,
        can_prove=can_prove,
    )
    again = reading.read_again(can_prove=can_prove)
    before = group.now - settings.FEED_HISTORY_AFTER_SECONDS * SECOND_US
    written = write_bars(reading.batch(verdicts, again.slots, ranking), history_before=before)
    reading.remember_doubts(verdicts, barred=written.barred)
    unsure = reading.unsure(asked, verdicts, can_prove=can_prove) | again.doubted | written.disregarded
    return TakenIn(
        settled=frozenset(name for name in answer.answered if group.series[name].pk not in unsure),
        compared=frozenset(
            name for name in answer.answered if group.series[name].pk not in again.doubted and not reading.is_behind
        ),
        written=written,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """An answer with its checked rows. `judged_at`: what had closed by then can be final; `rows`: their starts by name."""

    answer: ProviderAnswer
    group: BarGroup
    checked: Checked
    judged_at: Micros
    rows: Mapping[str, MicrosArray]

    @property
    def is_behind(self) -> bool:
        """Whether it may have been made long before it was asked for."""
        return self.answer.asked_at - self.judged_at > MOST_CLOCK_SKEW_US

    def unsure(self, asked: Sequence[SeriesAnswer], verdicts: Sequence[Verdict], *, can_prove: bool) -> set[int]:
        """Series about which the next provider should be asked as well."""
        answer = self.answer
        unsure = {v.series_id for v in verdicts if len(v.doubted) or v.is_suspicious}
        unsure |= {series_id for series_id, rejection in self.rejections() if rejection.reason != TOO_OLD}
        if self.is_behind:
            behind = (answer.asked_at - self.judged_at) // SECOND_US
            log.warning("%s's clock is %d s behind ours", answer.candidate.name, behind)
            unsure |= {a.series_id for a in asked}
        if answer.is_delayed or not can_prove:  # what it lacks, nobody has answered for
            unsure |= {a.series_id for a in asked if not a.sent.all()}
        if answer.is_suspicious:  # it has stopped sending news: what it lacks of the newest may be with others
            unsure |= {a.series_id for a in asked if len(a.sent) and not a.sent[-1]}
        return unsure

    def read_again(self, *, can_prove: bool) -> Rereading:
        """Only of series that have rows to store: without one an answer says nothing of what was taken back."""
        stored = set(self.checked.batch.symbols)
        rows = {name: starts for name, starts in self.rows.items() if name in stored}
        return read_again(
            self.answer, self.group, rows, unreadable=self._unreadable(), judged_at=self.judged_at, can_prove=can_prove
        )

    def _unreadable(self) -> frozenset[str]:
        return frozenset(r.symbol for r in self.checked.rejected if r.start is None)

    def series_answers(self) -> list[SeriesAnswer]:
        answer, rows, unreadable = self.answer, self.rows, self._unreadable()
        provider_id = answer.candidate.provider_id
        silent = [self.group.series[name].pk for name in answer.answered if name not in rows]
        known = sent_before(
            series_ids=silent, provider_id=provider_id, interval=self.group.interval, start=self.group.start, end=self.group.end
        )
        return [
            self._series_answer(
                self.group.series[name],
                rows.get(name, NO_ROWS),
                has_unreadable=name in unreadable,
                was_sent_before=self.group.series[name].pk in known,
                provider_id=provider_id,
            )
            for name in sorted(answer.answered)
        ]

    def _series_answer(
        self,
        series: Series,
        rows: MicrosArray,
        *,
        has_unreadable: bool,
        was_sent_before: bool,
        provider_id: int,
    ) -> SeriesAnswer:
        slots = self.group.open_slots(series, self.judged_at)
        return SeriesAnswer(
            series_id=series.pk,
            slots=slots,
            sent=np.isin(slots, rows),
            last_row=int(rows.max()) if len(rows) else None,
            asked_until=int(slots[-1]) + self.group.interval.us if len(slots) else self.group.start,
            density=self.group.density.get(series.pk),
            has_unreadable=has_unreadable,
            was_sent_before=was_sent_before,
            doubted_by_others=doubted_by_others(self.group.doubts.get(series.pk, {}), provider_id),
        )

    def remember_doubts(self, verdicts: Iterable[Verdict], *, barred: Mapping[int, Spans]) -> None:
        """For the next provider of this job, whose silence this one's may confirm; where its silence does not count, it confirms none."""
        for verdict in (verdict for verdict in verdicts if len(verdict.doubted)):
            doubted = minus(spans_of(verdict.doubted, self.group.interval.us), barred.get(verdict.series_id, NO_SPANS))
            if len(doubted):
                self.group.doubts.setdefault(verdict.series_id, {})[self.answer.candidate.provider_id] = doubted

    def rejections(self) -> list[tuple[int, Rejection]]:
        """Refused rows with their series; those of symbols that nobody asked for have none, and are counted in the log."""
        checked = self.checked
        strangers = [r for r in checked.rejected if r.symbol not in self.group.series]
        if strangers:
            log.warning(
                "%d rows of symbols not asked for, e.g. %s: %s", len(strangers), strangers[0].symbol, strangers[0].raw[:200]
            )
        return [(self.group.series[r.symbol].pk, r) for r in checked.rejected if r.symbol in self.group.series]

    def batch(self, verdicts: Sequence[Verdict], withdrawn: Sequence[HeldSlots], ranking: Mapping[int, int]) -> WriteBatch:
        answer = self.answer
        candidate, bars = answer.candidate, self.checked.batch
        series = [self.group.series[name] for name in bars.symbols]
        return WriteBatch(
            interval=self.group.interval,
            provider_id=candidate.provider_id,
            provider=candidate.name,
            feed_scope=candidate.account.feed_scope.value,
            settle_after=candidate.settle_after,
            ranks=ranking,
            asked_at=answer.asked_at,
            received_at=answer.received_at,
            series_ids=np.array([one.pk for one in series], dtype=np.int64),
            labels=[SeriesLabel(one.instrument.symbol, one.instrument.mic, one.hours, one.adjustment) for one in series],
            session_days=self.group.calendar.session_days(bars.start, self.group.interval),
            bars=replace(bars, symbols=tuple(one.instrument.symbol for one in series)),
            rejected=self.rejections(),
            absent=[row for verdict in verdicts for row in self._absent(verdict)],
            withdrawn=withdrawn,
            answered_through={v.series_id: v.answered_through for v in verdicts if v.answered_through is not None},
        )

    def _absent(self, verdict: Verdict) -> Iterable[AbsentSlots]:
        for slots, is_believed in ((verdict.believed, True), (verdict.doubted, False)):
            days = self.group.calendar.session_days(slots, self.group.interval) if len(slots) else np.empty(0, dtype=np.int32)
            for day in np.unique(days):
                spans = spans_of(slots[days == day], self.group.interval.us)
                yield AbsentSlots(verdict.series_id, int(day), spans, is_believed, verdict.why)
