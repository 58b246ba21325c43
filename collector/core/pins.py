"""Spans in which only one provider's values count, because an operator declared the others' bad. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from collector.core.spans import NO_SPANS, Spans, minus, union
from providers.market.types import Micros


@dataclass(frozen=True, slots=True)
class Pin:
    """From `declared_at` on in `[start, end)` only this provider's values count, None: everybody's; and nobody's that was asked for before."""

    start: Micros
    end: Micros
    provider_id: int | None
    declared_at: Micros


def barred(pins: Iterable[Pin], provider_id: int, *, asked_at: Micros) -> Spans:
    """Where values of a provider that was asked at that moment do not count. `pins` oldest first: the newest that covers an instant decides."""
    out = NO_SPANS
    for pin in pins:
        span = np.array([[pin.start, pin.end]], dtype=np.int64)
        counts = pin.provider_id in {None, provider_id} and asked_at >= pin.declared_at
        out = minus(out, span) if counts else union(out, span)
    return out
