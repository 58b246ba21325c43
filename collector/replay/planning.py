"""What is still missing, from Coverage alone, and the jobs that fetch it. Nothing is remembered between two plans."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Max, Min

from collector.core.spans import inside
from collector.models import Bar, DailyBar, Series
from collector.replay.recording import Recorded, Window
from collector.schemas import BarsFetchJob, Priority
from collector.selectors.evidence import covered
from providers.market.types import Adjustment, Interval, Micros, from_us, to_us

Span = tuple[Micros, Micros]
SLOTS_A_JOB = 10_000
"""About a week of minutes round the clock: one call at either vendor, small enough that a killed worker loses little."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One recorded series and the row that collects it. `depth`: how far back of its clock the vendor answers."""

    recorded: Recorded
    series: Series
    windows: Sequence[Window]
    columns: Sequence[str]
    depth: Micros | None = None


def target_of(
    recorded: Recorded, series: Series, *, columns: Sequence[str], depth: Micros | None = None, longest: Micros | None = None
) -> Target:
    """The series with its windows, made once."""
    windows = recorded.windows(slots_a_window=SLOTS_A_JOB, longest=longest)
    return Target(recorded=recorded, series=series, windows=windows, columns=columns, depth=depth)


def open_windows(target: Target, among: Sequence[Window]) -> list[Window]:
    """Windows in which a slot is neither held nor proven empty."""
    if not among:
        return []
    done = covered(series_ids=[target.series.pk], start=among[0].start, end=among[-1].end)
    spans = done.get(target.series.pk)
    if spans is None:
        return list(among)
    return [window for window in among if not inside(window.slots, spans).all()]


def jobs(target: Target, windows: Iterable[Window], *, bracket_within: Span | None) -> list[BarsFetchJob]:
    """One job a window; with `bracket_within`, neighbouring windows in one, reaching from the bar held before to the bar held behind.

    A vendor that sends those two bars again and nothing between them is not mute: that is what makes a long silence credible.
    """
    spans = [(window.start, window.end) for window in windows]
    if bracket_within is not None:
        spans = [_bracket(target, start, end, bracket_within) for start, end in _joined(spans)]
    series = target.series
    return [
        BarsFetchJob(
            tier=series.tier_id,
            priority=Priority.HISTORY,
            symbols=[series.instrument.symbol],
            mic=series.instrument.mic,
            interval=target.recorded.interval,
            adjustment=Adjustment(series.adjustment),
            hours=target.recorded.hours,
            start=from_us(start),
            end=from_us(end),
        )
        for start, end in spans
    ]


def _joined(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _bracket(target: Target, start: Micros, end: Micros, within: Span) -> Span:
    table = DailyBar if target.recorded.interval is Interval.D1 else Bar
    held = table.objects.filter(
        series_id=target.series.pk, start__gte=from_us(within[0]), start__lt=from_us(within[1]), withdrawn_by=None
    )
    before = held.filter(start__lt=from_us(start)).aggregate(newest=Max("start"))["newest"]
    behind = held.filter(start__gte=from_us(end)).aggregate(oldest=Min("start"))["oldest"]
    step = target.recorded.interval.us
    return (to_us(before) if before else start, to_us(behind) + step if behind else end)
