"""Names, labels and types of all metrics: as dashboards and alerts know them, and as docs/metrics.md lists them."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from django.test import Client
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from collector.metrics import write_batch_ms
from marketdata_site import metrics_page
from providers import errors
from providers.errors import PermanentError, ProviderError, RetryableError
from providers.metrics import called, refused
from tests.integration.collector.rows import make_policy, make_provider, make_series
from tests.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[3]
PAGE = (PROJECT / "docs/metrics.md").read_text()
HOUSES = ("providers", "collector", "ops", "marketdata_site")
MAKERS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
FIXED = {
    ("provider_selected_total", ("capability", "provider"), "counter"),
    ("provider_errors_total", ("provider", "endpoint", "code"), "counter"),
    ("provider_latency_ms", ("provider", "endpoint"), "histogram"),
    ("circuit_state", ("provider",), "gauge"),
    ("jobs_processed_total", ("type", "provider"), "counter"),
    ("gaps_found_total", ("interval",), "counter"),
    ("provider_refusals_total", ("capability", "provider", "code"), "counter"),
    ("backfill_jobs_enqueued_total", ("tier",), "counter"),
    ("backfill_jobs_completed_total", ("tier", "status"), "counter"),
    ("write_batch_ms", (), "histogram"),
    ("ingestion_lag_seconds", ("interval",), "gauge"),
    ("backfill_queue_depth", (), "gauge"),
    ("backfill_oldest_age_seconds", (), "gauge"),
    ("dlq_depth", ("tier",), "gauge"),
    ("ws_clients_gauge", (), "gauge"),
    ("ws_publish_latency_ms", (), "histogram"),
    ("ws_dropped_messages_total", (), "counter"),
    ("ws_recover_total", ("result", "reason"), "counter"),
    ("ws_closed_total", ("code",), "counter"),
    ("slo_gap_violation_rate", ("tier", "interval"), "gauge"),
    ("slo_expected_slots_total", ("tier", "interval"), "counter"),
    ("slo_good_slots_total", ("tier", "interval"), "counter"),
    ("slo_interior_missing_slots", ("tier", "interval"), "gauge"),
    ("slo_last_run_timestamp_seconds", (), "gauge"),
    ("config_last_reload_successful", (), "gauge"),
    ("config_last_reload_success_timestamp_seconds", (), "gauge"),
}
"""What others rely on: changing one of these breaks their dashboards."""

Described = set[tuple[str, tuple[str, ...], str]]


def _counted() -> Described:
    for path in (path for house in HOUSES for path in (PROJECT / house).rglob("metrics.py")):
        importlib.import_module(".".join(path.relative_to(PROJECT).with_suffix("").parts))
    write_batch_ms()
    ours = [one for one in REGISTRY._collector_to_names if isinstance(one, MetricWrapperBase)]
    names = ((next(iter(one.describe())), one) for one in ours if type(one).__module__.startswith("prometheus_client"))
    return {
        (family.name + "_total" * (family.type == "counter"), tuple(one._labelnames), family.type)
        for family, one in names
        if not family.name.startswith("django_")
    }


def _read() -> Described:
    wait_until(lambda: not metrics_page._calendars.is_reading, seconds=60, what="calendars that a scrape before asked for")
    return {
        (family.name + "_total" * (family.type == "counter"), tuple(getattr(family, "_labelnames", ())), family.type)
        for family in metrics_page.row_gauges.collect()
    }


def _documented() -> Described:
    rows = re.findall(r"^\| `(\w+)(?:\{([\w,]+)\})?` \| (\w+) \|", PAGE, flags=re.MULTILINE)
    return {(name, tuple(labels.split(",")) if labels else (), kind) for name, labels, kind in rows}


@pytest.mark.django_db(transaction=True)
def test_metrics_have_the_names_and_labels_that_others_rely_on_and_the_page_lists_exactly_what_is_there() -> None:
    there = _counted() | _read()
    assert FIXED - there == set()
    assert _documented() == there


@pytest.mark.django_db(transaction=True)
def test_every_sample_of_a_scrape_is_documented_with_its_labels_and_type(client: Client) -> None:
    make_provider("polygon")
    make_policy("polygon")
    make_series()
    _counted()
    refused(capability="bars_1m", provider="polygon", code="isolated", requests=1)
    called(provider="polygon", endpoint="bars", elapsed_ms=1, code="throttled")
    documented = {name: (labels, kind) for name, labels, kind in _documented()}
    families = list(text_string_to_metric_families(client.get("/metrics").content.decode()))
    ours = [family for family in families if not family.name.startswith("django_http_")]
    assert {"provider_refusals", "provider_latency_ms", "write_batch_ms", "circuit_state"} <= {family.name for family in ours}
    for family in ours:
        labels, kind = documented[family.name + "_total" * (family.type == "counter")]
        assert family.type == kind
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(labels), sample


def _imports_a_maker(path: Path) -> bool:
    nodes = ast.walk(ast.parse(path.read_text()))
    return any(
        (isinstance(node, ast.ImportFrom) and MAKERS & {alias.name for alias in node.names} and "metrics" in f"{node.module}")
        or (isinstance(node, ast.Import | ast.ImportFrom) and "prometheus_client" in ast.unparse(node))
        for node in nodes
    )


def test_metrics_are_made_in_the_modules_that_are_read_here_and_nowhere_else() -> None:
    """A metric that is made elsewhere would be missing above."""
    makers = {
        path.relative_to(PROJECT) for house in HOUSES for path in (PROJECT / house).rglob("*.py") if _imports_a_maker(path)
    }
    assert {str(path) for path in makers if path.name != "metrics.py" and not path.name.endswith("gauges.py")} == set()


def test_page_explains_every_code_of_an_error() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProviderError)]
    codes = {
        kind.code.fget(kind.__new__(kind)) for kind in kinds if kind not in {ProviderError, RetryableError, PermanentError}
    }
    explained = re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`[^|]+`) \| [^|]+ \|$", PAGE, flags=re.MULTILINE)))
    assert codes - set(explained) == set()
