"""Rows of the monitor, without runs."""

from datetime import datetime, timedelta
from typing import Any

from ops.models import SloRun, SloSample

PERIOD = timedelta(seconds=30)


def make_sample(
    at: datetime, *, tier: str = "T0", interval: str = "1m", sampled: int = 200, violating: int = 0, **values: Any
) -> SloSample:
    """What a run found at that time."""
    values = {"expected": 100, "good": 100, "interior_missing": 0, **values}
    return SloSample.objects.create(tier=tier, interval=interval, at=at, sampled=sampled, violating=violating, **values)


def make_run(at: datetime) -> SloRun:
    """The newest run was then, by both clocks."""
    return SloRun.objects.update_or_create(id=1, defaults={"at": at, "ran_at": at})[0]
