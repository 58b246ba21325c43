"""The doorbells of this app: each reads the clock, makes one domain call, may be lost or repeated without harm."""

from celery import shared_task

from marketdata_site.observability.clock import now
from ops.bulk.advancing import advance_all, delete_old_items


@shared_task(name="ops.tasks.advance_bulk")
def advance_bulk() -> None:
    """Act on the next chunk of each operation on dead letters that runs."""
    advance_all(now=now())


@shared_task(name="ops.tasks.delete_old_bulk_items")
def delete_old_bulk_items() -> None:
    """Forget which jobs an operation was about, a week after its end."""
    delete_old_items(now=now())
