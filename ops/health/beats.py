"""Signs of life of the schedulers. All times are Postgres' own, so that neither a machine's clock nor a clock offset matters."""

import logging

from django.conf import settings
from django.db import connection

from ops.health.finding import Finding, error, fine

log = logging.getLogger(__name__)

_TICK = """
WITH forgotten AS (DELETE FROM ops_beattick WHERE at < clock_timestamp() - interval '1 day' AND beat <> %(beat)s)
INSERT INTO ops_beattick (beat, at) VALUES (%(beat)s, clock_timestamp())
ON CONFLICT (beat) DO UPDATE SET at = excluded.at
"""
_NEWEST = "SELECT extract(epoch FROM clock_timestamp() - max(at))::float8 FROM ops_beattick"
_ALIVE = "SELECT count(*) FROM ops_beattick WHERE at > clock_timestamp() - %s * interval '1 second'"
_LAST = "SELECT coalesce(extract(epoch FROM max(at)), 0)::float8 FROM ops_beattick"

ADVICE = (
    "start beat: `MARKETDATA_ROLE=beat celery -A marketdata_site beat --scheduler celery.beat:Scheduler` (`make run` does so); "
    "if it runs, its log says why it can't ring"
)


def write_tick(beat: str) -> None:
    """This scheduler has just rung."""
    with connection.cursor() as cursor:
        cursor.execute(_TICK, {"beat": beat})


def look() -> Finding:
    """Whether any scheduler has rung lately."""
    limit = settings.BEAT_SILENT_SECONDS
    age, alive = _number(_NEWEST), _number(_ALIVE, limit)
    if age is None:
        return error("no beat has ever rung", advice=ADVICE)
    if age > limit:
        return error(f"beat is silent for {age:.0f} s, more than {limit} s", advice=ADVICE)
    return fine(f"beat rang {max(0.0, age):.0f} s ago{f', {alive:.0f} of them run' if alive and alive > 1 else ''}")


def last_tick() -> float:
    """When any scheduler last rang, in epoch seconds; 0: none ever did."""
    return _number(_LAST) or 0.0


def _number(statement: str, *parameters: float) -> float | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
    return None if row is None or row[0] is None else float(row[0])
