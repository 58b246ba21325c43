"""Which errors of the database say nothing about what was asked of it."""

import psycopg
import pytest
from django.db import OperationalError

from collector.services.backfill.outages import is_outage


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.ConnectionFailure(), True),
        (psycopg.OperationalError("the connection is lost"), True),
        (psycopg.errors.DeadlockDetected(), True),
        (psycopg.errors.DiskFull(), False),
        (psycopg.errors.QueryCanceled(), False),
    ],
)
def test_lost_connection_and_a_deadlock_blame_no_job_and_a_refusal_does(cause, expected):
    error = OperationalError("as Django raises it")
    error.__cause__ = cause
    assert is_outage(error) is expected
    assert not is_outage(ValueError("ours"))
