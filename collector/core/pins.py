"""Spans in which only one provider's values count, because an operator declared the others' bad. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from collector.core.spans import NO_SPANS, Spans, minus, union
from providers.market.types import Micros


@dataclass(frozen=True, slots=True)
class Pin:
    """From then on in `[start, end)` only this provider's values count; None: everybody's again."""

    start: Micros
    end: Micros
    provider_id: int | None


def barred(pins: Iterable[Pin], provider_id: int) -> Spans:
    """Where a provider's values do not count. `pins` oldest first: the newest that covers an instant decides."""
    out = NO_SPANS
    for pin in pins:
        span = np.array([[pin.start, pin.end]], dtype=np.int64)
        out = minus(out, span) if pin.provider_id in {None, provider_id} else union(out, span)
    return out
