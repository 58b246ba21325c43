"""`GET /metrics`: who may read it, and what it still says when the database does not answer."""

import re
import threading
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from marketdata_site import metrics_page
from marketdata_site.observability.row_gauges import STATEMENT_LIMIT_MS, UNREAD, RowGauges
from providers import metrics
from tests.integration.collector.rows import make_policy, make_provider
from tests.keys import bearer, make_key

pytestmark = pytest.mark.django_db(transaction=True)
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


def _values(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^([^#\n]\S*) (\S+)$", text, flags=re.MULTILINE)}


def _there() -> list[Metric]:
    return [GaugeMetricFamily("there", "There.", value=1)]


def test_page_is_closed_when_the_caller_is_elsewhere_and_open_to_staff_and_keys(client: Client) -> None:
    refused = client.get("/metrics", **ELSEWHERE)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    assert client.get("/metrics", headers=bearer(make_key()), **ELSEWHERE).status_code == 200
    client.force_login(User.objects.create_user("operator", is_staff=True))
    assert client.get("/metrics", **ELSEWHERE).status_code == 200


def test_page_shows_counts_and_gauges_in_prometheus_text(client: Client) -> None:
    make_provider("polygon")
    make_policy("polygon")
    metrics.selected(capability="bars_1m", provider="polygon")
    answer = client.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found = _values(answer.content.decode())
    assert found['provider_selected_total{capability="bars_1m",provider="polygon"}'] >= 1
    assert found['circuit_state{provider="polygon"}'] == 0
    assert found["config_last_reload_successful"] == 1
    assert found[UNREAD] == 0


def test_page_shows_requests_by_view_and_takes_no_made_up_method_for_a_label(client: Client) -> None:
    client.get("/health")
    client.generic("MADEUP", "/health")
    text = client.get("/metrics").content.decode()
    found = _values(text)
    assert found['django_http_requests_latency_seconds_by_view_method_count{method="GET",view="api:health"}'] >= 1
    assert "MADEUP" not in text


def test_page_shows_the_counts_when_the_database_does_not_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Metric]:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(metrics_page, "row_gauges", RowGauges([broken, _there, broken]))
    metrics.selected(capability="bars_1m", provider="polygon")
    found = _values(client.get("/metrics").content.decode())
    assert (found[UNREAD], found["there"]) == (2, 1)
    assert found['provider_selected_total{capability="bars_1m",provider="polygon"}'] >= 1


def test_statement_that_takes_too_long_is_ended_and_the_next_reading_goes_on() -> None:
    def slow() -> list[Metric]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            assert cursor.fetchone() == (f"{STATEMENT_LIMIT_MS // 1000}s",)
            cursor.execute("SELECT pg_sleep(30)")
        return []

    found = {sample.name: sample.value for family in RowGauges([slow, _there]).collect() for sample in family.samples}
    assert found == {"there": 1, UNREAD: 1}


@pytest.fixture
def hanging() -> Iterator[tuple[threading.Event, list[int]]]:
    """A reading that hangs until it is let go, and how often it was begun."""
    release = threading.Event()
    yield release, []
    release.set()


def test_scrapes_share_one_reading_and_go_on_without_it_when_the_database_hangs(
    hanging: tuple[threading.Event, list[int]],
) -> None:
    release, begun = hanging

    def hang() -> list[Metric]:
        begun.append(1)
        release.wait()
        return _there()

    gauges = RowGauges([hang, _there], patience_s=0.05)
    for _ in range(3):
        assert [(sample.name, sample.value) for family in gauges.collect() for sample in family.samples] == [(UNREAD, 2)]
    assert begun == [1]
    release.set()
    patient = RowGauges([hang, _there])
    assert [sample.value for family in patient.collect() for sample in family.samples] == [1, 1, 0]
    reader = next((thread for thread in threading.enumerate() if thread.name == "row-gauges"), None)
    if reader is not None:  # it closes its connection before the test's database is emptied
        reader.join()
