"""The database is restarted while a batch waits for its vendor: its jobs go back as they were, and nobody pays for it."""

from threading import Thread

from django.db import connection

from collector.models import Backfill, BarRevision
from collector.services.backfill.draining import drain
from providers.loop import EventLoopThread
from tests.faults.test_backfill_kill import restart, vendor  # noqa: F401  # the same fixture
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.conftest import database  # noqa: F401  # the same fixture
from tests.integration.collector.reading import coverage
from tests.integration.collector.rows import make_series
from tests.waiting import wait_until


def test_restart_of_the_database_costs_a_job_neither_an_attempt_nor_its_company(vendor, servers):  # noqa: F811
    series = [make_series(name) for name in ("AAA", "BBB")]
    for one in series:
        make_job(one)
    vendor.clear_faults()
    vendor.set_fault("drip", vendor="polygon", count=len(series), pieces=5, seconds=1)  # for longer than a restart takes
    settled = []

    def work(loop):
        settled.append(drain(worker="me", loop=loop))
        connection.close()

    with EventLoopThread() as loop:
        worker = Thread(target=work, args=(loop,))
        worker.start()
        wait_until(lambda: any("strikes" in line for line in vendor.log()), seconds=60, what="a call that is on its way")
        restart(servers.postgres)
        worker.join(60)
    assert set(Backfill.objects.values_list("state", "attempts", "is_solo", "lease", "tries__0")) == {
        ("done", 0, False, 2, None)
    }
    assert settled == [4]  # once given back, once filled
    assert all(len(coverage(one)[0]) == 1 for one in series)
    assert not BarRevision.objects.exists()
