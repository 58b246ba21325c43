"""Which windows are asked for at which time, so that a vendor that keeps bars for a month still has those of years ago. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from collector.replay.planning import Span, Target
from collector.replay.recording import Window
from providers.market.types import MINUTE_US, Micros

SETTLED_US = 10 * MINUTE_US
"""The clock is so far behind the last slot that is asked for that a silence about it counts."""
DURATION_US = 10 * MINUTE_US
"""A pass is over by then: its oldest slot must stay within reach."""
FOREVER: Span = (-(2**55), 2**55)


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """Windows of targets (by their place) and the time at which they are asked for; None is now. `reach`: what can be asked for."""

    moment: Micros | None
    windows: dict[int, list[Window]]
    reach: Span = FOREVER


def passes_of(targets: Sequence[Target]) -> list[Pass]:
    """All windows of all targets, each once; times ascend, because no account of the service's runs backwards, and now is last."""
    by_depth: dict[Micros | None, list[tuple[int, Window]]] = defaultdict(list)
    for place, target in enumerate(targets):
        by_depth[target.depth] += [(place, window) for window in target.windows]
    now = by_depth.pop(None, [])
    past = [one for depth, asked in by_depth.items() if depth is not None for one in _past(asked, depth)]
    past.sort(key=lambda one: one.reach[1])
    return [*past, *([Pass(None, _by_place(now))] if now else [])]


def _past(asked: list[tuple[int, Window]], depth: Micros) -> list[Pass]:
    """As few as can be: each begins with the oldest window that is left and takes in what its time allows."""
    passes = []
    left = sorted(asked, key=lambda item: item[1].start)
    while left:
        oldest = left[0][1]
        moment = max(oldest.start + depth - DURATION_US, oldest.end + SETTLED_US)
        fitting = [item for item in left if item[1].end + SETTLED_US <= moment]
        passes.append(Pass(moment, _by_place(fitting), reach=(oldest.start, moment - SETTLED_US)))
        left = [item for item in left if item[1].end + SETTLED_US > moment]
    return passes


def _by_place(items: list[tuple[int, Window]]) -> dict[int, list[Window]]:
    windows: dict[int, list[Window]] = defaultdict(list)
    for place, window in items:
        windows[place].append(window)
    return dict(windows)
