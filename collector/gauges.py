"""Gauges about collecting, backfilling and outages, read from rows at the moment of a scrape."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import connection
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from collector.models import Incident, Tier
from collector.models.backfills import WAITING_STATES, BackfillState, Lane
from collector.selectors.lag import lags
from providers.market.types import SECOND_US, to_us

# Two branches, one for each partial index: the table holds a week of finished jobs beside the open ones.
_OPEN = f"""
SELECT tier, count(*), extract(epoch FROM min(found_at) FILTER (WHERE lane = '{Lane.RECENT}'))::float8
FROM (SELECT tier, lane, found_at FROM collector_backfill WHERE state IN ({", ".join(f"'{state}'" for state in WAITING_STATES)})
      UNION ALL
      SELECT tier, lane, found_at FROM collector_backfill WHERE state = '{BackfillState.RUNNING}') jobs
GROUP BY tier
"""  # noqa: S608 - made of constants

_DEAD = f"SELECT tier, count(*) FROM collector_backfill WHERE state = '{BackfillState.DEAD}' GROUP BY tier"  # noqa: S608 - a constant


def ingestion_lag(*, now: datetime) -> Iterable[Metric]:
    """How far collection is behind, by interval."""
    text = (
        "Trading seconds since the end of the oldest slot that is over and not answered for behind all that is: the median of the "
        "series whose venue trades now, of the tier where it is highest."
    )
    family = GaugeMetricFamily("ingestion_lag_seconds", text, labels=["interval"])
    for interval, lag in sorted(lags(now=to_us(now)).items()):
        family.add_metric([interval], lag / SECOND_US)
    return [family]


def backfill_queues(*, now: datetime) -> Iterable[Metric]:
    """How many jobs are open and how long the oldest recent one has been, over all and by tier."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        rows = cursor.fetchall()
    depths = {tier: count for tier, count, _ in rows}
    ages = {tier: max(0.0, now.timestamp() - oldest) for tier, _, oldest in rows if oldest is not None}
    depth = "Backfill jobs that are open: queued, running, waiting for another try, or parked. Both lanes."
    age = "Seconds since the oldest open job of the recent lane was found; 0 when there is none."
    return [
        GaugeMetricFamily("backfill_queue_depth", depth, value=sum(depths.values())),
        GaugeMetricFamily("backfill_oldest_age_seconds", age, value=max(ages.values(), default=0.0)),
        _by_tier("backfill_tier_queue_depth", depth, depths),
        _by_tier("backfill_tier_oldest_age_seconds", age, ages),
    ]


def dead_letters() -> Iterable[Metric]:
    """How many jobs are dead, by tier."""
    with connection.cursor() as cursor:
        cursor.execute(_DEAD)
        counts = dict(cursor.fetchall())
    return [_by_tier("dlq_depth", "Backfill jobs that are dead and wait for an operator.", counts)]


def open_incidents() -> Iterable[Metric]:
    """How many outages there are now."""
    text = "Incidents that are open: time that many series miss at once."
    return [GaugeMetricFamily("incidents_open", text, value=Incident.objects.filter(ended_at=None).count())]


def _by_tier(name: str, text: str, values: Mapping[str, float]) -> Metric:
    """Every tier has a value, also one that is gone and left jobs behind."""
    family = GaugeMetricFamily(name, text, labels=["tier"])
    for tier in sorted({*Tier.objects.values_list("code", flat=True), *values}):
        family.add_metric([tier], values.get(tier, 0))
    return family
