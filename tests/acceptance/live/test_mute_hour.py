"""The only vendor goes mute while bars are collected live, about series of every density."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.models import Coverage
from providers.models import RoutingPolicy
from tests.acceptance.live.clockwork import MINUTE, Desk, desk, listed, open_slots
from tests.integration.collector.rows import reload_policies

pytestmark = pytest.mark.django_db(transaction=True)
BEGIN = datetime(2025, 6, 2, 14, 0, tzinfo=UTC)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Desk]:
    with desk(monkeypatch, tmp_path) as started:
        RoutingPolicy.objects.update(providers=["polygon"])
        reload_policies()
        yield started


def test_silence_of_the_only_vendor_is_believed_about_no_series_that_traded_before(running: Desk) -> None:
    every = [listed(symbol, calendar="XNYS", since=BEGIN) for symbol in ("DENSE", "QUIETA", "QUIETB", "QUIETC")]
    running.minutes(BEGIN, BEGIN + 19 * MINUTE)
    silent = BEGIN + 20 * MINUTE
    fault = running.vendors.set_fault("mute")
    running.minutes(silent, silent + 12 * MINUTE)
    for series in every:
        rows = Coverage.objects.filter(series_id=series.pk).values_list("empty", flat=True)
        assert all(span.upper <= silent for row in rows for span in row)
    running.vendors.clear_faults(fault)
    back = silent + 13 * MINUTE
    running.minutes(back, back + 3 * MINUTE)
    for series in every:
        late = [slot for slot in open_slots(series, until=back) if slot >= back - timedelta(minutes=8)]
        assert late == []
