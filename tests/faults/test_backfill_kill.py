"""Backfill with workers that are killed, a broker that forgets and a database that is restarted: every slot is held once, as the vendor has it."""

import contextlib
import os
import random
import signal
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import redis
from celery import current_app
from django.conf import settings
from django.db import connection

from collector.models import Backfill, Bar, BarRevision, DeadLetter, Series
from collector.queues import BACKFILL_QUEUE, ring_drain
from collector.replay.processes import Worker
from collector.replay.running import _as_redis_url
from collector.services.backfill.reaping import reap
from marketdata_site.observability.clock import OFFSET_VARIABLE, now
from providers.market.calendar import get_calendar
from providers.market.types import MINUTE_US, Interval, to_us
from providers.simulator.launch import start_simulator
from providers.simulator.options import SimulatorOptions
from providers.simulator.synthetic import SyntheticSource
from tests.builders import moment, us
from tests.faults.sizes import sized
from tests.faults.test_replay_kill import descendants
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.conftest import database  # noqa: F401  # the same fixture
from tests.integration.collector.reading import coverage
from tests.integration.collector.rows import make_policy, make_provider, make_series
from tests.waiting import wait_until

SEED = 7
SYMBOLS, SPANS = sized(short=(5, 40), long=(8, 63))
DAYS = sized(short=("2025-10-08",), long=("2025-10-03", "2025-10-06", "2025-10-07", "2025-10-08"))
"""So many spans a day; one question serves all symbols of a span."""
WORKERS, CHILDREN = sized(short=(2, 2), long=(4, 1))
KILLS = sized(short=5, long=10_000)
"""The short proof ends with some quiet, which saves the time of starting workers again."""
EVERY_S = 2
LEASE_S = 3
FLUSHES, RESTART = {1, 3}, 2
"""After which kills the broker forgets, and the database is restarted."""
LIMIT_S = sized(short=300, long=3_600)


@pytest.fixture
def vendor(database, monkeypatch):  # noqa: F811
    """One vendor of one symbol a call, most of a second each; everybody's clock on a day of 2025."""
    monkeypatch.setenv(OFFSET_VARIABLE, repr(us("2025-10-08 21:00") / 1e6 - time.time()))
    with start_simulator(SimulatorOptions(seed=SEED, rates={"polygon": 0})) as control:
        control.set_fault("drip", vendor="polygon", pieces=3, seconds=0.3)
        provider = make_provider(
            "polygon", base_url=control.url, rate_per_minute=1_000_000, live_reserve_percent=0, slow_after_ms=60_000
        )
        monkeypatch.setenv(provider.credentials["api_key"], "secret")
        make_policy("polygon")
        yield control


def start_workers(stack, folder):
    """So many workers, on the test's own database."""
    at = connection.settings_dict
    environment = {
        "DATABASE_URL": f"postgresql://{at['USER']}@/{at['NAME']}?host={at['HOST']}",
        "MARKETDATA_BACKFILL_LEASE_SECONDS": str(LEASE_S),
    }
    current_app.control.purge()
    workers = [
        Worker(
            log=Path(folder) / f"{number}.log",
            environment=environment,
            processes=CHILDREN,
            queues=BACKFILL_QUEUE,
            name=f"fill{number}",
        )
        for number in range(WORKERS)
    ]
    for worker in workers:
        worker.ensure_running()
        stack.callback(worker.stop)
    for worker in workers:
        wait_until(worker.is_up, seconds=60, what="the worker's answer")
    return workers


def kill_one(workers, chance):
    """SIGKILL for a worker or one of its children; a worker takes its children with it. One that is still starting has nothing to lose."""
    running = [worker.child.pid for worker in workers if worker.child.poll() is None]
    started = [(pid, *children) for pid in running if (children := descendants(pid))]
    if everybody := [pid for worker in started for pid in worker]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(everybody), signal.SIGKILL)
    return bool(everybody)


def broker():
    return redis.Redis.from_url(_as_redis_url(settings.CELERY_BROKER_URL))


def left():
    return Backfill.objects.exclude(state="done").exists()


def as_the_vendor_has_them(symbol, start, end):
    rows = SyntheticSource(seed=SEED, calendars=get_calendar).bars(
        symbol=symbol, interval=Interval.M1, start=start, end=end, now=end + 10 * MINUTE_US
    )
    columns = (rows.start, rows.open, rows.high, rows.low, rows.close, rows.volume)
    return list(zip(*(np.asarray(column).tolist() for column in columns), strict=True))


def restart(postgres):
    """As an operator does it: whoever is connected is cut off."""
    connection.close()
    postgres.stop()
    postgres.start()


def test_every_job_ends_with_each_slot_written_once_though_workers_are_killed_and_servers_forget_or_restart(
    vendor, servers, tmp_path
):
    series = [make_series(f"DN{number:02d}") for number in range(SYMBOLS)]
    begins = [moment(f"{day} 13:30") for day in DAYS]
    spans = [(begin + number * timedelta(minutes=6), timedelta(minutes=5)) for begin in begins for number in range(SPANS)]
    for one in series:
        for start, length in spans:
            make_job(one, start=f"{start:%Y-%m-%d %H:%M}", end=f"{start + length:%Y-%m-%d %H:%M}")
    assert Backfill.objects.count() == SYMBOLS * SPANS * len(DAYS)

    chance, kills = random.Random(11), 0
    with ExitStack() as stack:
        workers = start_workers(stack, tmp_path)
        kill_at, limit = time.monotonic() + EVERY_S, time.monotonic() + LIMIT_S
        while left():
            assert time.monotonic() < limit, list(Backfill.objects.exclude(state="done").values_list("state", "tries")[:3])
            ring_drain()  # as beat does
            reap(now=now())
            for worker in workers:
                worker.ensure_running()
            if kills < KILLS and time.monotonic() > kill_at and kill_one(workers, chance):
                kills, kill_at = kills + 1, time.monotonic() + EVERY_S
                if kills in FLUSHES:
                    broker().flushall()
                if kills == RESTART:
                    restart(servers.postgres)
            time.sleep(0.3)

    print(
        f"{kills} kills, {Backfill.objects.filter(lease__gt=1).count()} jobs struck, {LIMIT_S - limit + time.monotonic():.0f} s"
    )
    assert kills >= max(FLUSHES)
    assert set(Backfill.objects.values_list("state", "leased_until")) == {("done", None)}
    assert Backfill.objects.filter(lease__gt=1).exists(), "no kill struck a job"
    assert not DeadLetter.objects.exists()
    assert not BarRevision.objects.exists()
    expected = [[to_us(start), to_us(start + length)] for start, length in spans]
    for one in Series.objects.select_related("instrument"):
        assert coverage(one) == (expected, [])
        bars = Bar.objects.filter(series=one).order_by("start")
        held = [(to_us(b.start), b.open, b.high, b.low, b.close, b.volume) for b in bars]
        assert held == [row for span in expected for row in as_the_vendor_has_them(one.instrument.symbol, *span)]
