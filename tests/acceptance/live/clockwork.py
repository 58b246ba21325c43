"""Live collection with real vendors over HTTP and real Postgres, minute by minute of a day that we choose.

All processes read one clock (`MARKETDATA_CLOCK_OFFSET`); here the simulator is a thread of this process, so moving the offset moves both.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collector.core.spans import inside
from collector.models import Instrument, Series, Tier
from collector.schemas import BarsFetchJob
from collector.selectors.evidence import covered
from collector.services.collecting import collect_bars
from collector.services.live import plan
from marketdata_site.observability.clock import OFFSET_VARIABLE, now_us
from providers.loop import EventLoopThread
from providers.market.calendar import get_calendar
from providers.market.types import MINUTE_US, AssetClass, Hours, Interval, from_us, to_us
from providers.models import Provider
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from tests.integration.collector.rows import make_policy

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Desk:
    """A running service without beat: `at` says what time it is, `minute` does what beat and workers do then."""

    vendors: SimulatorControl
    loop: EventLoopThread
    monkeypatch: pytest.MonkeyPatch

    def at(self, moment: datetime) -> None:
        """Set everybody's clock."""
        self.monkeypatch.setenv(OFFSET_VARIABLE, str(moment.timestamp() - time.time()))

    def minute(self, moment: datetime) -> list[BarsFetchJob]:
        """One plan and its jobs, at that time."""
        self.at(moment)
        jobs = plan(now=now_us())
        for job in jobs:
            collect_bars(job, now=now_us(), loop=self.loop)
        return jobs

    def minutes(self, first: datetime, last: datetime) -> None:
        """Each minute of `[first, last]`, eleven seconds after it began: later than every tier's lateness."""
        while first <= last:
            self.minute(first + timedelta(seconds=11))
            first += MINUTE


@contextmanager
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, universe: str = "") -> Iterator[Desk]:
    """Two simulated vendors, their rows, and a policy."""
    table = tmp_path / "universe.csv"
    table.write_text("symbol,calendar,hours,asset_class\n" + universe)
    monkeypatch.setenv("DESK_KEY", "secret")
    os.environ.setdefault(OFFSET_VARIABLE, "0")
    with start_simulator(SimulatorOptions(seed=7, universe=table)) as vendors, EventLoopThread() as loop:
        names = {"polygon": {"api_key": "DESK_KEY"}, "alpaca": {"key_id": "DESK_KEY", "secret_key": "DESK_KEY"}}
        for name, credentials in names.items():
            Provider.objects.create(name=name, adapter=name, base_url=vendors.url, credentials=credentials)
        make_policy(*names)
        yield Desk(vendors, loop, monkeypatch)


def listed(
    symbol: str, *, calendar: str, since: datetime, hours: Hours = Hours.REGULAR, asset_class: AssetClass = AssetClass.EQUITY
) -> Series:
    """A 1m series of T0 that is collected from `since` on."""
    for code, lateness in (("T0", 2), ("T1", 5), ("T2", 10)):  # a flush between tests takes what migrations made
        Tier.objects.get_or_create(code=code, defaults={"lateness_seconds": lateness, "objective": 0.01, "backfill_cap": 100})
    Tier.objects.update(planned_through=None)
    instrument = Instrument.objects.create(symbol=symbol, calendar=calendar, asset_class=asset_class)
    return Series.objects.create(instrument=instrument, hours=hours, tier_id="T0", collect_from=since)


def open_slots(series: Series, *, until: datetime) -> list[datetime]:
    """Expected slots that have closed by `until` and are neither held nor proven empty."""
    low = to_us(series.collect_from)
    slots = get_calendar(series.instrument.calendar, Hours(series.hours)).slots(Interval.M1, low, to_us(until) - MINUTE_US + 1)
    if not len(slots):
        return []
    spans = covered(series_ids=[series.pk], start=int(slots[0]), end=int(slots[-1]) + MINUTE_US).get(series.pk)
    return [from_us(slot) for slot in (slots if spans is None else slots[~inside(slots, spans)]).tolist()]
