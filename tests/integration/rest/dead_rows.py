"""Dead jobs for tests, as a drain leaves them."""

from datetime import datetime, timedelta
from typing import Any

from collector.models import Backfill, BackfillState, DeadLetter, Series
from tests.integration.rest.rows import MINUTE, at

DIED = at("2026-11-20 15:00")


def make_job(series: Series, start: datetime, *, slots: int = 10, **values: Any) -> Backfill:
    """A job of `slots` minutes, queued unless said otherwise."""
    plain = {
        "end": start + slots * MINUTE,
        "slots": slots,
        "tier": series.tier_id,
        "due_at": start,
        "found_at": start + slots * MINUTE,
    }
    return Backfill.objects.create(series=series, start=start, **{**plain, **values})


def make_dead(
    series: Series, number: int = 0, *, died_at: datetime | None = None, job: dict[str, Any] | None = None, **letter: Any
) -> Backfill:
    """The `number`th dead job of a series, one session a day; each died a minute after the one before unless said otherwise."""
    died_at = died_at or DIED + number * MINUTE
    tries = [
        {"at": (died_at - n * MINUTE).isoformat(), "provider": "polygon", "code": "bad_answer", "message": "HTTP 500", "http_status": 500}
        for n in (2, 1)
    ]  # fmt: skip
    values = {"state": BackfillState.DEAD, "attempts": 8, "finished_at": died_at, "tries": tries, **(job or {})}
    made = make_job(series, at("2026-06-01 14:30") + number * timedelta(days=1), **values)
    plain = {
        "reason": "out_of_attempts",
        "fingerprint": "f00d",
        "provider": "polygon",
        "http_status": 500,
        "message": "polygon answered HTTP 500",
        "missing_minutes": made.slots,
        "died_at": died_at,
    }
    DeadLetter.objects.create(backfill=made, **{**plain, **letter})
    return made
