"""The life of a series: the time in which the slots of its calendar are expected of it. Pure.

A slot belongs to the span that its start lies in; its end does not matter.
"""

from collections.abc import Iterable

import numpy as np

from collector.core.spans import Spans
from providers.market.types import Micros

Life = tuple[tuple[Micros, Micros], ...]
"""Half-open spans, ascending, disjoint and not touching: a `Spans` that can be a key."""
ALWAYS, FOREVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def life_of(*, wanted: Iterable[tuple[Micros, Micros]], low: Micros = ALWAYS, high: Micros = FOREVER) -> Life:
    """The union of the wanted spans, clipped to `[low, high)`."""
    life: list[tuple[Micros, Micros]] = []
    for start, end in sorted((max(start, low), min(end, high)) for start, end in wanted):
        if start >= end:
            continue
        if life and start <= life[-1][1]:
            life[-1] = (life[-1][0], max(life[-1][1], end))
        else:
            life.append((start, end))
    return tuple(life)


def as_spans(life: Life) -> Spans:
    """The same as an array."""
    return np.array(life, dtype=np.int64).reshape(-1, 2)
