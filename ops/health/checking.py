"""Runs checks side by side, none longer than it may: the answer always comes, also when a server hangs.

Checks that use one server form a group, which runs in a thread of its own, one after another. When its first check fails, or time is
up, the others are told as not looked at: one dead server is one fault, not six.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import redis
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError

from marketdata_site.observability.redaction import redact_log
from ops.health.connection import Cut, own_connection
from ops.health.finding import Finding, Result, Severity, error

log = logging.getLogger(__name__)

LIMIT_SECONDS = 3.0
"""Of a whole group."""
_SILENCE = (OSError, redis.ConnectionError, redis.TimeoutError, BrokerError, OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Check:
    """Looks at one part. What it raises is told as an error with `advice`."""

    name: str
    look: Callable[[], Finding]
    advice: str = "see the log; this is a defect if the part itself is well"


@dataclass(frozen=True, slots=True)
class Group:
    """Checks of one server, the first of which says whether it answers at all."""

    checks: tuple[Check, ...]
    is_about_the_database: bool = False
    limit_s: float = LIMIT_SECONDS


def run(groups: Sequence[Group]) -> list[Result]:
    """The results in the order of the checks. Takes as long as the longest limit at most."""
    began = time.monotonic()
    runs = [_Run(group) for group in groups]
    for one in runs:
        one.start()
    for one in runs:
        one.wait(began + one.group.limit_s - time.monotonic())
    return [result for one in runs for result in one.results()]


class _Run:
    """One group in its thread. Daemonic: a thread that hangs in a system call holds no process from ending."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._cut = Cut()
        self._done: list[Result] = []
        self._thread = threading.Thread(target=self._work, name=f"check-{group.checks[0].name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until it has finished or time is up; then what it waits for is cut off, so that no thread is left behind."""
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive():
            self._cut()

    def results(self) -> list[Result]:
        done = list(self._done)[: len(self.group.checks)]
        left = self.group.checks[len(done) :]
        if not left:
            return done
        first = self.group.checks[0]
        if done and done[0].finding.severity is Severity.ERROR:
            return [*done, *(_not_looked(check, f"not looked at, because {first.name} failed") for check in left)]
        late = error(f"no answer within {self.group.limit_s:g} s", advice=left[0].advice)
        others = [_not_looked(check, "not looked at, because there was no time left") for check in left[1:]]
        return [*done, Result(left[0].name, late, round(self.group.limit_s * 1_000)), *others]

    def _work(self) -> None:
        with self._room():
            for check in self.group.checks:
                result = _looked(check)
                if self._cut.is_cut:
                    return
                self._done.append(result)
                if len(self._done) == 1 and result.finding.severity is Severity.ERROR:
                    return

    def _room(self) -> AbstractContextManager[None]:
        return own_connection(self._cut) if self.group.is_about_the_database else nullcontext()


def _looked(check: Check) -> Result:
    began = time.monotonic()
    try:
        finding = check.look()
    except Exception as problem:  # the outermost frame of a check: one that fails must not hide the others
        log.warning("the check of %s failed", check.name, exc_info=problem, extra={"action": "check_failed"})
        detail = redact_log(" ".join(str(problem).split()))
        what = "no answer" if isinstance(problem, _SILENCE) else "it can't be looked at"
        finding = error(f"{what} ({type(problem).__name__})", advice=check.advice, detail=detail)
    return Result(check.name, finding, round((time.monotonic() - began) * 1_000))


def _not_looked(check: Check, why: str) -> Result:
    """Mended by mending what stood in the way."""
    return Result(check.name, error(why, advice=""), 0)
