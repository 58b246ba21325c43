"""Real Celery workers, real vendors over HTTP, and a clock in a file that all of them follow."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from celery import current_app
from django.db import connection

from collector.core.spans import inside
from collector.models import Instrument, Series, Tier
from collector.queues import enqueue
from collector.replay.processes import Worker
from collector.selectors.evidence import covered
from collector.services.live import plan
from marketdata_site.observability.clock import OFFSET_VARIABLE, now, now_us
from providers.market.calendar import get_calendar
from providers.market.types import MINUTE_US, Hours, Interval, to_us
from providers.models import Provider, RoutingPolicy
from providers.services import policies
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from tests.waiting import wait_until

MINUTE = timedelta(minutes=1)
LOOK_BACK_US = 5 * MINUTE_US
QUEUES = "live.t0,live.t1,live.t2"


@dataclass(slots=True)
class Fleet:
    """A running service without beat: `minutes` passes time and does what beat does then, workers do the rest."""

    vendors: SimulatorControl
    offset: Path
    series: list[Series]
    now: datetime
    """The last boundary that was planned."""

    def at(self, moment: datetime) -> None:
        """Set everybody's clock."""
        fresh = self.offset.with_suffix(".new")
        fresh.write_text(repr(moment.timestamp() - time.time()))
        fresh.replace(self.offset)

    def minutes(self, count: int) -> None:
        """So many minutes, a plan each, its jobs run to their end: every slot that closed is covered."""
        for _ in range(count):
            self.now += MINUTE
            self.at(self.now + timedelta(seconds=11))
            for job in plan(now=now_us()):
                assert enqueue(job, now=now())
            wait_until(lambda: not self.open_slots(), seconds=60, what=f"bars of every symbol by {self.now:%H:%M}", every_s=0.1)

    def open_slots(self) -> int:
        """How many series lack a slot that has closed, of the last minutes."""
        begin = max(min(to_us(one.collect_from) for one in self.series), to_us(self.now) - LOOK_BACK_US)
        slots = get_calendar(self.series[0].instrument.calendar, Hours.REGULAR).slots(
            Interval.M1, begin, to_us(self.now) - MINUTE_US + 1
        )
        ids = [one.pk for one in self.series]
        done = covered(series_ids=ids, start=int(slots[0]), end=int(slots[-1]) + MINUTE_US)
        return sum(1 for one in ids if one not in done or not inside(slots, done[one]).all())

    def calls(self, vendor: str) -> int:
        """Requests that a vendor got since the last look; looking forgets those of every vendor."""
        counted = sum(1 for call in self.vendors.calls() if call["vendor"] == vendor)
        self.vendors.forget_calls()
        return counted


@contextmanager
def fleet(
    patch: pytest.MonkeyPatch,
    folder: Path,
    *,
    symbols: Mapping[str, str],
    begin: datetime,
    workers: int = 1,
    providers: Mapping[str, Mapping[str, object]] | None = None,
) -> Iterator[Fleet]:
    """Two vendors, `symbols` (symbol → tier) that are collected from `begin` on, and worker processes of two children each."""
    offset = folder / "offset"
    offset.write_text(repr(begin.timestamp() - time.time()))
    patch.setenv(OFFSET_VARIABLE, f"@{offset}")
    patch.setenv("FLEET_KEY", "secret")
    wanted = providers or {"polygon": {"timeout_seconds": 2}, "alpaca": {}}
    with ExitStack() as stack:
        vendors = stack.enter_context(start_simulator(SimulatorOptions(seed=7, rates=dict.fromkeys(wanted, 0))))
        _rows(vendors, wanted)
        series = [_series(symbol, tier, begin) for symbol, tier in symbols.items()]
        policies.reload(author="test", through="command", now=now())
        current_app.control.purge()
        for number in range(workers):
            stack.enter_context(_worker(folder, number, patch))
        yield Fleet(vendors, offset, series, begin)


def _rows(vendors: SimulatorControl, wanted: Mapping[str, Mapping[str, object]]) -> None:
    keys = {"polygon": ("api_key",), "alpaca": ("key_id", "secret_key")}
    for name, values in wanted.items():
        credentials = dict.fromkeys(keys[name], "FLEET_KEY")
        plain = {"rate_per_minute": 60_000, "overlap_seconds": 120}
        Provider.objects.create(name=name, adapter=name, base_url=vendors.url, credentials=credentials, **{**plain, **values})
    RoutingPolicy.objects.create(capability="bars_1m", providers=list(wanted))


def _series(symbol: str, tier: str, begin: datetime) -> Series:
    Tier.objects.get_or_create(code=tier, defaults={"lateness_seconds": 2, "objective": 0.01, "backfill_cap": 100})
    instrument = Instrument.objects.create(symbol=symbol, calendar="XNYS", asset_class="equity")
    return Series.objects.create(instrument=instrument, tier_id=tier, collect_from=begin)


@contextmanager
def _worker(folder: Path, number: int, patch: pytest.MonkeyPatch) -> Iterator[None]:
    environment = {"DATABASE_URL": _test_database_url(), OFFSET_VARIABLE: os.environ[OFFSET_VARIABLE]}
    worker = Worker(
        log=folder / f"worker{number}.log", environment=environment, processes=2, queues=QUEUES, name=f"fleet{number}"
    )
    worker.ensure_running()
    try:
        wait_until(worker.is_up, seconds=60, what="the worker's answer")
        yield
    finally:
        worker.stop()


def _test_database_url() -> str:
    settings = connection.settings_dict
    host, user = settings["HOST"], settings["USER"]
    return f"postgresql://{user}@/{settings['NAME']}?host={host}"
