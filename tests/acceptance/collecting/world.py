"""A small world: two vendors over HTTP, a clock that tests set, and jobs that run as in a worker."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from collector.schemas import BarsFetchJob, Priority
from collector.services.collecting import Collected, collect_bars
from marketdata_site.observability.clock import OFFSET_VARIABLE, now_us
from providers.loop import EventLoopThread
from providers.market.types import Interval, Micros, from_us
from providers.models import Provider
from providers.simulator.launch import SimulatorControl, start_simulator
from providers.simulator.options import SimulatorOptions
from tests.builders import us
from tests.integration.collector.rows import make_policy, make_provider


@dataclass
class World:
    """`set_clock` moves our clock and the vendors'; `collect` runs one job to its end."""

    control: SimulatorControl
    loop: EventLoopThread
    patch: pytest.MonkeyPatch

    def set_clock(self, text: str) -> Micros:
        """From now on it is this time, and it goes on from there."""
        target = us(text)
        self.patch.setenv(OFFSET_VARIABLE, repr(target / 1e6 - time.time()))
        return target

    def provider(self, name: str, **values: object) -> Provider:
        """A vendor's account with its secrets set."""
        provider = make_provider(name, base_url=self.control.url, **values)
        for variable in provider.credentials.values():
            self.patch.setenv(variable, "secret")
        return provider

    def policy(self, *names: str, **values: object) -> list[Provider]:
        """Accounts that are asked in this order."""
        providers = [self.provider(name, **values) for name in names]
        make_policy(*names)
        return providers

    def collect(self, *symbols: str, start: str, end: str, **rest: object) -> Collected:
        """One live job."""
        job = BarsFetchJob(
            tier="T0",
            priority=Priority.LIVE,
            symbols=list(symbols),
            **{"interval": Interval.M1, "start": from_us(us(start)), "end": from_us(us(end)), **rest},
        )
        return collect_bars(job, now=now_us(), loop=self.loop)

    def asked(self) -> list[str]:
        """Vendors in the order in which they were first asked since the last look."""
        vendors = [call["vendor"] for call in self.control.calls()]
        self.control.forget_calls()
        return list(dict.fromkeys(vendors))


@contextmanager
def open_world(patch: pytest.MonkeyPatch, *, quiet_percent: int = 0) -> Iterator[World]:
    """A world while the context lasts."""
    options = SimulatorOptions(seed=7, rates={"polygon": 0, "alpaca": 0}, quiet_percent=quiet_percent)
    with start_simulator(options) as control, EventLoopThread() as loop:
        yield World(control=control, loop=loop, patch=patch)


def names(prefix: str, count: int) -> Sequence[str]:
    """Symbols."""
    return [f"{prefix}{i:03d}" for i in range(count)]
