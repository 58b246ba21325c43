"""A task that counts what a job would, and writes a bar, for workers that are started with `--include`."""

from celery import shared_task

from collector.metrics import job_done
from collector.models import Series
from collector.store import write_bars
from providers.metrics import called, refused, selected
from providers.models import Provider
from tests.builders import row, us
from tests.integration.collector.rows import make_write

CALLS_MS = (7, 70, 700)
KEPT_BACK = 4
OPEN = us("2025-10-08 13:30")


@shared_task(name="tests.count_one_job")
def count_one_job(provider: str, code: str | None) -> None:
    """One choice, three calls of which the last may fail, four that were not sent, one write, one job."""
    selected(capability="bars_1m", provider=provider)
    for elapsed_ms in CALLS_MS:
        called(provider=provider, endpoint="bars", elapsed_ms=elapsed_ms, code=code if elapsed_ms == CALLS_MS[-1] else None)
    refused(capability="bars_1m", provider=provider, code="circuit_open", requests=KEPT_BACK)
    series, writer = Series.objects.select_related("instrument").get(), Provider.objects.get()
    write_bars(make_write([series], [row(OPEN)], provider=writer, asked_at=OPEN + 60_000_000), history_before=0)
    job_done(kind="bars", settled={provider: 1})
