"""Pages of gaps, by series in the order they were made, and time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

from collector.selectors import cursors
from collector.selectors.gaps import Gap, find_gaps
from collector.selectors.scopes import Scope, series_ids
from providers.api_errors import ApiError
from providers.market.types import Micros
from providers.policy import Snapshot

SERIES_A_LOOK = 1_000
"""Series scanned at a time: a page that is full early costs little, and one that finds nothing not much more than a whole scan."""


@dataclass(frozen=True, slots=True)
class GapsPage:
    """Gaps, and the cursor of the next page, None after the last."""

    gaps: list[Gap]
    next: str | None


def gaps_page(
    *, scope: Scope, snapshot: Snapshot, now: Micros, first: date, last: date, limit: int, after: str | None
) -> GapsPage:
    """One page of the gaps in sessions dated `first` to `last`. Raises: ApiError for a bad cursor."""
    series_id, start = _position(after)
    following = (
        gap
        for gap in _in_order(scope, since=series_id, snapshot=snapshot, now=now, first=first, last=last)
        if (gap.series_id, gap.start) > (series_id, start)
    )
    found = list(islice(following, limit + 1))
    kept = found[:limit]
    more = len(found) > limit
    return GapsPage(gaps=kept, next=cursors.encode((str(kept[-1].series_id), kept[-1].start)) if more else None)


def _in_order(scope: Scope, *, since: int, snapshot: Snapshot, now: Micros, first: date, last: date) -> Iterator[Gap]:
    while ids := series_ids(scope, since=since, most=SERIES_A_LOOK):
        found = find_gaps(scope=replace(scope, series_ids=ids), snapshot=snapshot, now=now, start=first, end=last)
        yield from sorted(found, key=lambda gap: (gap.series_id, gap.start))
        since = ids[-1] + 1


def _position(after: str | None) -> tuple[int, Micros]:
    if after is None:
        return 0, 0
    series_id, start = cursors.decode(after, kind=int)
    if not series_id.isascii() or not series_id.isdigit() or len(series_id) > 18 or not isinstance(start, int):
        raise ApiError("after: expected the `next` of an earlier page", code="bad_cursor", field="after")
    return int(series_id), start
