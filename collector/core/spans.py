"""Sets of half-open spans of time as arrays, and what they have to do with slots. Pure.

A `Spans` is an int64 array of shape (n, 2), epoch microseconds, `[start, end)` a row, ascending, disjoint and not touching: the same
normal form that a Postgres multirange has.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from providers.market.schedule import Session
from providers.market.types import MicrosArray, from_us, to_us

Spans = npt.NDArray[np.int64]

NO_SPANS: Spans = np.empty((0, 2), dtype=np.int64)
_BOUNDS = re.compile('"([^"]+)"')


def spans_of(starts: MicrosArray, step: int) -> Spans:
    """The union of `[start, start + step)` over ascending starts (repeats allowed)."""
    if not len(starts):
        return NO_SPANS
    breaks = np.flatnonzero(np.diff(starts) > step) + 1
    first = np.concatenate(([0], breaks))
    last = np.concatenate((breaks - 1, [len(starts) - 1]))
    return np.column_stack((starts[first], starts[last] + step))


def inside(starts: MicrosArray, spans: Spans) -> npt.NDArray[np.bool_]:
    """For each instant whether one of the spans contains it."""
    if not len(spans):
        return np.zeros(len(starts), dtype=bool)
    position = np.searchsorted(spans[:, 0], starts, side="right") - 1
    contained: npt.NDArray[np.bool_] = (position >= 0) & (starts < spans[np.maximum(position, 0), 1])
    return contained


def union(*sets: Spans) -> Spans:
    """All time that any of the sets contains, in normal form."""
    rows = np.concatenate([s for s in sets if len(s)] or [NO_SPANS])
    if not len(rows):
        return NO_SPANS
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    reach = np.maximum.accumulate(rows[:, 1])
    opens = np.concatenate(([True], rows[1:, 0] > reach[:-1]))
    first = np.flatnonzero(opens)
    return np.column_stack((rows[first, 0], reach[np.concatenate((first[1:] - 1, [len(rows) - 1]))]))


def minus(spans: Spans, taken: Spans) -> Spans:
    """The time of the first set that the second does not contain, in normal form."""
    if not len(spans) or not len(taken):
        return spans
    cuts = np.unique(np.concatenate((spans.ravel(), taken.ravel())))
    kept = inside(cuts[:-1], spans) & ~inside(cuts[:-1], taken)
    return union(np.column_stack((cuts[:-1], cuts[1:]))[kept])


def overlap(spans: Spans, others: Spans) -> Spans:
    """The time that both sets contain, in normal form."""
    return minus(spans, minus(spans, others))


def traded_in(sessions: Iterable[Session]) -> Spans:
    """The trading time of sessions that follow each other."""
    return union(np.array([segment for one in sessions for segment in one.segments], dtype=np.int64).reshape(-1, 2))


def slots_in(spans: Spans, step: int) -> int:
    """How many slots of length `step` the spans hold."""
    return int((spans[:, 1] - spans[:, 0]).sum() // step)


def from_multirange(multirange: Iterable[Any]) -> Spans:
    """Spans of a psycopg `Multirange` of bounded timestamptz ranges."""
    rows = [(to_us(span.lower), to_us(span.upper)) for span in multirange]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def to_literal(spans: Spans) -> str:
    """Postgres' text form of the spans as a `tstzmultirange`."""
    return "{" + ",".join(f"[{_iso(a)},{_iso(b)})" for a, b in spans.tolist()) + "}"


def from_literal(text: str) -> Spans:
    """Spans of Postgres' text form of a `tstzmultirange` of bounded ranges: cheaper than ranges as objects, and a key to remember by."""
    bounds = [to_us(datetime.fromisoformat(bound)) for bound in _BOUNDS.findall(text)]
    return np.array(bounds, dtype=np.int64).reshape(-1, 2)


def _iso(micros: int) -> str:
    moment: datetime = from_us(micros)
    return f'"{moment.isoformat()}"'
