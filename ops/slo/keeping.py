"""How long samples are kept: one a run for 7 days, then one of 5 minutes for 90 days."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from ops.models import SloSample

WHOLE, THINNED = timedelta(days=7), timedelta(days=90)
STEP = timedelta(minutes=5)

# The first row of each 5 minutes takes the counts of the others, so that nothing of them is lost; and the names from the worst one.
_THIN = """
WITH old AS (
  SELECT id, date_bin(%(step)s::interval, at, 'epoch') AS bin, tier, interval, runs, sampled, violating, expected, good, interior_missing, worst
  FROM ops_slosample WHERE at < %(before)s),
sums AS (
  SELECT (array_agg(id ORDER BY id))[1] AS kept, array_agg(id) AS ids, sum(runs) AS runs, sum(sampled) AS sampled,
         sum(violating) AS violating, sum(expected) AS expected, sum(good) AS good, max(interior_missing) AS interior_missing,
         (array_agg(worst ORDER BY violating::float8 / greatest(sampled, 1) DESC, id))[1] AS worst
  FROM old GROUP BY tier, interval, bin HAVING count(*) > 1),
gone AS (DELETE FROM ops_slosample d USING sums WHERE d.id = ANY(sums.ids) AND d.id <> sums.kept RETURNING 1),
added AS (
  UPDATE ops_slosample k SET runs = s.runs, sampled = s.sampled, violating = s.violating, expected = s.expected, good = s.good,
         interior_missing = s.interior_missing, worst = s.worst
  FROM sums s WHERE k.id = s.kept RETURNING 1)
SELECT count(*) FROM gone
"""


def thin(*, now: datetime) -> int:
    """Add up what is past 7 days, delete what is past 90, or was kept by a clock that ran ahead; how many rows are gone.

    Again, or twice at once, it changes nothing.
    """
    ahead = SloSample.objects.filter(at__gt=now + timedelta(days=1))
    with transaction.atomic():
        # One at a time: two would add the same rows up twice.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE ops_slosample IN SHARE UPDATE EXCLUSIVE MODE")
        deleted = SloSample.objects.filter(at__lt=now - THINNED).delete()[0] + ahead.delete()[0]
        with connection.cursor() as cursor:
            cursor.execute(_THIN, {"step": f"{STEP.seconds} s", "before": _whole(now - WHOLE)})
            return deleted + int(cursor.fetchone()[0])


def _whole(moment: datetime) -> datetime:
    """The end of the last whole step before it, so that no step is added up in two parts."""
    return moment - timedelta(seconds=moment.timestamp() % STEP.total_seconds())
