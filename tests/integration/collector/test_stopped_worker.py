"""A worker that is stopped within a transaction does not keep its locks from all others for ever."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from collector.services.live import plan
from tests.builders import us
from tests.integration.collector.rows import make_series
from tests.waiting import wait_until
from tests.web_server import database_url

pytestmark = pytest.mark.usefixtures("database")

PLANNER = """
import sys, django
django.setup()
from django.db import connection, transaction
from collector.services.live import RHYTHM
with transaction.atomic(), connection.cursor() as cursor:
    cursor.execute("SHOW idle_in_transaction_session_timeout")
    limit = cursor.fetchone()[0]
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [RHYTHM.lock])
    print(limit, cursor.fetchone()[0], flush=True)
    sys.stdin.readline()
"""


@contextmanager
def planner(options: str = "") -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A worker in the middle of a plan, and what it said of its connection."""
    url = database_url()
    given = f"{'&' if '?' in url else '?'}options={options}" if options else ""
    environment = {**os.environ, "MARKETDATA_ROLE": "worker", "DATABASE_URL": url + given}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PLANNER], env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_worker_stands_still_within_a_transaction_for_a_minute_at_most():
    with planner() as (_, said):
        assert said == "1min True"


def test_others_plan_when_a_planner_was_stopped():
    make_series()
    noon = us("2025-10-08 16:00:02")
    with planner("-c%20idle_in_transaction_session_timeout=500ms") as (process, said):
        assert said == "500ms True"
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: plan(now=noon), seconds=20, what="the lock of a stopped planner")
