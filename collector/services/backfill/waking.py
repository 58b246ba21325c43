"""Jobs that wait for a breaker whose open phase is over sooner than it seemed: they are due at once."""

from datetime import datetime, timedelta

from django.db import connection

from providers.breaker import OPEN_MOST_US
from providers.models import ProviderState

_LONGEST = timedelta(microseconds=OPEN_MOST_US)
"""Nobody waits for the end of an open phase for longer than this: of changes that are older there is nothing to tell."""

_WAKE = """
UPDATE collector_backfill b SET due_at = %(now)s
WHERE b.id IN (
  SELECT w.id FROM collector_backfill w JOIN collector_series s ON s.id = w.series_id
  JOIN providers_providerstate p ON p.capability = 'bars_' || s.interval AND p.phase <> 'open' AND p.phase_since > %(since)s
  JOIN providers_provider o ON o.id = p.provider_id
  WHERE w.state = 'parked' AND w.due_at > %(now)s AND (w.tries -> -1 ->> 'at')::timestamptz < p.phase_since
    AND w.tries @> jsonb_build_array(jsonb_build_object('provider', o.name, 'code', 'circuit_open'))
  FOR UPDATE OF w SKIP LOCKED)
"""


def wake(*, now: datetime) -> int:
    """Make due what was parked because of a breaker that has left its open phase since; returns how many jobs.

    Any number may look at once, and as often as they like: a job that was parked after the change stays as it is.
    """
    since = now - _LONGEST
    if not ProviderState.objects.exclude(phase="open").filter(phase_since__gt=since).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, {"now": now, "since": since})
        return int(cursor.rowcount)
