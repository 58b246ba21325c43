"""The monitor of objectives beside live collection from a simulated vendor: dense and quiet symbols, a mute hour, an evening and a morning."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.models import SloCount, SloSample
from ops.slo.running import run
from providers.market.types import to_us
from providers.models import RoutingPolicy
from providers.services import policies
from tests.acceptance.live.clockwork import MINUTE, Desk, desk, listed
from tests.integration.collector.rows import reload_policies

pytestmark = pytest.mark.django_db(transaction=True)
BEGIN = datetime(2025, 6, 2, 19, 0, tzinfo=UTC)
KNOWN_FROM = BEGIN + 45 * MINUTE
CLOSE, OPEN = datetime(2025, 6, 2, 20, 0, tzinfo=UTC), datetime(2025, 6, 3, 13, 30, tzinfo=UTC)
SYMBOLS = ("DENSE", "QUIETA", "QUIETB", "QUIETC")


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Desk]:
    with desk(monkeypatch, tmp_path) as started:
        RoutingPolicy.objects.update(providers=["polygon"])
        reload_policies()
        for symbol in SYMBOLS:
            listed(symbol, calendar="XNYS", since=BEGIN)
        yield started


def look(moment: datetime) -> int:
    """How many are behind at a run at that time."""
    assert run(snapshot=policies.current(), now=to_us(moment)) == 1
    return SloSample.objects.latest("id").violating


def live(running: Desk, first: datetime, last: datetime) -> list[int]:
    """Minutes of live collection with two runs in each, before and behind the collecting."""
    found = []
    while first <= last:
        found.append(look(first + timedelta(seconds=1)))
        running.minute(first + timedelta(seconds=11))
        found.append(look(first + timedelta(seconds=31)))
        first += MINUTE
    return found


def new_counts(since: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """Good and expected slots since then."""
    row = SloCount.objects.get()
    return row.good - since[0], row.expected - since[1]


@pytest.fixture
def known(running: Desk) -> Desk:
    """Enough is known of every symbol: a silence is hardly believed about one of which there are a few minutes only."""
    running.minutes(BEGIN, KNOWN_FROM - MINUTE)
    return running


def test_healthy_and_quiet_symbols_are_never_behind_and_a_mute_vendor_shows_within_minutes(known: Desk) -> None:
    assert set(live(known, KNOWN_FROM, KNOWN_FROM + 4 * MINUTE)) == {0}
    good, expected = new_counts()
    assert good == expected > 0
    fault = known.vendors.set_fault("mute")
    silent = KNOWN_FROM + 5 * MINUTE
    found = live(known, silent, silent + 3 * MINUTE)
    assert (found[0], found[-1]) == (0, len(SYMBOLS))
    assert new_counts()[0] < new_counts()[1]
    known.vendors.clear_faults(fault)
    back = silent + 4 * MINUTE
    assert live(known, back, back) == [len(SYMBOLS), 0]


def test_evening_and_morning_are_no_fault_and_a_mute_vendor_shows_two_minutes_after_the_open(known: Desk) -> None:
    known.minutes(KNOWN_FROM, CLOSE - 6 * MINUTE)
    assert set(live(known, CLOSE - 5 * MINUTE, CLOSE + 3 * MINUTE)) == {0}
    night = [look(CLOSE + timedelta(hours=hours)) for hours in (1, 4, 9, 17)]
    assert set(night) == {0}
    good, expected = new_counts()
    assert good == expected
    known.vendors.set_fault("mute")
    assert live(known, OPEN, OPEN + MINUTE) == [0, 0, 0, 0]
    # Of a thinly traded symbol two minutes without a bar are no news; a dense one is missed.
    assert look(OPEN + 2 * MINUTE + timedelta(seconds=1)) >= 1
    assert "DENSE" in {one["symbol"] for one in SloSample.objects.latest("id").worst}
