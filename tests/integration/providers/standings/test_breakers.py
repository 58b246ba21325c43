"""Breakers and their probes, in the rows that all workers share."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from providers.breaker import Phase
from providers.market.types import MINUTE_US, SECOND_US, from_us
from providers.models import Incumbent, Provider, ProviderState
from providers.outcomes import Outcome
from providers.routing import Use
from providers.services import probes, standings
from tests.integration.collector.rows import make_provider
from tests.integration.providers.standings.reports import BARS, NOW, chosen, make_route, many_connections, report

pytestmark = pytest.mark.django_db


@many_connections
def test_reports_of_many_workers_at_once_are_all_counted() -> None:
    provider = make_provider()

    def work(number: int) -> None:
        try:
            for i in range(5):
                report(provider, Outcome.OK, 2, now=NOW + (5 * number + i) * 1_000)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    row = ProviderState.objects.get()
    assert row.memory["health"]["slow"]["calls"] == pytest.approx(40, rel=0.01)
    assert sum(calls for _, calls, _ in row.memory["breaker"]["recent"]) == 40


def test_breaker_opens_in_the_row_and_the_log_says_until_when(caplog: pytest.LogCaptureFixture) -> None:
    provider = make_provider()

    report(provider, Outcome.VENDOR_ERROR, 5)

    row = ProviderState.objects.get()
    assert row.phase == "open"
    assert row.open_until is not None
    assert 30 <= (row.open_until - from_us(NOW + SECOND_US)).total_seconds() <= 33
    told = [r for r in caplog.records if getattr(r, "action", "").startswith("breaker")]
    assert [r.action for r in told] == ["breaker_open"]
    assert told[0].getMessage().startswith("the breaker of polygon for bars_1m is open until ")
    assert "vendor_error 5" in told[0].getMessage()


def test_worker_that_is_stopped_in_a_report_loses_the_row_soon() -> None:
    provider = make_provider()

    standings.locked(provider_id=provider.pk, capability=BARS)

    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("5s",)


def test_next_provider_is_asked_while_a_breaker_is_open_and_one_probe_goes_first_when_its_time_is_over() -> None:
    snapshot = make_route("first", "second")
    first = Provider.objects.get(name="first")

    report(first, Outcome.VENDOR_ERROR, 5)

    assert chosen(snapshot, now=NOW + 10 * SECOND_US) == [("second", Use.NORMAL)]
    assert chosen(snapshot, now=NOW + 40 * SECOND_US) == [("first", Use.PROBE), ("second", Use.NORMAL)]
    assert Incumbent.objects.get().provider.name == "second"


@many_connections
def test_only_one_of_many_gets_the_probe_until_it_is_released_or_runs_out() -> None:
    provider = make_provider()
    report(provider, Outcome.VENDOR_ERROR, 5)
    later = NOW + MINUTE_US

    def take(number: int) -> bool:
        try:
            return probes.take(provider_id=provider.pk, capability=BARS, holder=f"worker {number}", now=later)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(take, range(8)))

    assert sum(got) == 1
    holder = f"worker {got.index(True)}"
    probes.release(provider_id=provider.pk, capability=BARS, holder="somebody else")
    assert not take(9)
    probes.release(provider_id=provider.pk, capability=BARS, holder=holder)
    assert take(9)
    lapsed = later + round(probes.LEASE.total_seconds() * SECOND_US)
    assert not probes.take(provider_id=provider.pk, capability=BARS, holder="b", now=lapsed - 1)
    assert probes.take(provider_id=provider.pk, capability=BARS, holder="b", now=lapsed)


def test_probe_is_not_to_be_had_before_the_breakers_time_is_over() -> None:
    provider = make_provider()
    report(provider, Outcome.VENDOR_ERROR, 5)

    assert not probes.take(provider_id=provider.pk, capability=BARS, holder="a", now=NOW + 10 * SECOND_US)


def test_three_good_probes_close_the_breaker_and_calls_of_before_say_nothing() -> None:
    provider = make_provider()
    report(provider, Outcome.VENDOR_ERROR, 5)
    later = NOW + MINUTE_US

    late = report(provider, Outcome.VENDOR_ERROR, 5, now=NOW + 2 * SECOND_US)
    assert late.breaker.trips == 1
    state = report(provider, Outcome.OK, 3, now=later, use=Use.PROBE)

    assert state.breaker.phase is Phase.CLOSED
    assert ProviderState.objects.get().phase == "closed"


def test_answer_to_live_work_that_could_not_wait_lets_the_probe_out_before_its_time() -> None:
    provider = make_provider()
    report(provider, Outcome.VENDOR_ERROR, 5)
    soon = NOW + 10 * SECOND_US

    report(provider, Outcome.OK, 3, now=soon, use=Use.NORMAL)
    assert not probes.take(provider_id=provider.pk, capability=BARS, holder="a", now=soon)
    report(provider, Outcome.OK, 1, now=soon, use=Use.GENTLE)
    assert probes.take(provider_id=provider.pk, capability=BARS, holder="a", now=soon)
