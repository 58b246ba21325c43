"""Which series a question is about, and what kinds of them there are: those of a kind share their expected slots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from collector.selectors.expected import OLDEST
from providers.market.calendar import get_calendar
from providers.market.types import Hours, Interval, Micros


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series are scanned; None: all. Those that are not active never are.

    `as_if_asked`: as if all of their history had been asked for; what a range would cost is known before it is.
    """

    tiers: Sequence[str] | None = None
    symbols: Sequence[str] | None = None
    mic: str | None = None
    interval: Interval | None = None
    series_ids: Sequence[int] | None = None
    as_if_asked: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """Series that share their expected slots; `low`: the first instant of the oldest one's life."""

    calendar: str
    hours: Hours
    interval: Interval
    tiers: Sequence[str]
    low: Micros
    series: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How many active series a scope holds, and a sentence for each calendar that keeps some of them from being scanned."""

    series: int
    faults: Sequence[str]


def reach_of(scope: Scope) -> Reach:
    """What a scan of that scope looks at: without a gap and without a series is not the same."""
    kinds = kinds_of(scope)
    return Reach(series=sum(kind.series for kind in kinds), faults=[text for text in map(_fault, kinds) if text])


def series_ids(scope: Scope, *, since: int, most: int) -> list[int]:
    """Ids of the scope's series from `since` on, ascending."""
    with connection.cursor() as cursor:
        cursor.execute(_SERIES, scope_parameters(scope) | {"since": since, "most": most})
        return [series_id for (series_id,) in cursor.fetchall()]


def kinds_of(scope: Scope) -> list[Kind]:
    """By calendar, hours and interval."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, scope_parameters(scope))
        return [
            Kind(calendar, Hours(hours), Interval(interval), tiers, low, series)
            for calendar, hours, interval, tiers, low, series in cursor.fetchall()
        ]


def _fault(kind: Kind) -> str:
    try:
        get_calendar(kind.calendar, kind.hours)
    except ValueError as error:
        return f"{kind.series} series of {kind.interval} on {kind.calendar} can't be scanned: {error}"
    return ""


# A condition on a series `s` and its instrument `i`. Its values: `scope_parameters`.
IN_SCOPE = """s.is_active
  AND (%(tiers)s::text[] IS NULL OR s.tier_id = ANY(%(tiers)s::text[]))
  AND (%(symbols)s::text[] IS NULL OR i.symbol = ANY(%(symbols)s::text[]))
  AND (%(mic)s::text IS NULL OR i.mic = %(mic)s::text)
  AND (%(only)s::text IS NULL OR s.interval = %(only)s::text)
  AND (%(ids)s::bigint[] IS NULL OR s.id = ANY(%(ids)s::bigint[]))"""


def scope_parameters(scope: Scope) -> dict[str, Any]:
    """What `IN_SCOPE` is bound to."""
    return {
        "tiers": None if scope.tiers is None else list(scope.tiers),
        "symbols": None if scope.symbols is None else list(scope.symbols),
        "mic": scope.mic,
        "only": scope.interval and scope.interval.value,
        "ids": None if scope.series_ids is None else list(scope.series_ids),
        "as_if_asked": scope.as_if_asked,
    }


_KINDS = f"""
SELECT i.calendar, s.hours, s.interval, array_agg(DISTINCT s.tier_id),
       (extract(epoch FROM min(CASE WHEN %(as_if_asked)s THEN coalesce(i.listed_at, 'epoch') ELSE {OLDEST} END)) * 1000000)::bigint,
       count(*)
FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
WHERE {IN_SCOPE} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608 - made of constants; values are bound

_SERIES = f"""
SELECT s.id FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
WHERE s.id >= %(since)s AND {IN_SCOPE} ORDER BY s.id LIMIT %(most)s
"""  # noqa: S608 - made of constants; values are bound
