"""More gaps at once than the caps have room for: the oldest get it, the rest is found again, and two years of history wait behind all of them."""

import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Min

from collector.models import Backfill, Bar, DeadLetter, Instrument, Series, Tier
from collector.models.backfills import OPEN_STATES, Lane
from collector.services.backfill.draining import drain
from collector.services.gap_scan import scan_recent
from marketdata_site.observability.clock import OFFSET_VARIABLE, now_us
from providers.loop import EventLoopThread
from providers.market.calendar import get_calendar
from providers.market.types import MINUTE_US, Hours, Interval, from_us
from providers.services import policies
from providers.simulator.launch import start_simulator
from providers.simulator.options import SimulatorOptions
from tests.builders import moment
from tests.faults.sizes import sized
from tests.integration.collector.conftest import database  # noqa: F401  # the same fixture
from tests.integration.collector.rows import make_policy, make_provider, make_series

SERIES = sized(short={"T0": 40, "T1": 60, "T2": 100}, long={"T0": 1_000, "T1": 1_500, "T2": 2_500})
CAPS = sized(short={"T0": 200, "T1": 400, "T2": 800}, long={"T0": 5_000, "T1": 10_000, "T2": 20_000})
HISTORY = sized(short=timedelta(days=30), long=timedelta(days=730))
OPEN, CLOSE = moment("2025-10-08 13:30"), moment("2025-10-08 20:00")
GAPS = [OPEN + timedelta(minutes=20 + 30 * number) for number in range(10)]
"""Where each series lacks bars, for so long:"""
LENGTH = timedelta(minutes=3)
FOUND = len(GAPS) * sum(SERIES.values())


@pytest.fixture
def vendor(database, monkeypatch):  # noqa: F811
    """One vendor of many symbols a call; everybody's clock on an evening of 2025."""
    monkeypatch.setenv(OFFSET_VARIABLE, repr(moment("2025-10-08 21:00").timestamp() - time.time()))
    with start_simulator(SimulatorOptions(seed=7, rates={"alpaca": 0})) as control:
        provider = make_provider("alpaca", base_url=control.url, rate_per_minute=1_000_000)
        for variable in provider.credentials.values():
            monkeypatch.setenv(variable, "secret")
        make_policy("alpaca")
        yield control


def make_storm():
    """Series that hold their session but for the gaps."""
    names = [(f"CAP{tier}{number:04d}", tier) for tier, count in SERIES.items() for number in range(count)]
    instruments = Instrument.objects.bulk_create([Instrument(symbol=name, mic="XNAS", calendar="XNYS") for name, _ in names])
    rows = [Series(instrument=one, tier_id=tier, collect_from=OPEN) for one, (_, tier) in zip(instruments, names, strict=True)]
    Series.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO collector_coverage (series_id, session, held, empty, void)
               SELECT s.id, %s, tstzmultirange(tstzrange(%s, %s)) - g.missing, '{}', '{}'
               FROM collector_series s, (SELECT range_agg(tstzrange(at, at + %s)) AS missing FROM unnest(%s::timestamptz[]) AS t(at)) g""",
            [OPEN.date(), OPEN, CLOSE, LENGTH, GAPS],
        )


def make_history():
    """What an operator's wish for two years of one series becomes: a job a session, due before everything else."""
    series = make_series("OLD", tier="T0", collect_until=OPEN - timedelta(days=4))
    days = (OPEN.date() - HISTORY, OPEN.date() - timedelta(days=5))
    slots, sessions = get_calendar("XNYS", Hours.REGULAR).session_slots(Interval.M1, *days)
    spans = [slots[sessions == day] for day in sorted(set(sessions.tolist()))]
    at = moment("2025-10-08 12:00")
    Backfill.objects.bulk_create(
        Backfill(
            series=series, start=from_us(int(one[0])), end=from_us(int(one[-1]) + MINUTE_US), slots=len(one),
            lane=Lane.HISTORY, tier="T0", due_at=at, found_at=at,
        )
        for one in spans
    )  # fmt: skip
    return len(slots)


def scanned():
    """A scan; the caps hold behind it."""
    found = scan_recent(now=now_us(), snapshot=policies.current())
    waiting = Counter(Backfill.objects.filter(lane=Lane.RECENT, state__in=OPEN_STATES).values_list("tier", flat=True))
    assert all(waiting[tier] <= cap for tier, cap in CAPS.items()), waiting
    return found, waiting


def test_storm_of_gaps_fills_the_caps_with_the_oldest_and_later_scans_find_the_rest(vendor):
    for tier, cap in CAPS.items():
        Tier.objects.filter(code=tier).update(backfill_cap=cap)
    make_storm()
    old = make_history()

    found, waiting = scanned()
    assert (found.found, found.enqueued, waiting) == (FOUND, sum(CAPS.values()), CAPS)
    for tier, cap in CAPS.items():
        oldest = sorted(at for at in GAPS for _ in range(SERIES[tier]))[:cap]
        assert sorted(Backfill.objects.filter(lane=Lane.RECENT, tier=tier).values_list("start", flat=True)) == oldest

    rounds = 0
    with EventLoopThread() as loop:
        while found.found:
            while drain(worker="me", loop=loop):
                pass
            found, _ = scanned()
            rounds += 1
    assert rounds == 2
    assert set(Backfill.objects.values_list("state", "attempts", "lease")) == {("done", 0, 1)}
    assert not DeadLetter.objects.exists()
    assert Bar.objects.count() == FOUND * (LENGTH.seconds // 60) + old

    first = Backfill.objects.filter(lane=Lane.RECENT).order_by("pk")[: sum(CAPS.values())]
    last_recent = max(job.finished_at for job in first)
    assert last_recent <= Backfill.objects.filter(lane=Lane.HISTORY).aggregate(at=Min("finished_at"))["at"]
    print(f"{FOUND} gaps by {len(vendor.calls())} calls")
