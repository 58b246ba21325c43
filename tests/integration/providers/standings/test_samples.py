"""Samples of health, beside the reports of calls."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from providers.market.types import MINUTE_US, SECOND_US, from_us
from providers.models import HealthSample, Provider, ProviderState
from providers.outcomes import Outcome
from providers.services import sampling, standings
from tests.integration.providers.standings.reports import BARS, NOW, make_route, many_connections, report

pytestmark = pytest.mark.django_db


def test_sample_is_taken_once_in_ten_seconds_of_who_is_in_use() -> None:
    snapshot = make_route("used", "idle")
    report(Provider.objects.get(name="used"), Outcome.OK, 3)
    idle = Provider.objects.get(name="idle")
    report(idle, Outcome.OK, 3, now=NOW - 11 * MINUTE_US)

    taken = [sampling.sample(snapshot, now=NOW + seconds * SECOND_US) for seconds in (2, 8, 12)]

    assert taken == [1, 0, 1]
    samples = HealthSample.objects.order_by("at")
    assert [sample.provider.name for sample in samples] == ["used", "used"]
    assert [sample.at.second for sample in samples] == [0, 10]
    assert samples[0].score == pytest.approx(samples[0].parts["value"], abs=1e-4)
    assert {"availability_fast", "completeness_slow", "freshness_fast", "quota"} <= set(samples[0].parts)


@many_connections
def test_report_and_sample_wait_for_no_writer_of_rows_that_refer_to_the_provider() -> None:
    snapshot = make_route("used")
    used = Provider.objects.get(name="used")
    report(used, Outcome.OK, 3)

    def elsewhere() -> int:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            report(used, Outcome.OK, 3)
            sampling.sample(snapshot, now=NOW + 2 * SECOND_US)
            return ProviderState.objects.filter(updated_at=from_us(NOW + 2 * SECOND_US)).count()
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        with connection.cursor() as cursor:  # as a foreign key's check does
            cursor.execute("SELECT 1 FROM providers_provider WHERE id = %s FOR KEY SHARE", [used.pk])
        assert pool.submit(elsewhere).result(60) == 1


@many_connections
def test_sample_is_taken_while_a_report_holds_the_row() -> None:
    snapshot = make_route("used")
    used = Provider.objects.get(name="used")
    report(used, Outcome.OK, 3)

    def elsewhere() -> int:
        try:
            return sampling.sample(snapshot, now=NOW + 2 * SECOND_US)
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        standings.locked(provider_id=used.pk, capability=BARS)
        assert pool.submit(elsewhere).result(60) == 1
