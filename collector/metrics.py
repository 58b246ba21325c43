"""What is counted about collecting."""

from collections.abc import Mapping

from marketdata_site.observability.metrics import Counter

NOBODY = "none"
"""The provider of a job of which nobody settled anything."""

JOBS_PROCESSED = Counter(
    "jobs_processed_total",
    "Jobs that ran to their end, by type and by the provider that settled most of their symbols; none when nobody settled any.",
    ["type", "provider"],
)


def job_done(*, kind: str, settled: Mapping[str, int]) -> None:
    """Count a job's end, once. `kind` is `bars`, `quotes` or `backfill`; `settled`: symbols by the provider that settled them."""
    most = max(settled, key=lambda name: (settled[name], name), default=NOBODY)
    JOBS_PROCESSED.labels(kind, most if settled.get(most) else NOBODY).inc()
