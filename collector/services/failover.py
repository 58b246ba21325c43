"""One job's way through the providers: the steps of a choice, each reported, each answer taken in before the next one is asked.

What is asked and what an answer is worth are the caller's: bars and quotes share this way.
"""

import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from marketdata_site.observability.clock import now_us
from providers import metrics as provider_metrics
from providers.errors import ProviderError
from providers.fetching import ProviderResult
from providers.lanes import Lane
from providers.loop import EventLoopThread
from providers.routing import PROBE_SYMBOLS, TRIAL_SYMBOLS, Step, Use
from providers.selectors import Candidate
from providers.services import probes
from providers.services.budgeting import Purse
from providers.services.choosing import Choice
from providers.services.standings import isolate, isolates, report
from providers.watch import Watch

log = logging.getLogger(__name__)

PATIENCE_S = {Lane.LIVE: 2.0, Lane.HISTORY: 60.0}
"""How long a request waits for a token before the next provider is asked: a live bar is worth more now than from the first choice."""
Result = TypeVar("Result")
_SAMPLES = {Use.PROBE: PROBE_SYMBOLS, Use.TRIAL: TRIAL_SYMBOLS}


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
    that need nobody else. `telling`: symbols whose answer tells most about a provider's health.
    """

    promote: float
    loop: EventLoopThread
    takes: Callable[[str, Candidate], bool]
    ask: Callable[[Turn], ProviderResult[Any]]
    take_in: Callable[[ProviderResult[Any]], Collection[str]]
    telling: Callable[[], Collection[str]] = tuple


def travel(choice: Choice, journey: Journey, wanted: dict[str, str]) -> Counter[str]:
    """Carry out the steps until nothing is `wanted` any more (symbol → why it still is); what is left stays in it.

    Returns how many symbols each provider settled.
    """
    failed: dict[str, ProviderError] = {}
    settled: Counter[str] = Counter()
    for step in choice.decision.steps:
        names = [name for name in wanted if journey.takes(name, choice.candidates[step.provider])]
        if not names or step.provider in failed:
            continue
        with _lease(choice, step) as is_ours:
            before = len(wanted)
            if is_ours and (stopped := _carry_out(choice, step, journey, names, wanted)) is not None:
                failed[step.provider] = stopped
            settled[step.provider] += before - len(wanted)
        if not wanted:
            break
    wanted.update({name: why or _nobody(name, choice, journey, failed) for name, why in wanted.items()})
    return settled


def _nobody(name: str, choice: Choice, journey: Journey, failed: Mapping[str, ProviderError]) -> str:
    """Why a symbol was asked of nobody."""
    reasons = [f"{skipped.provider}: {skipped.reason}" for skipped in choice.decision.skipped]
    for provider in dict.fromkeys(step.provider for step in choice.decision.steps):
        if provider in failed:
            reasons.append(str(failed[provider]))
        elif journey.takes(name, choice.candidates[provider]):
            reasons.append(f"{provider}: its breaker is half-open, a probe of a few symbols comes first")
        else:
            reasons.append(f"{provider}: its prices or its feed are not those that the series is made of")
    return "; ".join(reasons) or f"no provider in the policy for {choice.capability} of {choice.tier}"


def _carry_out(choice: Choice, step: Step, journey: Journey, names: list[str], wanted: dict[str, str]) -> ProviderError | None:
    """One step; what stopped it when the provider is not to be asked again in this job."""
    turn = _turn(choice, step, journey, names)
    provider_metrics.selected(capability=choice.capability, provider=step.provider)
    answer = journey.ask(turn)
    _report(choice, step, answer, journey.promote)
    _log_failures(choice, answer)
    settled = journey.take_in(answer)
    for name in turn.names:
        if name in settled:
            del wanted[name]
        else:
            wanted[name] = str(answer.failed.get(name) or f"{step.provider}'s answer is not all that is wanted")
    return turn.watch.stopped


def _turn(choice: Choice, step: Step, journey: Journey, names: list[str]) -> Turn:
    candidate = choice.candidates[step.provider]
    # A probe holds the fleet's one lease, and live work waits behind a sample: neither may wait for tokens for long.
    patience = PATIENCE_S[Lane.LIVE if step.use in _SAMPLES else choice.lane]
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
        is_probe=step.use is Use.PROBE,
        promote=promote,
        now=now,
    )
    fatal = next((error for error in answer.failed.values() if isolates(error, lane=choice.lane)), None)
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
