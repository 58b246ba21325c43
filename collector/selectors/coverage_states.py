"""Per symbol and session: what is being done about each missing span, why it is missing, and by whom empty slots were proven."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from collector.core.causes import Cause
from collector.core.gaps import Grid, grid_of
from collector.core.missing import EVER, Claim, Edges, Part, State, Wait, parts_of, shared_parts
from collector.core.spans import inside
from collector.models import Series
from collector.selectors.attended import live_edges
from collector.selectors.coverage import SessionCoverage, coverage_of
from collector.selectors.gaps import settle_after
from collector.selectors.jobs_of import Abandoned, Claims, JobNews, claims_of
from collector.selectors.witnesses import Silence, Witness, silences_of
from providers.market.calendar import get_calendar
from providers.market.days import date_of
from providers.market.types import DAY_US, Hours, Interval, Micros
from providers.policy import Snapshot

About = JobNews | Abandoned | Wait


@dataclass(frozen=True, slots=True)
class MissingPart:
    """Adjoining missing slots that share one fate. `doubted`: who was silent about some of them without being believed."""

    start: Micros
    end: Micros
    slots: int
    about: About
    doubted: tuple[Witness, ...] = ()

    @property
    def state(self) -> State:
        """What is being done."""
        match self.about:
            case JobNews() as job:
                return job.means
            case Abandoned():
                return State.ABANDONED
        return State.PENDING

    @property
    def cause(self) -> Cause | None:
        """Why it is missing; None for what was given up, where the abandonment says why."""
        match self.about:
            case JobNews() as job:
                return job.cause
            case Abandoned():
                return None
        return Cause.PENDING


@dataclass(frozen=True, slots=True)
class EmptyPart:
    """Adjoining empty slots with the same witnesses; none where nobody wrote down who it was."""

    start: Micros
    end: Micros
    slots: int
    by: tuple[Witness, ...]


@dataclass(frozen=True, slots=True)
class SessionStates:
    """One session of one series. `held`, `empty` and the counts of all states add up to `expected`."""

    coverage: SessionCoverage
    missing: tuple[MissingPart, ...]
    empty: tuple[EmptyPart, ...]

    @property
    def counts(self) -> Mapping[State, int]:
        """Missing slots by state, each state there is."""
        counted = Counter(dict.fromkeys(State, 0))
        for part in self.missing:
            counted[part.state] += part.slots
        return counted

    @property
    def settling(self) -> int:
        """Pending slots that have just closed."""
        return sum(part.slots for part in self.missing if part.about is Wait.SETTLING)


def states_of(
    *, series: Sequence[Series], first: date, last: date, now: Micros, snapshot: Snapshot, with_witnesses: bool = True
) -> list[tuple[Series, list[SessionStates]]]:
    """Each series' sessions as `coverage_of` gives them, each missing span with its state and cause.

    Some ten queries at most, whatever the number of series. `with_witnesses` false: without who proved or doubted what, one less.
    """
    found = coverage_of(series=series, first=first, last=last, now=now)
    silences = silences_of(series_ids=[one.pk for one in series], first=first, last=last) if with_witnesses else {}
    claims, edges = _claims(found, now=now), _EdgesOfSeries(snapshot, first=first, last=last, now=now)
    explained = []
    for one, sessions in found:
        parts = _parts(one, sessions, claims.get(one.pk, ()), edges)
        explained.append(
            (one, [_session(one, c, parts.get(c.session, []), silences.get((one.pk, c.session), ())) for c in sessions])
        )
    return explained


def _claims(found: Sequence[tuple[Series, list[SessionCoverage]]], *, now: Micros) -> Claims:
    """Those of all that is missing; no query where nothing is."""
    lacking = [(one.pk, session) for one, sessions in found for session in sessions if session.missing]
    if not lacking:
        return {}
    return claims_of(
        series_ids=sorted({series_id for series_id, _ in lacking}),
        start=min(int(session.missing_starts[0]) for _, session in lacking),
        end=max(int(session.missing_starts[-1]) for _, session in lacking) + 1,
        now=now,
    )


@dataclass(slots=True)
class _EdgesOfSeries:
    """From when on nobody is expected to have a slot: one look at the tiers an interval, and at the calendar a kind of series."""

    snapshot: Snapshot
    first: date
    last: date
    now: Micros
    _live: dict[Interval, dict[str, Micros]] = field(default_factory=dict)
    _grids: dict[tuple[str, Hours, Interval], Grid] = field(default_factory=dict)

    def of(self, series: Series) -> Edges:
        """For a series of which something is missing."""
        interval, tier = Interval(series.interval), series.tier_id
        if interval not in self._live:
            self._live[interval] = live_edges(interval, now=self.now)
        settle = settle_after(self.snapshot, interval, tier)
        return Edges(
            settled=self._grid(series, interval).settled_until(now=self.now, settle_after=settle),
            live=self._live[interval][tier],
        )

    def _grid(self, series: Series, interval: Interval) -> Grid:
        key = (series.instrument.calendar, Hours(series.hours), interval)
        if key not in self._grids:
            until = date_of(self.now // DAY_US + 1)  # further on nothing has closed, and a calendar need not know
            calendar = get_calendar(key[0], key[1])
            self._grids[key] = grid_of(calendar, interval, self.first, max(self.first, min(self.last, until)))
        return self._grids[key]


def _parts(
    series: Series, sessions: Sequence[SessionCoverage], claims: Sequence[Claim[JobNews | Abandoned]], edges: _EdgesOfSeries
) -> dict[date, list[Part[About]]]:
    """What is missing, cut by who has it, under the date of its session."""
    lacking = [session for session in sessions if session.missing]
    if not lacking:
        return {}
    nobody = edges.of(series).claims() if series.is_active else (Claim(*EVER, Wait.INACTIVE),)
    starts = np.concatenate([session.missing_starts for session in lacking])
    units = np.repeat(np.arange(len(lacking)), [session.missing for session in lacking])
    found: dict[date, list[Part[About]]] = {session.session: [] for session in lacking}
    everybody: list[Claim[About]] = [*nobody, *claims]
    for part in parts_of(starts, units, Interval(series.interval).us, everybody):
        found[lacking[int(units[starts.searchsorted(part.start)])].session].append(part)
    return found


def _session(
    series: Series, coverage: SessionCoverage, parts: Sequence[Part[About]], silences: Sequence[Silence]
) -> SessionStates:
    doubts = [one for one in silences if not one.is_believed]
    return SessionStates(
        coverage=coverage,
        missing=tuple(
            MissingPart(part.start, part.end, part.slots, part.about, _doubting(part, coverage, doubts)) for part in parts
        ),
        empty=_empty(coverage, [one for one in silences if one.is_believed], step=Interval(series.interval).us),
    )


def _doubting(part: Part[About], coverage: SessionCoverage, doubts: Sequence[Silence]) -> tuple[Witness, ...]:
    starts = coverage.missing_starts
    mine = starts[(starts >= part.start) & (starts < part.end)] if doubts else starts[:0]
    return tuple(one.witness for one in doubts if inside(mine, one.spans).any())


def _empty(coverage: SessionCoverage, believed: Sequence[Silence], *, step: int) -> tuple[EmptyPart, ...]:
    parts = shared_parts(coverage.empty_starts, step, [one.spans for one in believed])
    return tuple(EmptyPart(p.start, p.end, p.slots, tuple(believed[number].witness for number in p.about)) for p in parts)
