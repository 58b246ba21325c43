"""Who reads the queues: workers answer for themselves through the broker."""

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from collector.models import QuoteSeries, Series, Tier
from collector.queues import BACKFILL_QUEUE, VERIFY_QUEUE
from ops.health.connection import own_connection
from ops.health.finding import Finding, Severity, error, fine, warning
from ops.running.programs import MAINTENANCE_QUEUES

PLAN_QUEUE = "plan"
ANSWER_SECONDS = (1.0, 4.0)
"""How long answers are waited for; again and longer when one seems to be missing, because a busy machine's come late."""


def look_at_queues() -> Finding:
    """Whether every queue that something is sent to has a worker."""
    needed = _needed()
    missing: list[str] = []
    for seconds in ANSWER_SECONDS:
        read = _read(seconds)
        missing = sorted(needed.keys() - read)
        if not missing:
            return fine(f"workers read {', '.join(sorted(needed))}")
    names = ",".join(missing)
    tell = error if any(needed[queue] is Severity.ERROR for queue in missing) else warning
    advice = f"start one: `MARKETDATA_ROLE=worker celery -A marketdata_site worker -Q {names}`"
    return tell(f"no worker reads {', '.join(missing)}", advice=advice)


def _needed() -> dict[str, Severity]:
    """Queues, and how bad it is when nobody reads one. Those of tiers that hold nothing, and what is read again, can wait."""
    always = dict.fromkeys([PLAN_QUEUE, BACKFILL_QUEUE, *MAINTENANCE_QUEUES.split(",")], Severity.ERROR)
    try:
        with own_connection():
            tiers = set(Tier.objects.values_list("code", flat=True))
            used = {
                tier
                for model in (Series, QuoteSeries)
                for tier in model.objects.filter(is_active=True).values_list("tier", flat=True)
            }
    except (DatabaseError, InterfaceError):  # told elsewhere
        tiers, used = set(), set()
    lives = {f"live.{tier.lower()}": Severity.ERROR if tier in used else Severity.WARNING for tier in tiers}
    return {**always, VERIFY_QUEUE: Severity.WARNING, **lives}


def _read(seconds: float) -> set[str]:
    """Queues of all workers that answer within that time."""
    with current_app.connection_for_read(settings.CELERY_BROKER_URL) as connection:
        answers = current_app.control.inspect(connection=connection, timeout=seconds).active_queues() or {}
    return {queue["name"] for queues in answers.values() for queue in queues}
