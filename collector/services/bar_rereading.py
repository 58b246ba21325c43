"""What an answer about whole sessions says of bars that are held already: which of them its provider has taken back."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from collector.core.bars import NO_ROWS
from collector.core.spans import NO_SPANS, Spans, inside, spans_of
from collector.core.withdrawal import Reread, reread
from collector.models import Series
from collector.schemas import Priority
from collector.selectors.evidence import held
from collector.services.bar_group import BarGroup
from collector.withdrawing import HeldSlots
from providers.fetching import ProviderAnswer
from providers.market.types import Micros, MicrosArray

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rereading:
    """`slots`: of which bars were taken back. `doubted`: ids of series about which somebody else should be asked."""

    slots: tuple[HeldSlots, ...] = ()
    doubted: frozenset[int] = frozenset()


NOTHING_READ_AGAIN = Rereading()


def read_again(
    answer: ProviderAnswer,
    group: BarGroup,
    rows: Mapping[str, MicrosArray],
    *,
    unreadable: frozenset[str],
    judged_at: Micros,
    can_prove: bool,
) -> Rereading:
    """Compare an answer with what is held of its window. `rows`: slots that rows came for; `unreadable`: who had a row without time."""
    if group.job.priority is not Priority.VERIFY:
        return NOTHING_READ_AGAIN
    series = {name: group.series[name] for name in sorted(answer.answered)}
    spans = held(series_ids=[one.pk for one in series.values()], start=group.start, end=group.end)
    found = {
        name: reread(
            held=_held_slots(group, spans.get(one.pk, NO_SPANS)),
            sent=np.sort(rows.get(name, NO_ROWS)),
            step=group.interval.us,
            settled_before=judged_at - answer.candidate.settle_after,
            judged_at=judged_at,
            is_whole=name not in unreadable and not answer.is_delayed,
        )
        for name, one in series.items()
    }
    _tell(answer.candidate.name, found)
    slots = [part for name, one in found.items() for part in _by_session(group, series[name], one.withdrawn, can_prove)]
    return Rereading(tuple(slots), frozenset(series[name].pk for name, one in found.items() if one.is_doubted))


def _held_slots(group: BarGroup, spans: Spans) -> MicrosArray:
    slots = group.calendar.slots(group.interval, group.start, group.end)
    return slots[inside(slots, spans)]


def _by_session(group: BarGroup, series: Series, starts: MicrosArray, can_prove: bool) -> list[HeldSlots]:
    if not len(starts):
        return []
    days = group.calendar.session_days(starts, group.interval)
    return [
        HeldSlots(series.pk, int(day), spans_of(starts[days == day], group.interval.us), is_proven=can_prove)
        for day in np.unique(days)
    ]


def _tell(provider: str, found: Mapping[str, Reread]) -> None:
    doubted = [name for name, one in found.items() if one.is_doubted]
    if doubted:
        log.warning(
            "%s lacks held bars of %d of %d series, e.g. %s, in a way that proves nothing",
            provider, len(doubted), len(found), doubted[0], extra={"action": "reread_doubted"},
        )  # fmt: skip
