"""The doorbells of this app: each reads the clock, makes one domain call, may be lost or repeated without harm."""

from celery import shared_task

from marketdata_site.observability.clock import now, now_us
from ops.bulk.advancing import advance_all, delete_old_items
from ops.slo.keeping import thin
from ops.slo.running import run
from providers.services import policies


@shared_task(name="ops.tasks.advance_bulk")
def advance_bulk() -> None:
    """Act on the next chunk of each operation on dead letters that runs."""
    advance_all(now=now())


@shared_task(name="ops.tasks.delete_old_bulk_items")
def delete_old_bulk_items() -> None:
    """Forget which jobs an operation was about, a week after its end."""
    delete_old_items(now=now())


@shared_task(name="ops.tasks.watch_objectives")
def watch_objectives() -> None:
    """See what share of series is behind, and count the slots that fell due."""
    run(snapshot=policies.current(), now=now_us())


@shared_task(name="ops.tasks.thin_slo_samples")
def thin_slo_samples() -> None:
    """Add up what the monitor of objectives found a week ago, forget what is older than 90 days."""
    thin(now=now())
