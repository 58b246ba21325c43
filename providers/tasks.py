"""The doorbell of this app: reads the clock, makes one domain call, may be lost or repeated without harm."""

from celery import shared_task

from marketdata_site.observability.clock import now_us
from providers.services import policies
from providers.services.sampling import sample


@shared_task(name="providers.tasks.sample_health")
def sample_health() -> None:
    """Add to the history of every provider in use."""
    sample(policies.current(), now=now_us())
