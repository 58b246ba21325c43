"""Two worker processes with jobs of several tiers meet a vendor whose breaker is half-open: one probe is on its way at a time."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from providers.models import Provider, ProviderState
from providers.routing import PROBE_SYMBOLS
from tests.acceptance.routing.fleet import Fleet, fleet

pytestmark = pytest.mark.django_db(transaction=True)

BEGIN = datetime(2025, 6, 2, 14, 0, tzinfo=UTC)
SYMBOLS = {f"SYM{number:02d}": f"T{number % 3}" for number in range(60)}
HANGS_S = 1


def _spans(running: Fleet) -> list[tuple[int, int]]:
    """When each call arrived and was answered or given up, in the order of arrival."""
    calls = running.vendors.calls(vendor="polygon")
    return sorted((call["at"], call["at"] + round(1_000 * call["milliseconds"])) for call in calls)


def _one_at_a_time(spans: list[tuple[int, int]]) -> bool:
    return all(before[1] <= after[0] for before, after in pairwise(spans))


def test_one_probe_is_out_at_a_time_although_two_workers_have_jobs_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vendors = {"polygon": {"timeout_seconds": HANGS_S}, "alpaca": {}}
    with fleet(monkeypatch, tmp_path, symbols=SYMBOLS, begin=BEGIN, workers=2, providers=vendors) as running:
        running.minutes(3)
        running.vendors.set_fault("timeout", vendor="polygon")
        running.minutes(1)
        state = ProviderState.objects.get(provider=Provider.objects.get(name="polygon"), capability="bars_1m")
        assert state.phase == "open"
        running.vendors.forget_calls()

        for _ in range(6):  # three jobs a minute, each of which would like to know; the vendor keeps them waiting
            running.minutes(1)
        spans = _spans(running)
        assert 2 <= len(spans) <= 6
        assert _one_at_a_time(spans), spans

        running.vendors.clear_faults()
        running.vendors.forget_calls()
        while ProviderState.objects.get(pk=state.pk).phase != "closed":
            running.minutes(1)
        probes = _spans(running)[:PROBE_SYMBOLS]
        assert len(probes) == PROBE_SYMBOLS
        assert _one_at_a_time(probes), probes
