"""The replay itself: pass by pass, plan from Coverage, enqueue, wait until the worker has nothing left, plan again, until nothing is missing."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import connection

from collector.queues import BACKFILL_QUEUE, enqueue
from collector.replay.passes import Pass, passes_of
from collector.replay.planning import Target, jobs, open_windows
from collector.replay.processes import Worker
from collector.replay.recording import Window
from collector.replay.timing import ReplayClock
from marketdata_site.observability.clock import now

MAX_ROUNDS = 60
FRUITLESS_ROUNDS = 4
"""Rounds in a row without a newly covered slot after which what is left is called missing."""
POLL_SECONDS = 0.2
MOST_STARTS = 5
"""So often a worker may end without a bar or a job less: one that can't even start would be started for ever."""
STUCK_SECONDS = 360
"""Longer than any job may ask its providers."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a replay stands, for whoever shows it: which pass of how many, and which round of it."""

    number: int
    count: int
    round: int
    bars: int
    rows: int


class Replay:
    """One run over some targets with one worker."""

    def __init__(
        self, targets: Sequence[Target], *, worker: Worker, clock: ReplayClock, show: Callable[[Progress], None]
    ) -> None:
        self.targets, self.worker, self.clock, self.show = targets, worker, clock, show
        self.passes = passes_of(targets)
        self.rows = sum(len(target.recorded.bars) for target in targets)
        self.begun_at = 0.0
        self._pause = threading.Event()
        self._broker = redis.Redis.from_url(_as_redis_url(settings.CELERY_BROKER_URL))

    def run(self) -> None:
        """All passes, each until every window of it is covered, or several rounds in a row brought nothing."""
        self.begun_at = time.time()
        for number, one in enumerate(self.passes, start=1):
            self.clock.set(one.moment)
            self._run(one, number)

    def _run(self, one: Pass, number: int) -> None:
        fruitless, left_before = 0, -1
        for round_number in range(1, MAX_ROUNDS + 1):
            left = {at: still for at, windows in one.windows.items() if (still := open_windows(self.targets[at], windows))}
            count = sum(len(windows) for windows in left.values())
            fruitless = fruitless + 1 if count == left_before else 0
            if not left or fruitless >= FRUITLESS_ROUNDS:
                return
            left_before = count
            self._enqueue(left, one, is_again=round_number > 1)
            self._wait(number, round_number)

    def _enqueue(self, left: Mapping[int, Sequence[Window]], one: Pass, *, is_again: bool) -> None:
        for at, windows in left.items():
            for job in jobs(self.targets[at], windows, bracket_within=one.reach if is_again else None):
                if not enqueue(job, now=now()):
                    raise RuntimeError("the broker does not take jobs")

    def _wait(self, number: int, round_number: int) -> None:
        """Until the queue is empty and the worker idle. A worker that dies is replaced; its lost job is planned again.

        One that neither gets on nor answers is ended first.
        """
        seen, moved_at, starts = (-1, -1), time.monotonic(), 0
        while True:
            starts += self.worker.ensure_running()
            if starts > MOST_STARTS:
                raise RuntimeError(f"the worker ended {starts} times and got nothing done")
            bars, waiting = self._bars(), int(self._broker.llen(BACKFILL_QUEUE))
            self.show(Progress(number=number, count=len(self.passes), round=round_number, bars=bars, rows=self.rows))
            if not waiting and self.worker.is_idle():
                return
            if (bars, waiting) != seen:
                seen, moved_at, starts = (bars, waiting), time.monotonic(), 0
            elif time.monotonic() - moved_at > STUCK_SECONDS:
                self.worker.stop()
                moved_at = time.monotonic()
            self._pause.wait(POLL_SECONDS)

    def _bars(self) -> int:
        """Bars held by now, from coverage: no count over the bars themselves."""
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r)) / v.seconds), 0)::bigint
                   FROM unnest(%s::bigint[], %s::float8[]) v (series_id, seconds)
                   JOIN collector_coverage c ON c.series_id = v.series_id, unnest(c.held) r""",
                [[t.series.pk for t in self.targets], [t.recorded.interval.us / 1e6 for t in self.targets]],
            )
            bars: int = cursor.fetchone()[0]
            return bars


def _as_redis_url(broker: str) -> str:
    """redis-py's spelling of a Celery broker URL."""
    if not broker.startswith("redis+socket://"):
        return broker
    return broker.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
