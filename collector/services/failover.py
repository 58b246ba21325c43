"""One job's way through the providers: the steps of a choice, each reported, each answer taken in before the next one is asked.

What is asked and what an answer is worth are the caller's: bars and quotes share this way.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from collector.core.retry import MAINTENANCE
from collector.services.kept_back import KeptBack
from marketdata_site.observability.clock import now_us
from marketdata_site.observability.trace import maybe_trace
from providers import metrics as provider_metrics
from providers.breaker import Phase
from providers.errors import OutOfTime, ProviderError, Throttled
from providers.fetching import ProviderResult
from providers.lanes import Lane
from providers.loop import EventLoopThread
from providers.market.types import SECOND_US, Micros
from providers.routing import PROBE_SYMBOLS, TRIAL_SYMBOLS, Step, Use
from providers.selectors import Candidate
from providers.services import probes
from providers.services.budgeting import Purse
from providers.services.choosing import Choice
from providers.services.standings import isolate, isolating, report
from providers.standing import Standing
from providers.watch import Watch

log = logging.getLogger(__name__)

PATIENCE_S = {Lane.LIVE: 2.0, Lane.HISTORY: 60.0}
"""How long a request waits for a token before the next provider is asked: a live bar is worth more now than from the first choice."""
Result = TypeVar("Result")
_SAMPLES = {Use.PROBE: PROBE_SYMBOLS, Use.TRIAL: TRIAL_SYMBOLS}


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why a symbol is still wanted: the last word on it. `code` as `ProviderError.code`, or why somebody was not asked.

    `before`: what there is to say of every other provider, those that were not asked first. False while nobody was asked.
    """

    message: str
    code: str = ""
    provider: str = ""
    retry_at: Micros | None = None
    http_status: int | None = None
    before: tuple["Unanswered", ...] = ()

    def __str__(self) -> str:
        return self.message

    def __bool__(self) -> bool:
        return bool(self.message)

    @property
    def everyone(self) -> tuple["Unanswered", ...]:
        """One a provider, the last word last."""
        return (*self.before, self)


NOT_ASKED = Unanswered("")


@dataclass(frozen=True, slots=True)
class Turn:
    """One step that is being carried out: whom to ask for which of our symbols, who looks on, and who pays."""

    candidate: Candidate
    names: tuple[str, ...]
    watch: Watch
    toll: Purse

    async def paid(self, question: Awaitable[Result]) -> Result:
        """Ask, and give back the tokens that were not needed."""
        async with self.toll:
            return await question


@dataclass(frozen=True, slots=True)
class Journey:
    """How a job asks. `promote`: the threshold of the version that it runs by.

    `takes`: whether a provider can be asked for a symbol at all. `ask` sends; `take_in` writes what came and returns the symbols
    that need nobody else. `size`: how many symbols one call of a provider names. `telling`: symbols whose answer tells most about a
    provider's health. `until`: on the monotonic clock, when no request waits for a token any longer.
    """

    promote: float
    loop: EventLoopThread
    takes: Callable[[str, Candidate], bool]
    ask: Callable[[Turn], ProviderResult[Any]]
    take_in: Callable[[ProviderResult[Any]], Collection[str]]
    size: Callable[[Candidate], int]
    telling: Callable[[], Collection[str]] = tuple
    until: float | None = None


def travel(choice: Choice, journey: Journey, wanted: dict[str, Unanswered]) -> Counter[str]:
    """Carry out the steps until nothing is `wanted` any more (symbol → why it still is); what is left stays in it.

    Returns how many symbols each provider settled.
    """
    failed: dict[str, ProviderError] = {}
    settled: Counter[str] = Counter()
    kept_back = _kept_back(choice, journey)
    for step in choice.decision.steps:
        names = [name for name in wanted if journey.takes(name, choice.candidates[step.provider])]
        if not names or step.provider in failed:
            continue
        if step.use not in _SAMPLES:
            kept_back.turn_of(choice.candidates[step.provider], wanted)
        with _lease(choice, step) as is_ours:
            before = len(wanted)
            if not is_ours:
                kept_back.add(choice.candidates[step.provider], "circuit_open")
            if is_ours and (stopped := _carry_out(choice, step, journey, names, wanted)) is not None:
                failed[step.provider] = stopped
            settled[step.provider] += before - len(wanted)
        if not wanted:
            break
    kept_back.count_all(wanted)
    unasked = _Unasked(choice, journey, failed)
    wanted.update({name: unasked.last_word(name, why) for name, why in wanted.items()})
    return settled


@dataclass(frozen=True, slots=True)
class _Unasked:
    """Those who were not asked for a symbol, and why. `failed`: who was not to be asked again in this job."""

    choice: Choice
    journey: Journey
    failed: Mapping[str, ProviderError]

    def last_word(self, name: str, why: Unanswered) -> Unanswered:
        """Why a symbol is still wanted, with what there is to say of those who were not asked for it."""
        asked = {one.provider for one in why.everyone}
        steps = dict.fromkeys(step.provider for step in self.choice.decision.steps if step.provider not in asked)
        unasked = (*_skipped(self.choice), *(self._why(name, provider) for provider in steps))
        if why:
            return replace(why, before=(*unasked, *why.before))
        if not unasked:
            return Unanswered(f"no provider in the policy for {self.choice.capability} of {self.choice.tier}", "no_provider")
        return replace(unasked[-1], message="; ".join(str(one) for one in unasked), before=unasked[:-1])

    def _why(self, name: str, provider: str) -> Unanswered:
        if provider in self.failed:
            return _refused(self.failed[provider], provider)
        if self.journey.takes(name, self.choice.candidates[provider]):
            why = "its breaker is half-open, a probe of a few symbols comes first"
            return Unanswered(f"{provider}: {why}", "circuit_open", provider, retry_at=now_us())
        return Unanswered(
            f"{provider}: its prices or its feed are not those that the series is made of", "other_feed", provider
        )


def _kept_back(choice: Choice, journey: Journey) -> KeptBack:
    found = KeptBack(choice.capability, takes=journey.takes, size=journey.size)
    for one in _skipped(choice):
        if one.provider in choice.candidates:
            found.add(choice.candidates[one.provider], one.code)
    return found


def _skipped(choice: Choice) -> Iterator[Unanswered]:
    standings = {standing.provider: standing for standing in choice.standings}
    for one in choice.decision.skipped:
        standing = standings.get(one.provider)
        code = "no_provider" if standing is None else _obstacle(standing)
        retry_at = standing.away.until if standing is not None and standing.away is not None else choice.decision.retry_at
        yield Unanswered(f"{one.provider}: {one.reason}", code, one.provider, retry_at)


def _obstacle(standing: Standing) -> str:
    """The code of why somebody is not asked, in the order in which `providers.routing` words it."""
    if not standing.is_enabled:
        return "switched_off"
    if standing.isolated_reason:
        return "isolated"
    if standing.refusal is not None:
        return "unsupported_request"
    if standing.away is not None:
        return MAINTENANCE
    return "over_budget" if standing.phase is Phase.CLOSED else "circuit_open"


def _refused(error: ProviderError, provider: str, *, is_probe: bool = False) -> Unanswered:
    """A failed probe says no more than that the breaker stays open."""
    after = error.retry_after if isinstance(error, Throttled) else 0.0 if isinstance(error, OutOfTime) else None
    return Unanswered(
        message=str(error),
        code="circuit_open" if is_probe and error.retryable else error.code,
        provider=provider,
        retry_at=None if after is None else now_us() + round(after * SECOND_US),
        http_status=error.status,
    )


def _carry_out(
    choice: Choice, step: Step, journey: Journey, names: list[str], wanted: dict[str, Unanswered]
) -> ProviderError | None:
    """One step; what stopped it when the provider is not to be asked again in this job."""
    turn = _turn(choice, step, journey, names)
    provider_metrics.selected(capability=choice.capability, provider=step.provider)
    with maybe_trace("fetch"):
        answer = journey.ask(turn)
    _report(choice, step, answer, journey.promote)
    _log_failures(choice, answer)
    for code, requests in answer.unsent.items():
        provider_metrics.refused(capability=choice.capability, provider=step.provider, code=code, requests=requests)
    settled = journey.take_in(answer)
    for name in turn.names:
        if name in settled:
            del wanted[name]
        else:
            said, before = _said(answer, name, step), wanted[name]
            wanted[name] = replace(said, before=before.everyone) if before else said
    return turn.watch.stopped


def _said(answer: ProviderResult[Any], name: str, step: Step) -> Unanswered:
    if (error := answer.failed.get(name)) is not None:
        return _refused(error, step.provider, is_probe=step.use is Use.PROBE)
    return Unanswered(f"{step.provider}'s answer is not all that is wanted", "unproven", step.provider)


def _turn(choice: Choice, step: Step, journey: Journey, names: list[str]) -> Turn:
    candidate = choice.candidates[step.provider]
    # A probe holds the fleet's one lease, and live work waits behind a sample: neither may wait for tokens for long.
    patience = PATIENCE_S[Lane.LIVE if step.use in _SAMPLES else choice.lane]
    if journey.until is not None:
        patience = min(patience, max(0.0, journey.until - time.monotonic()))
    toll = Purse(
        provider_id=candidate.provider_id,
        provider=candidate.name,
        allowance=candidate.allowance,
        lane=choice.lane,
        database=journey.loop.database,
        patience_s=patience,
    )
    return Turn(candidate, tuple(_sample(step.use, names, journey)), choice.watch(step), toll)


def _sample(use: Use, names: list[str], journey: Journey) -> list[str]:
    """All of them, or a few for a probe or trial: other ones each time, so that one halted symbol does not speak for a vendor."""
    if use not in _SAMPLES:
        return names
    telling = set(journey.telling())
    chosen = [name for name in names if name in telling] or names
    return random.sample(chosen, min(len(chosen), _SAMPLES[use]))


def _report(choice: Choice, step: Step, answer: ProviderResult[Any], promote: float) -> None:
    candidate, now = choice.candidates[step.provider], now_us()
    report(
        provider_id=candidate.provider_id,
        capability=choice.capability,
        tally=answer.tally,
        use=step.use,
        promote=promote,
        now=now,
    )
    fatal = isolating(answer.failed.values(), lane=choice.lane, answered=bool(answer.answered))
    if fatal is not None:
        isolate(provider_id=candidate.provider_id, capability=choice.capability, error=fatal, now=now, version=choice.version)


@contextmanager
def _lease(choice: Choice, step: Step) -> Iterator[bool]:
    """Whether the step may be carried out: a probe only by whoever gets the fleet's one lease."""
    if step.use is not Use.PROBE:
        yield True
        return
    provider_id, holder = choice.candidates[step.provider].provider_id, probes.new_holder()
    if not probes.take(provider_id=provider_id, capability=choice.capability, holder=holder, now=now_us()):
        yield False
        return
    try:
        yield True
    finally:
        probes.release(provider_id=provider_id, capability=choice.capability, holder=holder)


def _log_failures(choice: Choice, answer: ProviderResult[Any]) -> None:
    """A provider that fails while the next one fills in must not do so unseen."""
    if not answer.failed:
        return
    counts = Counter(error.code for error in answer.failed.values())
    log.warning(
        "%s failed %d of %d symbols of a %s %s job of %s (%s), e.g. %s",
        answer.candidate.name, len(answer.failed), len(answer.failed) + len(answer.answered), choice.lane, choice.capability,
        choice.tier, ", ".join(f"{code} {count}" for code, count in counts.most_common()),
        next(iter(answer.failed.values())), extra={"action": "provider_failed"},
    )  # fmt: skip
