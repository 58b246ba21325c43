"""What one ask of a provider sees call by call, and when it has seen enough. Pure.

A local copy of the provider's breaker takes each outcome at once, so that an ask stops its own calls before anybody else has heard of
the trouble. The row that all workers share takes the `tally` in one piece afterwards (`providers.services.standings`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.breaker import Breaker, Phase, calls_at_once, observe
from providers.errors import (
    AuthFailed,
    BadRequest,
    CircuitOpen,
    LocalFault,
    NotEntitled,
    OutOfTime,
    ProviderError,
    Throttled,
)
from providers.health import Tally
from providers.lanes import Lane
from providers.market.types import Micros
from providers.outcomes import FAILURES, Outcome, Seen, outcome_of
from providers.routing import Use

MAX_CONCURRENT_CALLS = 8
DRY_SYMBOLS = 5
"""So many symbols in a row without the newest bar, of those that always have one, are no coincidence: a mute or stuck vendor.
In a probe or trial one is enough: it is there to find out, and risks nothing by finding the vendor ill once too often."""
LONGEST_SAMPLE_CALL_S = 20.0
"""A probe's three calls must be over before its lease is (`providers.services.probes.LEASE`), however patient the provider's row is."""
_STOPS_THE_ASK = (AuthFailed, Throttled, LocalFault)
"""After one of these the other calls of the ask would only get the same."""
OUTSIDE_THE_PLAN = 3
"""So many refusals of the plan without one answer, and the rest of the ask would meet the same; one alone may be about its symbol."""


@dataclass(slots=True)
class Watch:
    """One ask of one provider at one capability.

    `is_usually_fresh`: its live answers hold the newest bar (`providers.usual`), so that a lack of it is news. `slow_after_s`: a call that took
    longer counts as slow.
    """

    provider: str
    breaker: Breaker
    use: Use
    lane: Lane
    slow_after_s: float
    is_usually_fresh: bool = False
    stopped: ProviderError | None = None
    seen: list[Seen] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    due: int = 0
    fresh: int = 0
    _not_entitled: int = 0
    _dry: list[int] = field(default_factory=list)
    _dry_symbols: int = 0

    @property
    def is_careful(self) -> bool:
        """One call at a time: nobody knows yet whether the vendor is well."""
        return self.use is not Use.NORMAL

    @property
    def is_sample(self) -> bool:
        """Only a few symbols are risked."""
        return self.use in {Use.PROBE, Use.TRIAL}

    def chunk(self, size: int) -> int:
        """Symbols of one call where the vendor takes `size`."""
        return 1 if self.use is Use.PROBE else size

    def call_deadline_s(self, usual_s: float) -> float:
        """How long one call may take: live work waits behind a probe or trial, and a slow answer would not speak for the vendor."""
        return min(usual_s, self.slow_after_s, LONGEST_SAMPLE_CALL_S) if self.is_sample else usual_s

    def may_start(self, running: int) -> bool:
        """Whether one more call may be made while `running` are under way: fewer with each failure, or silence, in a row."""
        if self.is_careful:
            return running == 0
        return running < min(
            calls_at_once(self.breaker, most=MAX_CONCURRENT_CALLS), max(1, MAX_CONCURRENT_CALLS - len(self._dry))
        )

    def went_well(self, *, at: Micros, elapsed_s: float, symbols: int, due: int, fresh: int, now: Micros) -> None:
        """A complete answer for `symbols`. Of them `due` always have the newest bar, and `fresh` of those had it."""
        self.asked += symbols
        self.answered += symbols
        self.due += due
        self.fresh += fresh
        self._observe(Seen(at, outcome_of(None, elapsed_s=elapsed_s, slow_after_s=self.slow_after_s, lane=self.lane)), now)
        self._look_for_silence(due, fresh, now)

    def failed(self, error: ProviderError, *, at: Micros, elapsed_s: float, symbols: int, now: Micros) -> None:
        """No answer for `symbols`."""
        outcome = outcome_of(error, elapsed_s=elapsed_s, slow_after_s=self.slow_after_s, lane=self.lane)
        if isinstance(error, BadRequest):  # one odd symbol is ours, a vendor that refuses everything is incomplete
            self.asked += symbols
        self._observe(Seen(at, outcome), now)
        self._not_entitled += isinstance(error, NotEntitled)
        is_outside = isinstance(error, NotEntitled) and not self.answered and self._not_entitled >= OUTSIDE_THE_PLAN
        if isinstance(error, _STOPS_THE_ASK) or is_outside:
            self.stop(error)

    def stop(self, error: ProviderError) -> None:
        """Ask for nothing more; the first reason stays."""
        self.stopped = self.stopped or error

    def out_of_time(self) -> None:
        """The job's time is up."""
        self.stop(OutOfTime(f"{self.provider}: the job's time was up before these symbols were asked for"))

    def tally(self) -> Tally:
        """All of it, for the row."""
        return Tally(seen=tuple(self.seen), asked=self.asked, answered=self.answered, due=self.due, fresh=self.fresh)

    def _observe(self, seen: Seen, now: Micros) -> None:
        self.seen.append(seen)
        was = self.breaker.phase
        self.breaker = self._observed([seen], now)
        if self.breaker.phase is Phase.OPEN and was is not Phase.OPEN:
            self.stop(CircuitOpen(f"{self.provider} failed too often in this job, its circuit breaker opened"))
        elif self.is_careful and seen.outcome in FAILURES:
            self.stop(CircuitOpen(f"{self.provider} failed while it was tried with care"))

    def _observed(self, seen: Sequence[Seen], now: Micros) -> Breaker:
        return observe(self.breaker, seen, now=now, jitter=0.0, is_probe=self.use is Use.PROBE)

    def _look_for_silence(self, due: int, fresh: int, now: Micros) -> None:
        """Calls that were well but lack what must be there are suspicious, once there are too many in a row for chance."""
        if fresh or not self.is_usually_fresh:
            self._dry, self._dry_symbols = [], 0
        elif due:
            self._dry.append(len(self.seen) - 1)
            self._dry_symbols += due
        if self._dry_symbols < (1 if self.is_sample else DRY_SYMBOLS) or self.stopped is not None:
            return
        for place in self._dry:
            self.seen[place] = Seen(self.seen[place].at, Outcome.SUSPICIOUS)
        self.breaker = self._observed([self.seen[place] for place in self._dry], now)
        self.stop(
            CircuitOpen(f"{self.provider} lacks the newest bar of {self._dry_symbols} symbols in a row that always have one")
        )
