"""How the objectives stand, looked at for somebody who asks: nothing is stored, no run is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from collector.core.missing import State
from collector.models import Series, Tier
from collector.selectors.coverage_states import MissingPart, states_of
from collector.selectors.freshness import Behind, Freshness, measure, sample
from collector.selectors.scopes import Scope
from providers.market.types import Interval, Micros, from_us
from providers.policy import Snapshot

LOOKED_BACK = timedelta(days=4)
"""For the cause: over a weekend and a holiday."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the newest missing span of a series is missing, and what is being done about it."""

    cause: str
    state: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One tier and interval. `worst`: the worst few that are behind, each with the cause, None where nobody knows any."""

    tier: str
    interval: Interval
    objective: float
    freshness: Freshness
    worst: Sequence[tuple[Behind, Cause | None]]

    @property
    def is_met(self) -> bool:
        """Whether no more are behind than may be."""
        return self.freshness.rate <= self.objective


@dataclass(frozen=True, slots=True)
class Report:
    """By tier and interval. `idle`: tiers of which nothing is collected; `faults`: why some series could not be looked at."""

    at: Micros
    standings: Sequence[Standing]
    idle: Sequence[str]
    faults: Sequence[str]

    @property
    def is_missed(self) -> bool:
        """Whether some objective is not met."""
        return not all(one.is_met for one in self.standings)


def check(*, tiers: Sequence[str], is_exact: bool, at: Micros, is_past: bool, snapshot: Snapshot) -> Report:
    """These tiers as they stand; `is_past`: by what is held now of an earlier time, of which no cause is known any more."""
    scope = sample(scope=Scope(tiers=tiers), most=0 if is_exact else settings.SLO_SAMPLE, now=at)
    found = measure(scope=scope, counted={}, snapshot=snapshot, now=at)
    objectives = dict(Tier.objects.values_list("code", "objective"))
    behind = [one for freshness in found.pairs.values() for one in freshness.worst]
    causes = {} if is_past else _causes(behind, now=at, snapshot=snapshot)
    standings = [
        Standing(tier, interval, objectives[tier], one, [(worst, causes.get(worst.series_id)) for worst in one.worst])
        for (tier, interval), one in sorted(found.pairs.items(), key=lambda item: (item[0][0], item[0][1].us))
    ]
    seen = {one.tier for one in standings}
    return Report(at, standings, [tier for tier in tiers if tier not in seen], found.faults)


def _causes(behind: Sequence[Behind], *, now: Micros, snapshot: Snapshot) -> Mapping[int, Cause]:
    """Some ten queries, whatever the number of series; none where nobody is behind."""
    if not behind:
        return {}
    series = list(Series.objects.filter(pk__in=[one.series_id for one in behind]).select_related("instrument"))
    day = from_us(now).date()
    found = states_of(
        series=series, first=day - LOOKED_BACK, last=day + timedelta(days=1), now=now, snapshot=snapshot, with_witnesses=False
    )
    newest = {one.pk: _newest([part for session in sessions for part in session.missing]) for one, sessions in found}
    return {number: cause for number, cause in newest.items() if cause is not None}


def _newest(parts: Sequence[MissingPart]) -> Cause | None:
    """Of what has a job the newest, else of what nobody has: a slot that has just closed says nothing of why the others are missing."""
    ordered = sorted(parts, key=lambda part: (part.state in {State.FILLING, State.DEAD}, part.start))
    part = ordered[-1] if ordered else None
    return None if part is None or part.cause is None else Cause(part.cause.value, part.state.value)
