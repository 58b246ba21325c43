"""Beliefs that slots had no trade, taken back: the slots are missing again, and whoever looks for gaps finds them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from providers.market.types import Interval, from_us, to_us

SESSIONS_A_TRANSACTION = 500
"""So that no writer waits for long."""
SESSION_REACH = timedelta(days=2)
"""A slot's session may be dated a day beside its UTC day, and another day where the instrument's calendar was changed."""

Key = tuple[int, date]
"""(series, session)"""


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)`, both aware. Of each interval it means the whole slots that start in it, as everywhere."""

    start: datetime
    end: datetime

    def of_slots(self) -> dict[str, Any]:
        """Columns for `_SLOTS`: of each interval from its first slot to behind its last."""
        return {
            "intervals": [interval.value for interval in Interval],
            "starts": [_up(self.start, interval) for interval in Interval],
            "ends": [_up(self.end, interval) for interval in Interval],
        }


@dataclass(frozen=True, slots=True)
class Revoked:
    """What is believed no more: of which series, in how many sessions, how much time in minutes."""

    series_ids: tuple[int, ...]
    sessions: int
    minutes: int


def silent(*, span: Span, provider_id: int, series_ids: Sequence[int] | None) -> list[Key]:
    """Sessions in which that provider was silent within the span, believed or not, ascending; `series_ids` None: of all series."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT DISTINCT a.series_id, a.session
                FROM collector_absence a JOIN collector_series s ON s.id = a.series_id JOIN {_SLOTS} ON g.interval = s.interval
                WHERE a.provider_id = %(provider)s AND a.session BETWEEN %(first)s AND %(last)s
                  AND a.spans && {_RANGE} AND (%(ids)s::bigint[] IS NULL OR a.series_id = ANY(%(ids)s))
                ORDER BY 1, 2""",  # noqa: S608 - made of constants; values are bound
            {
                "provider": provider_id,
                "first": (span.start - SESSION_REACH).date(),
                "last": (span.end + SESSION_REACH).date(),
                "ids": None if series_ids is None else list(series_ids),
                **span.of_slots(),
            },
        )
        return list(cursor.fetchall())


def revoke(keys: Sequence[Key], *, span: Span, provider_id: int, record: Callable[[Revoked], None] = lambda _: None) -> Revoked:
    """Stop believing that provider within the span; what another provider's silence proves as well stays empty.

    What was doubted of it goes too: it would be the second witness for the next one's silence.

    A few hundred sessions a transaction: what was revoked before an interruption stays so, and saying it again changes nothing more.
    `record`: called with what each transaction revoked, within it; once with nothing where there are no keys.
    """
    series: set[int] = set()
    sessions = minutes = 0
    for at in range(0, max(1, len(keys)), SESSIONS_A_TRANSACTION):
        with transaction.atomic():
            chunk = keys[at : at + SESSIONS_A_TRANSACTION]
            _lock(chunk)
            part = _revoked(forget(chunk, span=span, provider_id=provider_id))
            record(part)
        series.update(part.series_ids)
        sessions, minutes = sessions + part.sessions, minutes + part.minutes
    return Revoked(tuple(sorted(series)), sessions, minutes)


def _revoked(found: Sequence[tuple[int, int]]) -> Revoked:
    """Of (series, minutes) by session."""
    ids = tuple(sorted({series_id for series_id, gone in found if gone}))
    return Revoked(ids, sum(gone > 0 for _, gone in found), sum(gone for _, gone in found))


def forget(keys: Sequence[Key], *, span: Span, provider_id: int | None) -> list[tuple[int, int]]:
    """The same for sessions whose coverage the caller holds locked; `provider_id` None: nobody's silence counts any more.

    Returns (series, minutes that are proven empty no more) of each session. A series that was answered through a slot of the span is
    answered up to the span only.
    """
    named: dict[str, Any] = {
        "ids": [series_id for series_id, _ in keys],
        "days": [day for _, day in keys],
        "provider": provider_id,
        **span.of_slots(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SHRINK_ABSENCES, named)
        cursor.execute(_DROP_ABSENCES, named)
        cursor.execute(_SHRINK_EMPTY, named)
        found = list(cursor.fetchall())
        cursor.execute("SELECT FROM collector_series WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE", named)
        cursor.execute(_ANSWERED_LESS, named)
    return found


def _up(instant: datetime, interval: Interval) -> datetime:
    """Up to the grid: a slot belongs to the span that its start lies in."""
    return from_us(-(-to_us(instant) // interval.us) * interval.us)


_SLOTS = """unnest(%(intervals)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) g (interval, start, "end")"""
_RANGE = 'tstzrange(g.start, g."end")'
_KEYED = (
    f"""unnest(%(ids)s::bigint[], %(days)s::date[]) k (series_id, session)
JOIN collector_series s ON s.id = k.series_id JOIN {_SLOTS} ON g.interval = s.interval""",
    "a.series_id = k.series_id AND a.session = k.session",
)
_SHRINK_ABSENCES = f"""
UPDATE collector_absence a SET spans = a.spans - tstzmultirange({_RANGE}) FROM {_KEYED[0]}
WHERE {_KEYED[1]} AND a.spans && {_RANGE}
  AND (%(provider)s::bigint IS NULL OR a.provider_id = %(provider)s)
"""  # noqa: S608 - made of constants; values are bound
_DROP_ABSENCES = f"DELETE FROM collector_absence a USING {_KEYED[0]} WHERE {_KEYED[1]} AND isempty(a.spans)"  # noqa: S608 - the same
# What others' silence proves as well was not shrunk by the statement before.
_SHRINK_EMPTY = f"""
UPDATE collector_coverage c SET empty = (c.empty - o.range) + (c.empty * o.range * o.still)
FROM (SELECT a.series_id, a.session, a.empty, tstzmultirange({_RANGE}) AS range,
             coalesce((SELECT range_agg(w.spans) FROM collector_absence w
                       WHERE w.series_id = a.series_id AND w.session = a.session AND w.is_believed), '{{}}') AS still
      FROM collector_coverage a JOIN ({_KEYED[0]}) ON {_KEYED[1]}) o
WHERE c.series_id = o.series_id AND c.session = o.session
RETURNING c.series_id,
          coalesce((SELECT sum(extract(epoch FROM upper(r) - lower(r))) / 60 FROM unnest(o.empty - c.empty) r), 0)::bigint
"""  # noqa: S608 - the same
_ANSWERED_LESS = f"""
UPDATE collector_series s SET answered_through = g.start FROM {_SLOTS}
WHERE s.id = ANY(%(ids)s) AND g.interval = s.interval AND s.answered_through > g.start AND s.answered_through <= g."end"
"""  # noqa: S608 - the same


def _lock(keys: Sequence[Key]) -> None:
    """In the order in which every writer locks them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT 1 FROM collector_coverage c JOIN unnest(%s::bigint[], %s::date[]) k (series_id, session)
                 ON c.series_id = k.series_id AND c.session = k.session ORDER BY c.series_id, c.session FOR UPDATE OF c""",
            [[series_id for series_id, _ in keys], [day for _, day in keys]],
        )
