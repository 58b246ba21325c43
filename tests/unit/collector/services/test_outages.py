"""Which errors of the database say nothing about what was asked of it."""

import psycopg
import pytest
from django.db import DatabaseError, InternalError, OperationalError

from collector.services.backfill.outages import is_outage


@pytest.mark.parametrize(
    ("cause", "kind", "expected"),
    [
        (psycopg.errors.AdminShutdown(), OperationalError, True),
        (psycopg.errors.ConnectionFailure(), OperationalError, True),
        (psycopg.OperationalError("the connection is lost"), OperationalError, True),
        (psycopg.errors.DeadlockDetected(), OperationalError, True),
        (psycopg.errors.IdleInTransactionSessionTimeout(), InternalError, True),
        (psycopg.errors.InFailedSqlTransaction(), InternalError, False),
        (psycopg.errors.DiskFull(), OperationalError, False),
        (psycopg.errors.QueryCanceled(), OperationalError, False),
    ],
)
def test_lost_connection_and_a_deadlock_blame_no_job_and_a_refusal_does(
    cause: psycopg.Error, kind: type[DatabaseError], expected: bool
):
    error = kind("as Django raises it")
    error.__cause__ = cause
    assert is_outage(error) is expected
    assert not is_outage(ValueError("ours"))
