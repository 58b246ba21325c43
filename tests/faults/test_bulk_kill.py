"""A bulk requeue whose worker is killed in the middle of a chunk: each job is requeued once and counts once."""

import os
import signal
from contextlib import ExitStack

import psycopg
import pytest
from celery import current_app
from django.db import connection

from collector.models import Backfill
from collector.replay.processes import Worker
from collector.selectors.dead_letters import LetterFilter
from marketdata_site.observability.clock import now
from ops.actors import of_command
from ops.bulk.operating import start
from ops.bulk.ringing import ring_bulk
from ops.models import BulkItem, BulkKind, BulkOperation
from tests.faults.test_replay_kill import descendants
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import make_series
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
JOBS = 45
WAITS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE "ops_bulkitem"%'
"""


@pytest.fixture
def worker(tmp_path):
    """The worker of the queue that ticks come through, on the test's own database."""
    at = connection.settings_dict
    current_app.control.purge()
    with ExitStack() as stack:
        made = Worker(
            log=tmp_path / "worker.log",
            environment={"DATABASE_URL": f"postgresql://{at['USER']}@/{at['NAME']}?host={at['HOST']}"},
            processes=1,
            queues="maintenance",
            name="bulk",
        )
        stack.callback(made.stop)
        yield made


def stands() -> dict[str, object]:
    """The operation's row, its items and the jobs must say the same at any moment that anybody looks."""
    operation = BulkOperation.objects.get()
    requeued = set(Backfill.objects.filter(times_requeued__gt=0).values_list("pk", flat=True))
    assert set(BulkItem.objects.exclude(state="waiting").values_list("job_id", flat=True)) == requeued
    assert (operation.done, operation.left) == (len(requeued), JOBS - len(requeued))
    return {"done": operation.done, "state": operation.state}


def ring_until(done: int) -> None:
    """As beat does, until so many are requeued."""

    def is_so() -> bool:
        ring_bulk()
        return BulkOperation.objects.get().done >= done

    wait_until(is_so, seconds=60, what=f"{done} requeued jobs", every_s=0.3)


def kill(worker: Worker) -> None:
    for pid in (*descendants(worker.child.pid), worker.child.pid):
        os.kill(pid, signal.SIGKILL)
    worker.child.wait()


def die_in_the_middle(worker: Worker) -> None:
    """Somebody else holds the item of a job of the chunk: the worker has requeued the jobs and waits to say so. There it is killed."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT 1 FROM ops_bulkitem WHERE state = 'waiting' FOR UPDATE")

        def is_in_the_middle() -> bool:
            ring_bulk()
            with connection.cursor() as cursor:
                cursor.execute(WAITS)
                return cursor.fetchone() == (1,)

        wait_until(is_in_the_middle, seconds=60, what="a worker in the middle of a chunk", every_s=0.3)
        kill(worker)
    wait_until(lambda: not _is_waiting(), seconds=60, what="the end of the dead worker's connection")


def _is_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITS)
        return cursor.fetchone() != (0,)


def test_each_job_is_requeued_and_counted_once_when_the_worker_is_killed_in_the_middle_of_a_chunk(worker):
    series = make_series()
    for n in range(JOBS):
        make_dead(series, n)
    start(of_command(), kind=BulkKind.REQUEUE, fitting=LetterFilter(), now=now())

    worker.ensure_running()
    ring_until(20)
    Backfill.objects.filter(state="queued").update(state="done")
    die_in_the_middle(worker)
    assert stands() == {"done": 20, "state": "running"}
    worker.ensure_running()
    ring_until(JOBS)
    assert stands() == {"done": JOBS, "state": "done"}
    assert set(Backfill.objects.values_list("times_requeued", flat=True)) == {1}
    assert worker.starts == 2
