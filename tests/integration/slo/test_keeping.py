"""Samples are kept for 7 days one by one, then added up by 5 minutes for 90 days; nothing of what they counted is lost."""

from datetime import timedelta

import pytest
from django.db.models import Sum

from ops.models import SloSample
from ops.slo.keeping import thin
from tests.builders import moment
from tests.integration.slo.samples import PERIOD, make_sample

pytestmark = pytest.mark.django_db
NOW = moment("2025-10-15 12:02")
OLD = moment("2025-10-08 11:50")


def shown() -> list[tuple[str, int, int, int]]:
    """Time, runs, violating, sampled."""
    return [(f"{one.at:%H:%M:%S}", one.runs, one.violating, one.sampled) for one in SloSample.objects.order_by("tier", "at")]


def test_samples_of_five_minutes_become_one_with_their_sums() -> None:
    for number in range(10):
        make_sample(
            OLD + number * PERIOD,
            violating=number,
            good=100 - number,
            interior_missing=number,
            worst=[{"symbol": f"S{number}"}],
        )
    make_sample(OLD + 10 * PERIOD, violating=1)
    assert thin(now=NOW) == 9
    assert shown() == [("11:50:00", 10, 45, 2_000), ("11:55:00", 1, 1, 200)]
    first = SloSample.objects.earliest("at")
    assert (first.expected, first.good, first.interior_missing, first.worst) == (1_000, 955, 9, [{"symbol": "S9"}])


def test_samples_of_seven_days_stay_and_five_minutes_are_never_added_up_in_two_parts() -> None:
    for number in range(40):  # 11:50:00 to 12:09:30, a week ago; 12:02 is in the middle of five minutes
        make_sample(OLD + number * PERIOD)
    thin(now=NOW)
    assert [one[:2] for one in shown()[:3]] == [("11:50:00", 10), ("11:55:00", 10), ("12:00:00", 1)]
    assert len(shown()) == 2 + 20


def test_thinning_again_changes_nothing() -> None:
    for number in range(30):
        make_sample(OLD - timedelta(days=1) + number * PERIOD, violating=1)
    assert thin(now=NOW) == 27
    before = shown()
    assert thin(now=NOW) == 0
    assert shown() == before


def test_tiers_and_intervals_are_added_up_apart() -> None:
    for tier, interval in (("T0", "1m"), ("T0", "5m"), ("T1", "1m")):
        for number in range(3):
            make_sample(OLD + number * PERIOD, tier=tier, interval=interval)
    thin(now=NOW)
    assert [one.runs for one in SloSample.objects.all()] == [3, 3, 3]


def test_samples_past_90_days_and_those_of_a_clock_that_ran_ahead_are_deleted() -> None:
    kept = [make_sample(NOW - timedelta(days=89)), make_sample(NOW + timedelta(hours=1))]
    make_sample(NOW - timedelta(days=91))
    make_sample(NOW + timedelta(days=300))
    assert thin(now=NOW) == 2
    assert list(SloSample.objects.order_by("at")) == kept
    assert SloSample.objects.aggregate(all=Sum("sampled"))["all"] == 400
