"""What is still missing, from Coverage alone, and the jobs that fetch it. Nothing is remembered between two plans."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Max, Min

from collector.core.spans import inside
from collector.models import Bar, DailyBar, Series
from collector.replay.recording import Recorded, Window
from collector.schemas import BarsFetchJob, Priority
from collector.selectors.evidence import covered
from providers.market.types import Interval, Micros, from_us, to_us

SLOTS_A_JOB = 10_000
"""About a week of minutes round the clock: one call at either vendor, small enough that a killed worker loses little."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One recorded series and the row that collects it."""

    recorded: Recorded
    series: Series
    windows: Sequence[Window]


def target_of(recorded: Recorded, series: Series) -> Target:
    """The series with its windows, made once."""
    return Target(recorded=recorded, series=series, windows=recorded.windows(slots_a_window=SLOTS_A_JOB))


def open_windows(target: Target) -> list[Window]:
    """Windows in which a slot is neither held nor proven empty."""
    if not target.windows:
        return []
    done = covered(series_ids=[target.series.pk], start=target.windows[0].start, end=target.windows[-1].end)
    spans = done.get(target.series.pk)
    if spans is None:
        return list(target.windows)
    return [window for window in target.windows if not inside(window.slots, spans).all()]


def jobs(target: Target, windows: Iterable[Window], *, bracketed: bool) -> list[BarsFetchJob]:
    """One job a window; `bracketed`: neighbouring windows in one, reaching from the bar held before to the bar held behind.

    A vendor that sends those two bars again and nothing between them is not mute: that is what makes a long silence credible.
    """
    spans = [(window.start, window.end) for window in windows]
    if bracketed:
        spans = [_bracket(target, start, end) for start, end in _joined(spans)]
    series = target.series
    return [
        BarsFetchJob(
            tier=series.tier_id,
            priority=Priority.HISTORY,
            symbols=[series.instrument.symbol],
            mic=series.instrument.mic,
            interval=target.recorded.interval,
            hours=target.recorded.hours,
            start=from_us(start),
            end=from_us(end),
        )
        for start, end in spans
    ]


def _joined(spans: Sequence[tuple[Micros, Micros]]) -> list[tuple[Micros, Micros]]:
    joined: list[tuple[Micros, Micros]] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _bracket(target: Target, start: Micros, end: Micros) -> tuple[Micros, Micros]:
    table = DailyBar if target.recorded.interval is Interval.D1 else Bar
    held = table.objects.filter(series_id=target.series.pk)
    before = held.filter(start__lt=from_us(start)).aggregate(newest=Max("start"))["newest"]
    behind = held.filter(start__gte=from_us(end)).aggregate(oldest=Min("start"))["oldest"]
    step = target.recorded.interval.us
    return (to_us(before) if before else start, to_us(behind) + step if behind else end)


def missing_slots(target: Target) -> int:
    """How many expected slots are neither held nor proven empty."""
    if not target.windows:
        return 0
    slots = np.concatenate([window.slots for window in target.windows])
    done = covered(series_ids=[target.series.pk], start=int(slots[0]), end=int(slots[-1]) + 1)
    spans = done.get(target.series.pk)
    return len(slots) if spans is None else int((~inside(slots, spans)).sum())
