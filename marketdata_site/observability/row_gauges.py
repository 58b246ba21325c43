"""Gauges that are read from rows when somebody scrapes: what all processes share is not any one process' to keep.

A scrape must never hurt: all readings share one connection and one thread, each statement has a time limit, and whoever scrapes
waits so long and no longer. Without the database the page shows the counts, and says by a gauge that the rest is missing.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from django.db import Error, connection, transaction
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

log = logging.getLogger(__name__)

Reading = Callable[[], Iterable[Metric]]
"""Reads rows and says them as gauges, in short statements."""

STATEMENT_LIMIT_MS = 1_000
PATIENCE_S = 3.0
"""How long a scrape waits for all gauges; Prometheus itself gives up after 10 s. A database that hangs answers no time limit."""
UNREAD = "metrics_unread_gauges"


class RowGauges:
    """A collector of readings. Scrapes that come while it reads get the same answer."""

    def __init__(self, readings: Sequence[Reading], *, patience_s: float = PATIENCE_S) -> None:
        self._readings = tuple(readings)
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._running: Future[list[Metric]] | None = None

    def collect(self) -> Iterable[Metric]:
        """What could be read, and how many readings could not."""
        try:
            return self._begun().result(self._patience_s)
        except TimeoutError:
            log.warning("gauges were not read within %g s", self._patience_s, extra={"action": "gauges_late"})
            return [_unread(len(self._readings))]

    def _begun(self) -> Future[list[Metric]]:
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                # A thread of its own, which the end of the process does not wait for: a hanging database must not hold either.
                threading.Thread(target=self._read, args=(self._running,), name="row-gauges", daemon=True).start()
            return self._running

    def _read(self, answer: Future[list[Metric]]) -> None:
        try:
            answer.set_result(self._all())
        except BaseException as error:  # a defect: raised again by whoever waits
            answer.set_exception(error)
        finally:
            connection.close()

    def _all(self) -> list[Metric]:
        metrics: list[Metric] = []
        failed = 0
        for reading in self._readings:
            try:
                metrics.extend(_limited(reading))
            except Error as error:
                failed += 1
                log.warning("gauges were not read: %s", error, extra={"action": "gauges_unread"})
        return [*metrics, _unread(failed)]


def _limited(reading: Reading) -> list[Metric]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            # On one core: what a scrape asks must not take two from those who write.
            cursor.execute(
                f"SET LOCAL statement_timeout = {STATEMENT_LIMIT_MS:d}; SET LOCAL max_parallel_workers_per_gather = 0"
            )
        return list(reading())


def _unread(count: int) -> Metric:
    text = (
        "How many groups of gauges could not be read from the database for this scrape; counters and histograms are complete."
    )
    return GaugeMetricFamily(UNREAD, text, value=count)
