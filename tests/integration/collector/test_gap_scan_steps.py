"""Whatever happens in whatever order: no slot has two jobs, and none that is missing has no job."""

import itertools
from datetime import timedelta

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from collector.models import Backfill
from collector.selectors.scopes import Scope
from collector.services.gap_scan import scan
from providers.market.types import DAY_US, MINUTE_US, from_us, to_us
from providers.policy import Snapshot
from tests.builders import us
from tests.integration.collector.gaps import cover
from tests.integration.collector.rows import make_series
from tests.integration.collector.scanning import TAKEN, numbers

pytestmark = pytest.mark.django_db


STEPS = st.one_of(
    st.tuples(st.just("scan"), st.integers(0, 400)),
    st.tuples(st.just("cover"), st.integers(0, 900), st.integers(1, 200)),
    st.tuples(st.just("move"), st.integers(0, 20), st.sampled_from([*sorted(TAKEN), "done", "discarded"])),
)


@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=2, max_size=12))
def test_no_slot_has_two_jobs_and_none_that_is_missing_has_no_job(steps):
    with transaction.atomic():
        begin = us("2025-10-07 16:00")
        series = make_series(f"P{next(numbers)}", mic="XXXX", calendar="24/7", collect_from=from_us(begin))
        now, covered = begin, np.zeros(0, dtype=np.int64)
        for step in [*steps, ("scan", 60)]:
            if step[0] == "scan":
                now += step[1] * MINUTE_US
                result = scan(scope=Scope(series_ids=[series.pk]), now=now, snapshot=Snapshot())
                assert result.dropped == 0
                expected = np.arange(begin, now - 10 * MINUTE_US, MINUTE_US)
                assert _uncovered_by_jobs(series, np.setdiff1d(expected, covered)) == []
            elif step[0] == "cover":
                starts = begin + np.arange(step[1], step[1] + step[2]) * MINUTE_US
                cover(series, starts, starts // DAY_US)
                covered = np.union1d(covered, starts)
            else:
                _move(series, step[1], step[2])
        transaction.set_rollback(True)


def _uncovered_by_jobs(series, missing):
    """The missing slots that no job has. Every job lies in one session, and no two have a slot in common."""
    rows = [(to_us(r.start), to_us(r.end), r.slots) for r in Backfill.objects.filter(series=series, state__in=TAKEN)]
    rows.sort()
    assert all(a_end <= b_start for (_, a_end, _), (b_start, _, _) in itertools.pairwise(rows))
    assert all(start // DAY_US == (end - 1) // DAY_US and slots * MINUTE_US == end - start for start, end, slots in rows)
    return [t for t in missing.tolist() if not any(start <= t < end for start, end, _ in rows)]


def _move(series, number, state):
    """Another state for one job; one that is over does not come back."""
    rows = list(Backfill.objects.filter(series=series, state__in=TAKEN).order_by("id"))
    if rows:
        row = rows[number % len(rows)]
        row.state = state
        row.leased_until = row.found_at + timedelta(seconds=120) if state == "running" else None
        row.save()
