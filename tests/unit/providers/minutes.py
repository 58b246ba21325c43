"""Minutes of a fleet in memory: one live job a minute asks simulated vendors as `decide` says and reports what came.

Time is stepped, nothing sleeps. The vendors' behaviour is a function of the time at which a call is sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from providers.breaker import Breaker, Phase, at, calls_at_once, observe
from providers.health import Health, Tally, add
from providers.lanes import Lane
from providers.market.types import MINUTE_US, SECOND_US, Micros
from providers.outcomes import FAILURES, Outcome, Seen
from providers.routing import PROBE_SYMBOLS, TRIAL_SYMBOLS, Decision, Use, decide
from providers.scoring import good_since, score
from providers.standing import Standing, Thresholds

SYMBOLS = 300
T = Thresholds()


@dataclass(frozen=True)
class Said:
    """How a vendor treats a call: its class, and the shares of its symbols that get an answer and a new bar."""

    outcome: Outcome = Outcome.OK
    answered: float = 1.0
    fresh: float = 1.0

    @property
    def is_useful(self) -> bool:
        return self.outcome not in FAILURES and self.answered * self.fresh > 0


WELL = Said()
BROKEN = Said(Outcome.VENDOR_ERROR)
MUTE = Said(answered=0.0, fresh=0.0)
STALE = Said(fresh=0.0)


@dataclass
class Vendor:
    name: str
    per_call: int = 1
    says: Callable[[Micros], Said] = lambda _: WELL
    call_us: int = 20_000
    health: Health = field(default_factory=Health)
    breaker: Breaker = field(default_factory=Breaker)
    good_since: Micros | None = None
    used_at: Micros | None = None
    calls: list[tuple[Micros, Use, Said]] = field(default_factory=list)
    phases: list[tuple[Micros, Phase]] = field(default_factory=list)

    def standing(self, rank: int, now: Micros) -> Standing:
        breaker = at(self.breaker, now=now)
        return Standing(
            provider=self.name,
            rank=rank,
            score=score(self.health, now=now),
            good_since=self.good_since,
            phase=breaker.phase,
            open_until=breaker.open_until,
            used_at=self.used_at,
        )

    def ask(self, symbols: int, use: Use, now: Micros) -> tuple[int, Micros]:
        """How many of the symbols were delivered, and when the last call was back. Trips locally, as a worker does."""
        per_call = 1 if use is Use.PROBE else self.per_call
        sizes = [min(per_call, symbols - done) for done in range(0, symbols, per_call)]
        most = 8 if use is Use.NORMAL else 1
        on_their_way: list[tuple[Micros, int, int, Said]] = []
        local, seen, asked, answered, fresh, delivered, order = at(self.breaker, now=now), [], 0, 0, 0, 0, 0
        failures = 0
        while sizes or on_their_way:
            stops = failures > 0 and use is not Use.NORMAL
            room = 0 if stops else min(most, calls_at_once(local, most=most) if use is not Use.GENTLE else 1)
            while sizes and len(on_their_way) < room:
                said = self.says(now)
                self.calls.append((now, use, said))
                heappush(on_their_way, (now + self.call_us, order := order + 1, sizes.pop(0), said))
            if not on_their_way:
                break
            now, _, size, said = heappop(on_their_way)
            call = Seen(now - self.call_us, said.outcome)
            seen.append(call)
            local = observe(local, [call], now=now, jitter=0.5, is_probe=use is Use.PROBE)
            if said.outcome in FAILURES:
                failures += 1
                continue
            got = round(size * said.answered)
            asked, answered, fresh = asked + size, answered + got, fresh + round(size * said.answered * said.fresh)
            delivered += round(size * said.answered * said.fresh)
        self._report(Tally(tuple(seen), asked, answered, answered, fresh), now, use)
        return delivered, now

    def _report(self, tally: Tally, now: Micros, use: Use) -> None:
        self.health = add(self.health, tally, now=now)
        before = at(self.breaker, now=now)
        if before.phase is not self.breaker.phase:
            self.phases.append((before.since, before.phase))
        self.breaker = observe(before, tally.seen, now=now, jitter=0.5, is_probe=use is Use.PROBE, is_gentle=use is Use.GENTLE)
        if self.breaker.phase is not before.phase:
            self.phases.append((now, self.breaker.phase))
        self.used_at = now
        self.good_since = good_since(
            self.good_since,
            value=score(self.health, now=now).value,
            promote=T.promote,
            is_closed=self.breaker.phase is Phase.CLOSED,
            now=now,
        )

    def wasted(self, start: Micros, end: Micros) -> int:
        return sum(start <= at < end and not said.is_useful for at, _, said in self.calls)


@dataclass
class Fleet:
    """Vendors in policy order, and what each minute decided."""

    vendors: list[Vendor]
    incumbent: str | None = None
    history: list[tuple[Micros, Decision]] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)

    def run(self, *, start_minute: int, minutes: int, every: Micros = MINUTE_US) -> None:
        start = start_minute * MINUTE_US
        for now in range(start, start + minutes * MINUTE_US, every):
            self._job(now)

    def _job(self, now: Micros) -> None:
        decision = decide(
            [vendor.standing(rank, now) for rank, vendor in enumerate(self.vendors)],
            incumbent=self.incumbent,
            thresholds=T,
            now=now,
            lane=Lane.LIVE,
            probe_free={vendor.name for vendor in self.vendors},
        )
        self.incumbent = decision.incumbent or self.incumbent
        self.history.append((now, decision))
        by_name = {vendor.name: vendor for vendor in self.vendors}
        missing, failed = SYMBOLS, set()
        few = {Use.PROBE: PROBE_SYMBOLS, Use.TRIAL: TRIAL_SYMBOLS}
        for step in decision.steps:
            if missing and step.provider not in failed:
                delivered, now = by_name[step.provider].ask(min(missing, few.get(step.use, missing)), step.use, now)
                missing -= delivered
                if delivered == 0:
                    failed.add(step.provider)
        self.missing.append(missing)

    def first_places(self) -> list[tuple[int, str | None]]:
        """(minute, provider) of each change of the first place."""
        changes: list[tuple[int, str | None]] = []
        for now, decision in self.history:
            if not changes or changes[-1][1] != decision.incumbent:
                changes.append((now // MINUTE_US, decision.incumbent))
        return changes


def between(start_minute: float, end_minute: float, said: Said) -> Callable[[Micros], Said]:
    """Well, but for some minutes."""
    return lambda at: said if start_minute * MINUTE_US <= at < end_minute * MINUTE_US else WELL


def minute(at: Micros) -> float:
    return at / (60 * SECOND_US)
