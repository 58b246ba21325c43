"""Which refused row a dead letter names: one of a slot that is missing still."""

import numpy as np
import pytest

from collector.core.retry import ATTEMPTS
from collector.models import RejectedBar, Series
from collector.services.backfill.judging import UNPROVEN, endings_of
from collector.services.backfill.settling import Failure
from collector.services.failover import Unanswered
from tests.builders import moment, us
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.rows import make_provider, make_series

pytestmark = pytest.mark.django_db

NOW = moment("2025-10-08 16:00")
SILENT = Unanswered("alpaca's answer is not all that is wanted", UNPROVEN, "alpaca")


def refuse(series: Series, start: str, reason: str) -> None:
    RejectedBar.objects.create(
        series=series,
        provider=make_provider("polygon"),
        start=moment(start),
        reason=reason,
        fingerprint=reason,
        raw="{}",
        first_seen_at=NOW,
        last_seen_at=NOW,
    )


def death(series: Series) -> Failure:
    """Of a job that lacks the slots of 14:05 and 14:08 after its last attempt."""
    job = make_job(series, attempts=ATTEMPTS - 1)
    missing = np.array([us("2025-10-08 14:05"), us("2025-10-08 14:08")], dtype=np.int64)
    (ending,) = endings_of([job], missing={job.pk: missing}, whys={job.pk: (SILENT,)}, now=NOW)
    assert ending.failure is not None
    return ending.failure


def test_refused_row_of_a_slot_that_was_filled_since_is_not_why_others_are_missing() -> None:
    series = make_series()
    refuse(series, "2025-10-08 14:02", "high_below_low")
    refuse(series, "2025-10-08 14:06", "volume_negative")
    failure = death(series)
    assert (failure.reason, failure.provider) == ("unproven", "alpaca")


def test_refused_row_of_a_missing_slot_is_named_on_the_grid_and_off_it() -> None:
    series = make_series()
    refuse(series, "2025-10-08 14:02", "high_below_low")
    refuse(series, "2025-10-08 14:08:30", "off_grid")
    failure = death(series)
    assert (failure.reason, failure.provider) == ("rejected", "polygon")
    assert "off_grid" in failure.message
