"""What it takes to fill gaps: who would be asked by the policy now, with how many calls, for how long; and what nobody can deliver.

Calls are reckoned by the code that makes them (`providers.calls`), whom to ask by the code that decides it (`providers.services.choosing`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from collector.core.fitting import is_made_of
from collector.models import Series
from collector.selectors.gaps import Gap
from providers.adapter import earliest, refusal_of
from providers.calls import Calls, calls_for
from providers.errors import UnsupportedRequest
from providers.lanes import Lane
from providers.market.types import AssetClass, BarQuery, Capability, Interval, Micros, from_us
from providers.policy import Snapshot
from providers.routing import Use
from providers.selectors import Candidate, route
from providers.services.budgeting import times_for
from providers.services.choosing import Choice, look


@dataclass(frozen=True, slots=True)
class VendorCost:
    """What one provider would be asked for. `time`: at least, by its budget as it is now; None: for ever."""

    provider: str
    slots: int
    requests: int
    tokens: int
    time: Micros | None


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """Slots that no provider of the route can deliver, and each one's reason. `since`: the first date from which one can, if any."""

    capability: str
    tier: str
    slots: int
    reasons: Sequence[str]
    since: date | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Of filling some gaps. `notes`: who is passed over for whom, and why."""

    slots: int
    gaps: int
    vendors: Sequence[VendorCost]
    notes: Sequence[str]
    out_of_reach: Sequence[OutOfReach]

    @property
    def time(self) -> Micros | None:
        """Providers are asked beside each other, so the slowest one's."""
        times = [vendor.time for vendor in self.vendors]
        return None if None in times else max((time for time in times if time is not None), default=0)


@dataclass(frozen=True, slots=True)
class _Question:
    """What jobs that go together ask for."""

    tier: str
    mic: str
    calendar: str
    hours: str
    interval: Interval
    asset_class: AssetClass
    feed_scope: str
    adjustment: str
    start: Micros
    end: Micros
    slots: int

    def query(self, candidate: Candidate) -> BarQuery:
        """As a provider would be asked."""
        return BarQuery((), self.interval, self.start, self.end, self.asset_class, candidate.account.adjustment)


def cost_of(gaps: Iterable[Gap], *, snapshot: Snapshot, now: Micros) -> Cost:
    """What jobs made of these gaps take, were each answered in full by the first provider that can."""
    questions, count, slots = _questions(gaps)
    asking = _Asking(snapshot, now)
    for question, symbols in questions.items():
        asking.ask(question, symbols)
    return Cost(
        slots=slots, gaps=count, vendors=asking.vendors(), notes=asking.notes(), out_of_reach=list(asking.unreachable.values())
    )


def _questions(gaps: Iterable[Gap]) -> tuple[Counter[_Question], int, int]:
    """How many symbols each question is for, how many gaps and slots there are."""
    about: dict[int, tuple[str, str, str]] = {}
    found: Counter[_Question] = Counter()
    count = slots = 0
    for gap in gaps:
        if gap.series_id not in about:
            about |= _about(gap.series_id)
        asset_class, calendar, scope = about[gap.series_id]
        question = _Question(
            gap.tier, gap.mic, calendar, gap.hours, gap.interval, AssetClass(asset_class), scope, gap.adjustment,
            gap.start, gap.end, gap.slots,
        )  # fmt: skip
        found[question] += 1
        count, slots = count + 1, slots + gap.slots
    return found, count, slots


def _about(series_id: int) -> Mapping[int, tuple[str, str, str]]:
    """Of that series and the thousand behind it: gaps come by series."""
    rows = Series.objects.filter(pk__gte=series_id).order_by("pk")
    columns = ("pk", "instrument__asset_class", "instrument__calendar", "feed_scope")
    return {row[0]: row[1:] for row in rows.values_list(*columns)[:1_000]}


class _Asking:
    """Adds up questions by whom they go to."""

    def __init__(self, snapshot: Snapshot, now: Micros) -> None:
        self.snapshot, self.now = snapshot, now
        self.calls: defaultdict[str, Calls] = defaultdict(Calls)
        self.slots: Counter[str] = Counter()
        self.asked: dict[str, Candidate] = {}
        self.passed: Counter[tuple[str, str]] = Counter()
        self.waiting: Counter[tuple[str, str]] = Counter()
        self.unreachable: dict[tuple[object, ...], OutOfReach] = {}
        self._routes: dict[tuple[str, Interval], list[Candidate]] = {}
        self._choices: dict[tuple[object, ...], Choice] = {}

    def ask(self, question: _Question, symbols: int) -> None:
        """Whom this many symbols of a question go to."""
        candidates = self._route(question)
        refusals = {one.name: why for one in candidates if (why := self._refusal(question, one)) is not None}
        able = [one for one in candidates if one.name not in refusals]
        if not able:
            self._give_up(question, symbols, candidates, refusals)
            return
        choice = self._choice(question, refusals)
        chosen = _first(choice, able)
        self.asked[chosen.name] = chosen
        self.slots[chosen.name] += question.slots * symbols
        self.calls[chosen.name] += calls_for(
            chosen, question.query(chosen), symbols=symbols, slots=question.slots, lane=Lane.HISTORY
        )
        for skipped in choice.decision.skipped:
            if skipped.provider == chosen.name:
                self.waiting[skipped.provider, skipped.reason] += question.slots * symbols
            elif skipped.provider in choice.candidates and choice.candidates[skipped.provider].rank < chosen.rank:
                self.passed[skipped.provider, skipped.reason] += question.slots * symbols

    def vendors(self) -> list[VendorCost]:
        """What each is asked for, the most first."""
        wanted = {one.provider_id: (one.allowance, self.calls[name].tokens) for name, one in self.asked.items()}
        times = times_for(wanted, lane=Lane.HISTORY, now=self.now)
        costs = [
            VendorCost(name, self.slots[name], self.calls[name].requests, self.calls[name].tokens, times[one.provider_id])
            for name, one in self.asked.items()
        ]
        return sorted(costs, key=lambda cost: -cost.slots)

    def notes(self) -> list[str]:
        """Who would come first and can't, and who is waited for."""
        return [
            f"{provider} is passed over for {slots:,} slots: {reason}"
            for (provider, reason), slots in self.passed.most_common()
        ] + [
            f"{provider} can't be asked for {slots:,} slots at the moment: {reason}"
            for (provider, reason), slots in self.waiting.most_common()
        ]

    def _route(self, question: _Question) -> list[Candidate]:
        key = (question.tier, question.interval)
        if key not in self._routes:
            capability = Capability.of_bars(question.interval)
            self._routes[key] = route(self.snapshot, capability=capability, tier=question.tier)
        return self._routes[key]

    def _refusal(self, question: _Question, one: Candidate) -> str | None:
        if not is_made_of(one.account, adjustment=question.adjustment, feed_scope=question.feed_scope):
            return "its prices or its feed are not those that the series is made of"
        return refusal_of(one.adapter, question.query(one), account=one.account, now=self.now)

    def _choice(self, question: _Question, refusals: Mapping[str, str]) -> Choice:
        key = (question.tier, question.interval, *refusals.items())
        if key not in self._choices:
            self._choices[key] = look(
                self.snapshot,
                capability=Capability.of_bars(question.interval),
                tier=question.tier,
                lane=Lane.HISTORY,
                now=self.now,
                refusal=lambda one: refusals.get(one.name),
            )
        return self._choices[key]

    def _give_up(self, question: _Question, symbols: int, candidates: Sequence[Candidate], refusals: Mapping[str, str]) -> None:
        reasons = [f"{one.name}: {refusals[one.name]}" for one in candidates]
        key = (question.tier, question.interval, *reasons)
        held = self.unreachable.get(key)
        self.unreachable[key] = OutOfReach(
            capability=Capability.of_bars(question.interval),
            tier=question.tier,
            slots=question.slots * symbols + (held.slots if held else 0),
            reasons=reasons,
            since=self._since(question, candidates),
        )

    def _since(self, question: _Question, candidates: Sequence[Candidate]) -> date | None:
        """The first whole day (UTC) of which somebody has such bars, and still will have when it is asked for tomorrow."""
        starts = [start for one in candidates if (start := self._start(question, one)) is not None]
        return from_us(min(starts)).date() + timedelta(days=2) if starts else None

    def _start(self, question: _Question, one: Candidate) -> Micros | None:
        try:
            start = earliest(one.adapter, question.query(one), now=self.now)
        except UnsupportedRequest:
            return None
        if start is None or start < question.start:
            return None  # it is something else that it refuses
        reachable = replace(question, start=start, end=start + question.interval.us)
        return start if self._refusal(reachable, one) is None else None


def _first(choice: Choice, able: Sequence[Candidate]) -> Candidate:
    """Whom a job would ask for all: the holder of the first place, else the first of the policy that is in use, else that could be."""
    normal = {step.provider for step in choice.decision.steps if step.use is Use.NORMAL}
    in_use = [one for one in able if one.name in normal] or able
    return min(in_use, key=lambda one: (one.name != choice.decision.incumbent, one.rank))
