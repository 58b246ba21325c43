"""When many series miss the same time: spans that belong together, and which incident they go on from. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collector.core.spans import NO_SPANS, Spans, union
from providers.market.types import MINUTE_US, Micros, MicrosArray

APART_US = 5 * MINUTE_US
"""Outages with less than that between them are one: a vendor that loses every other minute is ill once."""


def crowded(starts: MicrosArray, ends: MicrosArray, *, least: int) -> Spans:
    """The time in which gaps `[start, end)` of at least `least` series overlap.

    Around such time half as many are enough to go on: an outage that ends for one series a moment before it ends for the others,
    or that some had bars in by chance, is one.
    """
    core = _overlapping(starts, ends, least=least)
    wide = _overlapping(starts, ends, least=max(2, least // 2))
    if not len(core):
        return NO_SPANS
    at = np.searchsorted(wide[:, 0], core[:, 0], side="right") - 1
    return wide[np.unique(at)]


def _overlapping(starts: MicrosArray, ends: MicrosArray, *, least: int) -> Spans:
    if not len(starts):
        return NO_SPANS
    moments, at = np.unique(np.concatenate((starts, ends)), return_inverse=True)
    change = np.bincount(at, weights=np.repeat([1, -1], len(starts)), minlength=len(moments))
    is_full = np.cumsum(change)[:-1] >= least
    return union(np.column_stack((moments[:-1], moments[1:]))[is_full])


def joined(spans: Spans, slots: MicrosArray) -> Spans:
    """Spans with no expected slot between them made one: an outage goes on behind a lunch break or a night."""
    if len(spans) < 2:
        return spans
    between = slots.searchsorted(spans[1:, 0]) - slots.searchsorted(spans[:-1, 1])
    opens = np.concatenate(([True], between > 0))
    first = np.flatnonzero(opens)
    return np.column_stack((spans[first, 0], spans[np.concatenate((first[1:] - 1, [len(spans) - 1])), 1]))


def _near(spans: Spans) -> Spans:
    """Spans less than `APART_US` from each other made one."""
    return union(spans + np.array([0, APART_US - 1])) - np.array([0, APART_US - 1]) if len(spans) else spans


@dataclass(frozen=True, slots=True)
class Known:
    """An open incident's row: its number and its span so far."""

    number: int
    start: Micros
    end: Micros


@dataclass(frozen=True, slots=True)
class Grown:
    """One incident's span from now on. `number` None: a new one; `absorbed`: others that turned out to be the same."""

    number: int | None
    start: Micros
    end: Micros
    absorbed: tuple[int, ...] = ()


def grown(spans: Spans, known: Sequence[Known], slots: MicrosArray) -> list[Grown]:
    """What the spans of many missing series make of the open incidents, by time. An incident never shrinks.

    A span that overlaps one or lies near it goes on with it; of several that it connects the oldest number stays. Over time in which
    nothing is expected only spans that are missing now are joined: what was filled meanwhile is not the same outage.
    """
    old = np.array([[one.start, one.end] for one in known], dtype=np.int64).reshape(-1, 2)
    together = _near(union(joined(spans, slots), old))
    found = []
    for start, end in together.tolist():
        within = sorted(one.number for one in known if start <= one.start and one.end <= end)
        found.append(Grown(within[0] if within else None, start, end, tuple(within[1:])))
    return found


def missing_series(starts: MicrosArray, ends: MicrosArray, series: MicrosArray, *, start: Micros, end: Micros) -> MicrosArray:
    """The series with a gap within `[start, end)`, ascending, each once."""
    return np.unique(series[(starts < end) & (ends > start)])
