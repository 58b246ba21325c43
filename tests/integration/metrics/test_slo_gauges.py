"""Gauges and counters of objectives: the newest run's rates, the slots of all runs."""

import pytest

from ops.gauges import objectives
from ops.models import SloCount
from tests.builders import moment
from tests.integration.collector.rows import TIERS, make_tier
from tests.integration.slo.samples import make_run, make_sample

pytestmark = pytest.mark.django_db
NOW, BEFORE = moment("2025-10-08 15:00:30"), moment("2025-10-08 15:00:00")


def _values() -> dict[tuple[str, ...], float]:
    return {(one.name, *one.labels.values()): one.value for family in objectives() for one in family.samples}


def test_before_the_first_run_there_are_objectives_and_the_monitor_is_as_stale_as_can_be() -> None:
    for code in TIERS:
        make_tier(code)
    objectives_of_tiers = {("slo_objective", "T0"): 0.005, ("slo_objective", "T1"): 0.02, ("slo_objective", "T2"): 0.05}
    assert _values() == {**objectives_of_tiers, ("slo_last_run_timestamp_seconds",): 0}


def test_rates_are_those_of_the_newest_run_and_a_tier_that_it_did_not_see_has_none() -> None:
    make_run(NOW)
    make_sample(BEFORE, violating=100)
    make_sample(BEFORE, tier="T1", violating=100)
    make_sample(NOW, violating=3, interior_missing=7)
    found = _values()
    assert found["slo_gap_violation_rate", "T0", "1m"] == 3 / 200
    assert found["slo_interior_missing_slots", "T0", "1m"] == 7
    assert ("slo_gap_violation_rate", "T1", "1m") not in found
    assert found["slo_last_run_timestamp_seconds",] == NOW.timestamp()


def test_rate_of_a_run_that_fell_on_no_series_is_zero() -> None:
    make_run(NOW)
    make_sample(NOW, sampled=0, expected=0, good=0)
    assert _values()["slo_gap_violation_rate", "T0", "1m"] == 0


def test_counters_are_what_all_runs_counted() -> None:
    SloCount.objects.create(tier="T0", interval="1m", counted_through=NOW, expected=12_345, good=12_300)
    found = _values()
    assert (found["slo_expected_slots_total", "T0", "1m"], found["slo_good_slots_total", "T0", "1m"]) == (12_345, 12_300)
