"""Series in the order in which an operator looks at them: those that lack most first, then the others by symbol."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from collector.models import Series
from collector.selectors.gaps import find_gaps
from collector.selectors.scopes import Scope
from providers.market.calendar import get_calendar
from providers.market.types import Hours, Micros
from providers.policy import Snapshot


@dataclass(frozen=True, slots=True)
class SeriesPage:
    """Series with their instruments; `has_more` behind them. `unusable`: calendars that can't be had, whose series are left out."""

    series: list[Series]
    has_more: bool
    unusable: list[str]


def worst_first(
    found: QuerySet[Series],
    *,
    first: date,
    last: date,
    now: Micros,
    snapshot: Snapshot,
    only_missing: bool,
    offset: int,
    limit: int,
) -> SeriesPage:
    """A page of `found` by the time that each lacks in the sessions dated `first` to `last`; `only_missing`: those that lack some.

    One statement a kind of series, as a scan. What has just closed is not counted, and neither is what inactive series lack.
    """
    usable, unusable = _usable(found)
    lacking = _lacking(usable, first=first, last=last, now=now, snapshot=snapshot)
    worst = sorted(lacking, key=lambda pk: (-lacking[pk], pk))
    ids = worst[offset : offset + limit + 1]
    if not only_missing and len(ids) <= limit:
        rest = usable.exclude(pk__in=worst).order_by("instrument__symbol", "instrument__mic", "interval", "pk")
        skipped = max(0, offset - len(worst))
        ids += rest.values_list("pk", flat=True)[skipped : skipped + limit + 1 - len(ids)]
    rows = Series.objects.select_related("instrument").in_bulk(ids[:limit])
    return SeriesPage([rows[pk] for pk in ids[:limit]], len(ids) > limit, unusable)


def _usable(found: QuerySet[Series]) -> tuple[QuerySet[Series], list[str]]:
    """Without those of calendars that can't be had."""
    faults = {}
    for calendar, hours in found.order_by().values_list("instrument__calendar", "hours").distinct():
        try:
            get_calendar(calendar, Hours(hours))
        except ValueError as error:
            faults[calendar, hours] = f"Series of {hours} hours on {calendar} are left out: {error}"
    for calendar, hours in faults:
        found = found.exclude(instrument__calendar=calendar, hours=hours)
    return found, [*faults.values()]


def _lacking(found: QuerySet[Series], *, first: date, last: date, now: Micros, snapshot: Snapshot) -> Mapping[int, int]:
    scope = Scope(series_ids=list(found.order_by().values_list("pk", flat=True)))
    lacking = Counter[int]()
    for gap in find_gaps(scope=scope, snapshot=snapshot, now=now, start=first, end=last):
        lacking[gap.series_id] += gap.slots * gap.interval.us
    return lacking
