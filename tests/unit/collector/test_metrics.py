"""A job counts once, whoever took part in it."""

from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collector.metrics import job_done
from marketdata_site.observability.metrics import page


def _jobs() -> dict[str, float]:
    families = text_string_to_metric_families(page().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "jobs_processed_total"]
    return {sample.labels["provider"]: sample.value for sample in samples if sample.labels["type"] == "backfill"}


@pytest.mark.parametrize(
    ("settled", "provider"),
    [({"most": 7, "least": 3}, "most"), ({}, "none"), ({"silent": 0}, "none"), ({"even": 2, "evenly": 2}, "evenly")],
)
def test_job_counts_under_the_provider_that_settled_most(settled: Mapping[str, int], provider: str) -> None:
    before = _jobs()
    job_done(kind="backfill", settled=settled)
    assert _jobs() == {**before, provider: before.get(provider, 0) + 1}
