"""Backfill jobs for tests, each as short as what the test says about it."""

from typing import Any

from collector.models import Backfill, Series
from tests.builders import moment


def make_job(series: Series, *, start: str = "2025-10-08 14:00", end: str = "2025-10-08 14:10", **values: Any) -> Backfill:
    """A queued job of that span (UTC), due since noon of that day."""
    first, last = moment(start), moment(end)
    noon = moment(f"{start[:10]} 12:00")
    slots = int((last - first).total_seconds()) // 60
    given = {"slots": slots, "tier": series.tier_id, "due_at": noon, "found_at": noon, **values}
    return Backfill.objects.create(series=series, start=first, end=last, **given)


def make_due(job: Backfill, at: str) -> None:
    """Let it be claimed from that moment on."""
    Backfill.objects.filter(pk=job.pk).update(due_at=moment(at))
