"""Counters and histograms that all processes of a machine add up; the one place that imports `prometheus_client` first.

Every process counts in files of the folder that `PROMETHEUS_MULTIPROC_DIR` names (`marketdata_site.environment` sets it), and
whoever is scraped adds them up. Without the variable a process counts for itself. Gauges belong here only if they say something of a
process that lives (`multiprocess_mode="livesum"`); others are read from rows when somebody asks
(`marketdata_site.observability.row_gauges`).
"""

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from marketdata_site.observability.slots import Slot, counting_files, empty

__all__ = ["CONTENT_TYPE", "FOLDER_VARIABLE", "MS_BUCKETS", "Counter", "Gauge", "Histogram", "page", "start_anew"]

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
MS_BUCKETS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 40_000)
"""Milliseconds. The library's own buckets are seconds and end at 10; ours end where a live job stops waiting."""


class _Files:
    """Tells the library whose files a process counts in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slot = Slot(folder)
        self._is_set_up = False
        # The library asks once right here, when nothing is counted yet; a process that never counts takes no slot.
        values.ValueClass = values.MultiProcessValue(process_identifier=self._identifier)  # type: ignore[no-untyped-call]
        self._is_set_up = True
        os.register_at_fork(after_in_child=self.slot.forget)

    def _identifier(self) -> int:
        return self.slot.number() if self._is_set_up else -1


_files = _Files(Path(os.environ[FOLDER_VARIABLE])) if os.environ.get(FOLDER_VARIABLE) else None


class SumOfProcesses(Collector):
    """What all processes that share a folder have counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """The sums."""
        paths = [str(path) for path in counting_files(self._folder)]
        metrics: Iterable[Metric] = MultiProcessCollector.merge(paths)  # type: ignore[no-untyped-call]
        return metrics


def page(*others: Collector) -> bytes:
    """All counts of this machine in Prometheus' text format, and what the other collectors say."""
    registry = CollectorRegistry()
    registry.register(REGISTRY if _files is None else SumOfProcesses(_files.folder))
    for other in others:
        registry.register(other)
    return generate_latest(registry)


def start_anew() -> bool:
    """Forget all counts unless another process uses the folder; whether that was done. For whoever starts all processes."""
    return _files is not None and empty(_files.folder, own=_files.slot.held)
