"""Versions of the policy among threads and processes: one after another, whole, and followed at the next job."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection

from providers.models import ActivePolicy, PolicyVersion, ProcessVersion, Provider, RoutingPolicy
from providers.services import policies
from tests.integration.providers.policy_rows import NOW, NUMBER, make_rows, order, reload
from tests.web_server import database_url

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import sys, django
django.setup()
from collector.tasks import fetch_bars
from providers.services.policies import running_version
job = dict(tier="T0", priority="live", symbols=["NOBODY"], interval="1m", start="2024-10-08T15:00:00Z", end="2024-10-08T15:01:00Z")
for line in sys.stdin:
    fetch_bars(job)
    print(running_version(), flush=True)
"""
CRASH = """
import os, sys, django
django.setup()
from datetime import UTC, datetime
from providers.services import policies
policies._activate = lambda *args, **values: os._exit(9)
policies.reload(author="a crash", through="command", now=datetime.now(UTC))
"""


def start(code: str, **rest: object) -> "subprocess.Popen[str]":
    environment = {**os.environ, "MARKETDATA_ROLE": "worker", "DATABASE_URL": database_url()}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=pipe, stdout=pipe, text=True, **rest)


@contextmanager
def workers(count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    running = [start(WORKER) for _ in range(count)]
    try:
        yield running
    finally:
        for worker in running:
            worker.communicate(timeout=20)


def run_a_job(worker: "subprocess.Popen[str]") -> str:
    """The version that the worker ran its job with."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    return worker.stdout.readline().strip()


def test_concurrent_reloads_make_distinct_growing_versions_and_one_is_active():
    make_rows()
    ready = threading.Barrier(8)

    def one(_: int) -> int:
        try:
            ready.wait(60)
            return int(reload().policy_version or 0)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(one, range(8)))
    assert numbers == list(range(NUMBER, NUMBER + 8))
    assert list(PolicyVersion.objects.order_by("number").values_list("number", flat=True)) == numbers
    assert ActivePolicy.objects.get().version_id == numbers[-1]


def test_crash_between_store_and_activate_leaves_the_version_before():
    policy = make_rows()
    reload()
    policy.providers = ["alpaca"]
    policy.save()
    crashed = start(CRASH)
    crashed.communicate(timeout=60)
    assert crashed.returncode == 9
    assert (policies.current().number, order()) == (NUMBER, ("polygon", "alpaca"))
    result = reload()
    assert (result.ok, order()) == (True, ("alpaca",))
    assert PolicyVersion.objects.count() == 2


def test_reader_never_sees_half_of_a_version():
    make_rows()
    reload()
    Provider.objects.update(rate_per_minute=1)
    reload()
    done = threading.Event()

    def read() -> list[tuple[int | None, set[int], int]]:
        seen = []
        try:
            while not done.is_set():
                snapshot = policies.current()
                rates = {entry.rate_per_minute for entry in snapshot.providers.values()}
                seen.append((snapshot.number, rates, len(snapshot.order("bars_1m", ""))))
            return seen
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for rate in range(2, 22):  # each edit is committed by itself
            Provider.objects.filter(name="polygon").update(rate_per_minute=rate)
            RoutingPolicy.objects.update(providers=["polygon", "alpaca"][: 1 + rate % 2])
            Provider.objects.filter(name="alpaca").update(rate_per_minute=rate)
            assert reload().ok
        done.set()
        for reader in readers:
            seen = reader.result(60)
            assert len({number for number, _, _ in seen}) > 3  # it read while versions changed
            assert [number for number, _, _ in seen] == sorted(number for number, _, _ in seen if number is not None)
            for _, rates, count in seen:
                (rate,) = rates
                assert rate == 1 or count == 1 + rate % 2


def test_two_workers_follow_within_one_job_and_say_so():
    policy = make_rows()
    reload()
    with workers(2) as running:
        assert [run_a_job(worker) for worker in running] == [str(NUMBER)] * 2
        policy.providers = ["alpaca"]
        policy.save()
        assert [run_a_job(worker) for worker in running] == [str(NUMBER)] * 2
        reload()
        assert [run_a_job(worker) for worker in running] == [str(NUMBER + 1)] * 2
        policies.activate(NUMBER, author="ada", through="admin", now=NOW)
        assert [run_a_job(running[0])] == [str(NUMBER)]
        said = {int(row.process.rsplit(":", 1)[1]): row.version for row in ProcessVersion.objects.filter(role="worker")}
        assert said == {running[0].pid: NUMBER, running[1].pid: NUMBER + 1}
