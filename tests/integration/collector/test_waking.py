"""Jobs that were parked because of a breaker, and what becomes of them when it leaves its open phase early: rows alone."""

from datetime import timedelta

import pytest

from collector.models import Backfill
from collector.services.backfill.waking import wake
from providers.models import ProviderState
from tests.builders import moment
from tests.integration.collector.backfill_rows import make_job
from tests.integration.collector.rows import make_provider, make_series

pytestmark = pytest.mark.django_db

NOW = moment("2025-10-08 16:00")
CHANGED = NOW - timedelta(seconds=20)
BEFORE, SINCE = CHANGED - timedelta(minutes=2), CHANGED + timedelta(seconds=5)


def park(symbol, *, at=BEFORE, code="circuit_open", provider="polygon", **rest):
    tries = [{"at": at.isoformat(), "provider": provider, "code": code, "message": "", "http_status": None}]
    interval = rest.pop("interval", "1m")
    given = {"state": "parked", "due_at": NOW + timedelta(minutes=4), "tries": tries, **rest}
    return make_job(make_series(symbol, interval=interval), **given)


def state(phase="half_open", *, since=CHANGED, capability="bars_1m", **rest):
    ProviderState.objects.create(
        provider=make_provider("polygon"), capability=capability, phase=phase, phase_since=since, **rest
    )


@pytest.mark.parametrize("phase", ["half_open", "closed"])
def test_jobs_that_waited_for_the_breaker_are_due_when_it_is_open_no_more(phase):
    state(phase)
    waited = park("AAA")
    others = [
        park("BBB", at=SINCE),
        park("CCC", code="over_budget"),
        park("DDD", provider="alpaca"),
        park("EEE", interval="5m"),
        park("FFF", state="retry_wait"),
    ]
    assert wake(now=NOW) == 1
    due = dict(Backfill.objects.values_list("pk", "due_at"))
    assert due[waited.pk] == NOW
    assert {due[job.pk] for job in others} == {NOW + timedelta(minutes=4)}
    assert wake(now=NOW) == 0


def test_nobody_is_woken_while_the_breaker_is_open_or_when_it_has_long_been_closed():
    state("open", open_until=NOW + timedelta(minutes=4))
    state("closed", since=NOW - timedelta(minutes=30), capability="bars_5m")
    park("AAA")
    park("BBB", interval="5m", at=NOW - timedelta(minutes=40))
    assert wake(now=NOW) == 0
