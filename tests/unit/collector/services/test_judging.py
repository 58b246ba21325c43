"""What a dead letter names as the reason: the word that killed the job, whoever spoke last."""

from datetime import timedelta

import numpy as np
import pytest

from collector.core.retry import ATTEMPTS
from collector.models import Backfill, Series
from collector.models.backfills import BackfillState
from collector.services.backfill.judging import endings_of
from collector.services.failover import Unanswered
from providers.market.types import to_us
from tests.builders import moment

START = moment("2025-10-08 14:00")


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (["vendor_fault", "throttled"], "vendor_fault"),
        (["over_budget", "vendor_timeout", "unknown_symbol"], "vendor_timeout"),
        (["switched_off", "vendor_fault", "other_feed"], "vendor_fault"),
        (["unknown_symbol", "not_entitled", "isolated"], "not_entitled"),
    ],
)
def test_reason_is_what_killed_the_job_and_not_who_was_busy_or_hopeless_beside_it(codes, reason):
    job = Backfill(
        pk=1, series=Series(interval="1m"), start=START, end=START + timedelta(minutes=1), slots=1, attempts=ATTEMPTS - 1
    )
    whys = tuple(Unanswered(f"said {code}", code, f"provider of {code}") for code in codes)
    missing = np.array([to_us(START)], dtype=np.int64)
    (ending,) = endings_of([job], missing={1: missing}, whys={1: whys}, now=START)
    assert ending.state is BackfillState.DEAD
    assert ending.failure is not None
    assert (ending.failure.reason, ending.failure.provider) == (reason, f"provider of {reason}")
