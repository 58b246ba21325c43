"""A task that counts what a job would, for workers that are started with `--include`."""

from celery import shared_task

from collector.metrics import job_done
from providers.metrics import called, selected

CALLS_MS = (7, 70, 700)


@shared_task(name="tests.count_one_job")
def count_one_job(provider: str, code: str | None) -> None:
    """One choice, three calls of which the last may fail, one job."""
    selected(capability="bars_1m", provider=provider)
    for elapsed_ms in CALLS_MS:
        called(provider=provider, endpoint="bars", elapsed_ms=elapsed_ms, code=code if elapsed_ms == CALLS_MS[-1] else None)
    job_done(kind="bars", settled={provider: 1})
