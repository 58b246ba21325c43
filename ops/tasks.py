"""The doorbells of this app: each reads the clock, makes one domain call, may be lost or repeated without harm."""

from celery import shared_task

from collector.services.calendars import tell_calendar_faults
from marketdata_site.observability.clock import now, now_us
from ops.bulk.advancing import advance_all
from ops.care.turn import take_care
from ops.slo.keeping import thin
from ops.slo.running import run
from providers.services import policies


@shared_task(name="ops.tasks.advance_bulk")
def advance_bulk() -> None:
    """Act on the next chunk of each operation on dead letters that runs."""
    advance_all(now=now())


@shared_task(name="ops.tasks.look_after_tables")
def look_after_tables() -> None:
    """Make partitions ahead of their rows, delete what is past its age, warn of calendars that run out."""
    take_care(now=now())
    tell_calendar_faults(now=now())


@shared_task(name="ops.tasks.watch_objectives")
def watch_objectives() -> None:
    """See what share of series is behind, and count the slots that fell due."""
    run(snapshot=policies.current(), now=now_us())


@shared_task(name="ops.tasks.thin_slo_samples")
def thin_slo_samples() -> None:
    """Add up what the monitor of objectives found a week ago, forget what is older than 90 days."""
    thin(now=now())
