"""Everything that is known of one slot: the held bar, what it was before, and what other providers said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.models import Bar, BarAlternate, BarRevision, DailyBar, Series
from providers.market.types import Interval


@dataclass(frozen=True, slots=True)
class BarHistory:
    """`revisions` newest first, the held value not among them."""

    held: Bar | DailyBar | None
    revisions: list[BarRevision]
    alternates: list[BarAlternate]


def bar_history(*, series: Series, start: datetime) -> BarHistory:
    """The history of the slot that begins at `start`."""
    model = DailyBar if series.interval == Interval.D1 else Bar
    return BarHistory(
        held=model.objects.select_related("provider").filter(series=series, start=start).first(),
        revisions=list(BarRevision.objects.select_related("provider").filter(series=series, start=start).order_by("-rev")),
        alternates=list(BarAlternate.objects.select_related("provider").filter(series=series, start=start)),
    )


def disputed(*, series: Series, starts: Sequence[datetime]) -> set[datetime]:
    """Which of the slots another provider saw differently."""
    return set(BarAlternate.objects.filter(series=series, start__in=starts).values_list("start", flat=True))


def newest_start(*, series: Series) -> datetime | None:
    """Start of the newest held bar."""
    model = DailyBar if series.interval == Interval.D1 else Bar
    return model.objects.filter(series=series).order_by("-start").values_list("start", flat=True).first()
