"""How many jobs are dead, since when, and of what: by tier and interval, and by fingerprint."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

HOUR = timedelta(hours=1)
TOP_FINGERPRINTS = 10


@dataclass(frozen=True, slots=True)
class Depth:
    """Dead jobs of one tier and interval."""

    tier: str
    interval: str
    depth: int
    oldest_died_at: datetime | None
    missing_minutes: int
    died_last_hour: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Dead jobs of one cause; `message` is that of one of them."""

    fingerprint: str
    reason: str
    provider: str
    message: str
    depth: int
    oldest_died_at: datetime
    newest_died_at: datetime


# Measured with 100,000 dead jobs: see `make bench`, row "dead letters".
_DEPTHS = """
SELECT b.tier, s.interval, count(*), min(d.died_at), sum(d.missing_minutes)::bigint, count(*) FILTER (WHERE d.died_at >= %s)
FROM collector_deadletter d
JOIN collector_backfill b ON b.id = d.backfill_id
JOIN collector_series s ON s.id = b.series_id
WHERE d.discarded_at IS NULL
GROUP BY 1, 2 ORDER BY 1, 2
"""
_FINGERPRINTS = """
SELECT g.fingerprint, one.reason, one.provider, one.message, g.depth, g.oldest, g.newest
FROM (
    SELECT fingerprint, count(*) AS depth, min(died_at) AS oldest, max(died_at) AS newest
    FROM collector_deadletter WHERE discarded_at IS NULL
    GROUP BY fingerprint ORDER BY depth DESC, fingerprint LIMIT %s
) g
CROSS JOIN LATERAL (
    SELECT reason, provider, message FROM collector_deadletter
    WHERE fingerprint = g.fingerprint AND discarded_at IS NULL ORDER BY died_at DESC LIMIT 1
) one
ORDER BY g.depth DESC, g.fingerprint
"""


def depths(*, now: datetime) -> list[Depth]:
    """By tier and interval; those without a dead job are left out. Discarded ones do not count."""
    with connection.cursor() as cursor:
        cursor.execute(_DEPTHS, [now - HOUR])
        return [Depth(*row) for row in cursor.fetchall()]


def top_fingerprints(*, limit: int = TOP_FINGERPRINTS) -> list[Fingerprint]:
    """The causes of most dead jobs, by number."""
    with connection.cursor() as cursor:
        cursor.execute(_FINGERPRINTS, [limit])
        return [Fingerprint(*row) for row in cursor.fetchall()]
