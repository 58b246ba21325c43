"""What the series of one bars job have in common, and what is known of each when it is asked for: reads only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from collector.core.evidence import DENSE_SHARE
from collector.core.fitting import is_made_of
from collector.core.running import over_until
from collector.core.spans import Spans, inside
from collector.models import Series
from collector.schemas import BarsFetchJob, Priority
from collector.selectors.evidence import covered, densities, doubts
from collector.selectors.expected import ExpectedSlots, expected_slots
from collector.selectors.overrides import read_closures
from collector.services.naming import names_of, vendor_symbol
from providers.lanes import Lane
from providers.market.calendar import Calendar, get_calendar
from providers.market.types import AssetClass, Capability, FeedScope, Hours, Interval, Micros, MicrosArray, to_us
from providers.selectors import Candidate


@dataclass(slots=True, eq=False)
class BarGroup:
    """Series of one asset class and calendar that accept one feed, over one window; by the name that the job calls each."""

    job: BarsFetchJob
    series: dict[str, Series]
    now: Micros
    interval: Interval
    asset_class: AssetClass
    calendar: Calendar
    expected: ExpectedSlots
    start: Micros
    end: Micros
    density: dict[int, float]
    doubts: dict[int, dict[int, Spans]]
    covered: dict[int, Spans] = field(default_factory=dict)

    @property
    def lane(self) -> Lane:
        return Lane.LIVE if self.job.priority is Priority.LIVE else Lane.HISTORY

    @property
    def capability(self) -> Capability:
        return Capability.of_bars(self.interval)

    def look(self) -> None:
        """See anew what is covered: a slot that one provider filled is no longer open for the next one's silence."""
        ids = [series.pk for series in self.series.values()]
        self.covered = covered(series_ids=ids, start=self.start, end=self.end)

    def takes(self, name: str, candidate: Candidate) -> bool:
        """Whether a provider's bars are what the series is made of."""
        series = self.series[name]
        return is_made_of(candidate.account, adjustment=series.adjustment, feed_scope=series.feed_scope)

    def can_prove(self, candidate: Candidate) -> bool:
        """Whether a provider's silence can mean "no trade" for these series."""
        scope = candidate.account.feed_scope
        return scope is FeedScope.CONSOLIDATED or next(iter(self.series.values())).feed_scope == scope

    def vendor_symbols(self, names: Iterable[str], candidate: Candidate) -> dict[str, str]:
        """How a provider spells them."""
        return {name: vendor_symbol(self.series[name].instrument, candidate) for name in names}

    def over_until(self, at: Micros) -> Micros:
        """Slots that end by then are over at `at`, see `collector.core.running`."""
        return over_until(self.calendar, self.interval, at)

    def open_slots(self, series: Series, judged_at: Micros) -> MicrosArray:
        """Closed expected slots of the window that are not covered yet."""
        slots = self.expected.of(series)
        slots = slots[: slots.searchsorted(self.over_until(judged_at) - self.interval.us, "right")]
        done = self.covered.get(series.pk)
        return slots if done is None else slots[~inside(slots, done)]

    def newest(self, names: Iterable[str]) -> dict[str, Micros]:
        """Of each series with a bar in nearly every slot, the newest slot that closed, while it is open: who lacks it is behind.

        Live only: history holds no news.
        """
        slots = self.expected.slots
        last = slots[: slots.searchsorted(self.over_until(self.end) - self.interval.us, "right")][-1:]
        if self.lane is not Lane.LIVE or not len(last):
            return {}
        dense = [name for name in names if (self.density.get(self.series[name].pk) or 0.0) >= DENSE_SHARE]
        return {name: int(last[0]) for name in dense if self._is_open(self.series[name], last)}

    def _is_open(self, series: Series, slot: MicrosArray) -> bool:
        return bool((self.open_slots(series, self.now)[-1:] == slot).any())


def groups_of(job: BarsFetchJob, found: Iterable[Series], *, now: Micros) -> list[BarGroup]:
    """The job's series by what a query and a judgement have in common."""
    members: dict[tuple[str, str, str], list[Series]] = {}
    for series in found:
        key = (series.instrument.asset_class, series.instrument.calendar, series.feed_scope)
        members.setdefault(key, []).append(series)
    return [_group(job, group, now) for group in members.values()]


def _group(job: BarsFetchJob, group: Sequence[Series], now: Micros) -> BarGroup:
    interval, ids = Interval(job.interval), [series.pk for series in group]
    calendar = get_calendar(group[0].instrument.calendar, Hours(job.hours))
    start, end = to_us(job.start), to_us(job.end)
    slots, closures = calendar.slots(interval, start, end), read_closures(since=start)
    made = BarGroup(
        job=job,
        series=dict(zip(names_of([one.instrument for one in group]), group, strict=True)),
        now=now,
        interval=interval,
        asset_class=AssetClass(group[0].instrument.asset_class),
        calendar=calendar,
        expected=expected_slots(calendar, interval, slots=slots, closures=closures, now=now),
        start=start,
        end=end,
        density=densities(series_ids=ids, calendar=calendar, interval=interval, before=start),
        doubts={k: dict(v) for k, v in doubts(series_ids=ids, start=start, end=end).items()},
    )
    made.look()
    return made
