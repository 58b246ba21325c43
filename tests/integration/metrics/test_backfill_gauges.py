"""Gauges of jobs that are open and dead, over all and by tier; each tier has a value."""

from datetime import timedelta
from typing import Any

import pytest

from collector.gauges import backfill_queues, dead_letters
from collector.models import Backfill, DeadLetter
from tests.builders import moment
from tests.integration.collector.rows import TIERS, make_series, make_tier

pytestmark = pytest.mark.django_db
NOW = moment("2025-10-08 22:00")


@pytest.fixture(autouse=True)
def _tiers() -> None:
    for code in TIERS:
        make_tier(code)


def _job(*, age: int, state: str = "queued", tier: str = "T0", lane: str = "recent") -> Backfill:
    start = NOW - timedelta(minutes=Backfill.objects.count() + 1)
    leased = NOW if state == "running" else None
    series = make_series(f"S{Backfill.objects.count()}", tier=tier)
    times: dict[str, Any] = {"due_at": NOW, "found_at": NOW - timedelta(seconds=age), "leased_until": leased}
    return Backfill.objects.create(
        series=series, start=start, end=start + timedelta(minutes=1), slots=1, lane=lane, tier=tier, state=state, **times
    )


def _values() -> dict[tuple[str, str], float]:
    families = [*backfill_queues(now=NOW), *dead_letters()]
    return {(sample.name, sample.labels.get("tier", "")): sample.value for family in families for sample in family.samples}


def test_gauges_are_zero_for_every_tier_when_there_is_no_job() -> None:
    found = _values()
    assert len(found) == 2 + 3 * len(TIERS)
    assert set(found.values()) == {0}


def test_gauges_count_open_jobs_of_both_lanes_and_the_age_of_recent_ones() -> None:
    for age, state in ((40, "queued"), (70, "running"), (60, "retry_wait"), (50, "parked")):
        _job(age=age, state=state)
    for state in ("done", "dead", "discarded"):
        _job(age=500, state=state)
    _job(age=30, tier="T2")
    _job(age=9_000, tier="T1", lane="history")
    found = _values()
    assert (found["backfill_queue_depth", ""], found["backfill_oldest_age_seconds", ""]) == (6, 70)
    assert [found["backfill_tier_queue_depth", tier] for tier in TIERS] == [4, 1, 1]
    assert [found["backfill_tier_oldest_age_seconds", tier] for tier in TIERS] == [70, 0, 30]


def test_gauge_of_dead_letters_counts_dead_jobs_and_no_discarded_ones() -> None:
    for state in ("dead", "dead", "discarded"):
        job = _job(age=1, state=state, tier="T1")
        DeadLetter.objects.create(backfill=job, reason="rejected", fingerprint="f", missing_minutes=1, died_at=NOW)
    assert [_values()["dlq_depth", tier] for tier in TIERS] == [0, 2, 0]
