"""Half an hour without any vendor: what is missing is filled within minutes of their return, by few calls, and live work goes on.

Minute by minute of a day that we choose: the clock is moved, the rest is real. A step that takes longer than its time delays the next.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from collector.models import Backfill, Bar, Instrument, Series
from collector.services.backfill.draining import drain
from collector.services.collecting import collect_bars
from collector.services.gap_scan import scan_recent
from collector.services.live import plan
from marketdata_site.observability.clock import OFFSET_VARIABLE, now, now_us
from providers.breaker import OPEN_MOST_US
from providers.loop import EventLoopThread
from providers.models import ProviderState
from providers.services import policies
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from tests.builders import moment
from tests.faults.sizes import sized
from tests.integration.collector.conftest import database  # noqa: F401  # the same fixture
from tests.integration.collector.rows import make_policy, make_provider

SYMBOLS = sized(short=400, long=8_000)
MOST_CALLS = sized(short=25, long=200)
"""Of backfill, from the outage's begin until all is filled. The vendor takes 200 symbols a call."""
TIERS = {"T0": 0.1, "T1": 0.3, "T2": 0.6}
RATE = 200
"""Requests a minute that each vendor takes; a fifth of them are live work's alone."""
BEGIN = moment("2025-10-08 14:00")
MINUTE, TICK = timedelta(minutes=1), timedelta(seconds=sized(short=20, long=5))
WELL, OUTAGE, HEALED = 3, 30, 5


@dataclass
class Day:
    """What beat and workers do, in one process. `minute`: the boundary that was planned last."""

    vendors: SimulatorControl
    loop: EventLoopThread
    patch: pytest.MonkeyPatch
    minute: datetime = BEGIN
    calls: Counter[str] = field(default_factory=Counter)

    def until(self, at: datetime) -> None:
        """Move everybody's clock on to a moment; never back."""
        if now() < at:
            self.patch.setenv(OFFSET_VARIABLE, repr(at.timestamp() - time.time()))

    def counting(self, kind: str, work) -> None:
        before = self.vendors.summary()["total"]
        work()
        self.calls[kind] += self.vendors.summary()["total"] - before

    def minutes(self, count: int, *, on_time: bool) -> None:
        """So many minutes: live work first, then a scan of the gaps and a drain every five seconds."""
        for _ in range(count):
            self.minute += MINUTE
            self.until(self.minute + timedelta(seconds=11))
            self.counting("live", self.live)
            if on_time:
                assert Bar.objects.filter(start=self.minute - MINUTE).count() == SYMBOLS, f"live work is late at {self.minute}"
            scan_recent(now=now_us(), snapshot=policies.current())
            while now() < self.minute + MINUTE:
                self.counting("backfill", lambda: drain(worker="me", loop=self.loop))
                self.until(now() + TICK)

    def live(self) -> None:
        for job in plan(now=now_us()):
            collect_bars(job, now=now_us(), loop=self.loop)


@pytest.fixture
def day(database, monkeypatch):  # noqa: F811
    """Two accounts at a vendor of many symbols a call, and series of three tiers."""
    monkeypatch.setenv(OFFSET_VARIABLE, repr(BEGIN.timestamp() - time.time()))
    with start_simulator(SimulatorOptions(seed=7, rates={"alpaca": 2 * RATE})) as vendors, EventLoopThread() as loop:
        for name in ("alpaca", "second"):
            provider = make_provider(
                name, adapter="alpaca", base_url=vendors.url, rate_per_minute=RATE, live_reserve_percent=20
            )
            for variable in provider.credentials.values():
                monkeypatch.setenv(variable, "secret")
        make_policy("alpaca", "second")
        names = [f"OUT{number:04d}" for number in range(SYMBOLS)]
        instruments = Instrument.objects.bulk_create([Instrument(symbol=name, mic="XNAS", calendar="XNYS") for name in names])
        tiers = [tier for tier, share in TIERS.items() for _ in range(round(share * SYMBOLS))]
        Series.objects.bulk_create(
            [Series(instrument=one, tier_id=tier, collect_from=BEGIN) for one, tier in zip(instruments, tiers, strict=True)]
        )
        yield Day(vendors, loop, monkeypatch)


def test_outage_of_all_vendors_is_filled_soon_after_their_return_by_few_calls_while_live_work_is_on_time(day):
    day.minutes(WELL, on_time=True)
    assert not Backfill.objects.exists()
    day.calls.clear()

    day.vendors.set_fault("server_error")
    day.minutes(OUTAGE, on_time=False)
    longest = timedelta(microseconds=OPEN_MOST_US)  # at the worst moment: a probe of each has just failed
    assert ProviderState.objects.filter(phase="open").update(phase_since=now(), open_until=now() + longest) == 2
    assert set(Backfill.objects.values_list("state", "tier")) == {("parked", tier) for tier in TIERS}
    day.vendors.clear_faults()

    day.minutes(HEALED, on_time=True)
    assert set(Backfill.objects.values_list("state", "tier")) == {("done", tier) for tier in TIERS}
    assert Bar.objects.count() == round((day.minute - BEGIN) / MINUTE) * SYMBOLS
    print(f"calls: {dict(day.calls)}; all filled at {Backfill.objects.latest('finished_at').finished_at:%H:%M:%S}")
    assert day.calls["backfill"] <= MOST_CALLS
