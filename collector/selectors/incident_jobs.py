"""What vendors said to the jobs of an incident."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from collector.core.causes import Cause, cause_of
from collector.selectors.attended import oldest_start
from collector.selectors.jobs_of import NEWEST_CODES
from providers.market.types import Interval

MOST_JOBS = 20_000
"""A sample as large as the largest cap of a tier: an outage of more series has no other cause."""

# 8,000 jobs are some 100 ms: each series costs one range of the index of jobs by series and start.
_JOBS = """
WITH jobs AS (
  SELECT b.id, b.tries, d.reason
  FROM collector_instrument i JOIN collector_series s ON s.instrument_id = i.id
  JOIN collector_backfill b ON b.series_id = s.id LEFT JOIN collector_deadletter d ON d.backfill_id = b.id
  WHERE i.calendar = %(calendar)s AND s.interval = %(interval)s
    AND b.start > %(oldest)s AND b.start < %(end)s AND b."end" > %(start)s
  LIMIT %(most)s)
"""
_ROUNDS = f"{_JOBS} SELECT b.reason, {NEWEST_CODES} AS codes, count(*) FROM jobs b GROUP BY 1, 2"  # noqa: S608 - made of constants
_WORDS = f"""{_JOBS}
SELECT t->>'provider', t->>'code', count(*) FROM jobs b CROSS JOIN LATERAL jsonb_array_elements(b.tries) t
WHERE t->>'provider' IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""  # noqa: S608 - made of constants; values are bound


@dataclass(frozen=True, slots=True)
class Heard:
    """The commonest cause, and by provider how often it said what. `PENDING`: no vendor was asked yet."""

    cause: Cause
    providers: Mapping[str, Mapping[str, int]]


def heard_of(*, calendar: str, interval: Interval, start: datetime, end: datetime) -> Heard:
    """Of all jobs that reach into the span, those that were filled meanwhile too. Two queries."""
    values = {
        "calendar": calendar,
        "interval": interval.value,
        "start": start,
        "end": end,
        "oldest": oldest_start(start, interval),
        "most": MOST_JOBS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ROUNDS, values)
        causes = Counter[Cause]()
        for reason, codes, count in cursor.fetchall():
            causes[cause_of(codes, reason=reason or "")] += count
        cursor.execute(_WORDS, values)
        providers: dict[str, dict[str, int]] = {}
        for provider, code, count in cursor.fetchall():
            providers.setdefault(provider, {})[code] = count
    causes.pop(Cause.PENDING, None)
    return Heard(max(causes, key=lambda cause: (causes[cause], cause), default=Cause.PENDING), providers)
