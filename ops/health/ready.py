"""Whether this service can do its work: what `/health/ready` answers."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from marketdata_site.observability.clock import now
from ops.health import beats, database, servers
from ops.health.checking import Check, Group, run
from ops.health.finding import Result, Severity

KEPT_SECONDS = 1.0
"""Who asks more often gets the same answer: the address is open to all, and looking costs a connection."""


def parts() -> list[Group]:
    """What must work: Postgres and what is in it, the broker, the stream."""
    in_database = (
        Check("postgres", database.look_at_postgres, database.DATABASE_ADVICE),
        Check("migrations", database.look_at_migrations, database.MIGRATIONS_ADVICE),
        Check("clock", database.look_at_clock, database.CLOCK_ADVICE),
        Check("beat", beats.look, beats.ADVICE),
        Check("partitions", lambda: database.look_at_partitions(now=now()), database.PARTITIONS_ADVICE),
    )
    return [
        Group(in_database, is_about_the_database=True),
        Group((Check("broker", servers.look_at_broker, servers.BROKER_ADVICE),)),
        Group((Check("stream", servers.look_at_stream, servers.STREAM_ADVICE),)),
    ]


@dataclass(frozen=True, slots=True)
class Readiness:
    """All parts, warnings do not count."""

    results: tuple[Result, ...]

    @property
    def is_ready(self) -> bool:
        return all(result.finding.severity is not Severity.ERROR for result in self.results)


class Readinesses:
    """Looks once for all who ask at the same time."""

    def __init__(self, *, parts: Callable[[], list[Group]] = parts, kept_s: float = KEPT_SECONDS) -> None:
        self._parts, self._kept_s = parts, kept_s
        self._lock = threading.Lock()
        self._running: Future[Readiness] | None = None
        self._last: tuple[float, Readiness] | None = None

    def look(self) -> Readiness:
        """How it is now, or was a moment ago."""
        with self._lock:
            if self._last is not None and time.monotonic() - self._last[0] < self._kept_s:
                return self._last[1]
            running, is_ours = self._running, self._running is None
            if running is None:
                running = self._running = Future()
        if is_ours:
            self._answer(running)
        return running.result()

    def _answer(self, asked: "Future[Readiness]") -> None:
        try:
            found = Readiness(tuple(run(self._parts())))
        except BaseException as error:  # a defect: raised by whoever waits, and by the next one anew
            with self._lock:
                self._running = None
            asked.set_exception(error)
            return
        with self._lock:
            self._last, self._running = (time.monotonic(), found), None
        asked.set_result(found)


shared = Readinesses()
"""That of this process."""
