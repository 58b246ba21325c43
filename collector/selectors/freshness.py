"""How many series are behind, and which of them: by one statement a kind of series.

Known of a series is the end of its newest bar, or the time up to which a vendor credibly answered, whichever is later. Time that an
operator abandoned is expected of nobody.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection

from collector.core.expected import ALWAYS
from collector.core.freshness import NO_SLOTS, Slots
from collector.core.marks import GRACE_CADENCES
from collector.models import Tier
from collector.selectors.freshness_looks import LIVES, MOST_NAMED, Look, Pair, look_at
from collector.selectors.gaps import settle_after
from collector.selectors.scopes import IN_SCOPE, Kind, Scope, kinds_of, scope_parameters
from providers.market.types import SECOND_US, Interval, Micros, from_us, to_us
from providers.policy import Snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Behind:
    """A series that is behind, and up to when something is known of it: None for nothing at all."""

    series_id: int
    symbol: str
    mic: str
    last: Micros | None


@dataclass(slots=True)
class Freshness:
    """Series of one tier and interval: how many were looked at, how many are behind, the worst few of these first.

    `fell_due`: slots that fell due since the last count; `recent`: those of the last session hour.
    """

    sampled: int = 0
    behind: int = 0
    fell_due: Slots = NO_SLOTS
    recent: Slots = NO_SLOTS
    worst: list[Behind] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The share that is behind."""
        return self.behind / self.sampled if self.sampled else 0.0

    @property
    def interior_missing(self) -> int:
        """Missing slots of the last session hour."""
        return self.recent.expected - self.recent.good


@dataclass(frozen=True, slots=True)
class Measured:
    """By tier and interval; `faults`: a sentence for each calendar that keeps series from being looked at."""

    pairs: Mapping[Pair, Freshness]
    faults: Sequence[str]


def sample(*, scope: Scope, most: int, now: Micros) -> Scope:
    """The scope made of `most` random series a tier and interval, of those that are collected at that time; 0: the scope itself."""
    if not most:
        return scope
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, scope_parameters(scope) | {"now": from_us(now), "most": most})
        return Scope(series_ids=[series_id for (series_id,) in cursor.fetchall()])


def measure(*, scope: Scope, counted: Mapping[Pair, Micros], snapshot: Snapshot, now: Micros) -> Measured:
    """How series that are collected at that time stand. `counted`: up to when slots of a pair were counted; none of others are.

    A calendar that can't be had costs its own series. Nothing is locked or written.
    """
    pairs: dict[Pair, Freshness] = {}
    candidates: defaultdict[Pair, list[tuple[Micros, int]]] = defaultdict(list)
    faults = []
    patience = _Patience(snapshot)
    for kind in kinds_of(scope):
        try:
            look = look_at(kind, counted, now=now)
        except ValueError as error:
            faults.append(f"{kind.series} series of {kind.interval} on {kind.calendar} are not looked at: {error}")
            log.error("no objectives of series on %s: %s", kind.calendar, error, extra={"action": "calendar_unusable"})
            continue
        for group in look.groups(scope, patience.edges(kind, look)):
            pair = group.tier, kind.interval
            is_behind = look.is_behind(group)
            one = pairs.setdefault(pair, Freshness())
            one.sampled += group.series
            one.behind += group.series * is_behind
            one.fell_due += look.fell_due(group)
            one.recent += look.last_hour(group)
            if is_behind:
                candidates[pair] += [(_order(group.last), series_id) for series_id in group.members]
    named = _named([series_id for found in candidates.values() for _, series_id in _worst(found)], now=now)
    for pair, found in candidates.items():
        worst = [named[series_id] for _, series_id in _worst(found) if series_id in named]
        pairs[pair].worst = sorted(worst, key=lambda one: (_order(one.last), one.symbol))
    return Measured(pairs, faults)


def _worst(candidates: Sequence[tuple[Micros, int]]) -> Sequence[tuple[Micros, int]]:
    return sorted(candidates)[:MOST_NAMED]


def _order(last: Micros | None) -> Micros:
    return ALWAYS if last is None else last


def _named(series_ids: Sequence[int], *, now: Micros) -> dict[int, Behind]:
    """With symbols, and with what is known of them from before the slots that were looked at."""
    if not series_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"ids": list(series_ids), "now": from_us(now)})
        return {
            series_id: Behind(series_id, symbol, mic, None if last is None else to_us(last))
            for series_id, symbol, mic, last in cursor.fetchall()
        }


@dataclass(frozen=True, slots=True)
class _Patience:
    """How long a slot may be over before a silence that was not proven counts as missing, by tier."""

    snapshot: Snapshot
    cadences: Mapping[str, int] = field(default_factory=lambda: dict(Tier.objects.values_list("code", "cadence_seconds")))

    def edges(self, kind: Kind, look: Look) -> dict[str, Micros]:
        """The start of the first slot that is not over for so long."""
        return {tier: look.settled_until(patience=self._of(kind.interval, tier)) for tier in kind.tiers}

    def _of(self, interval: Interval, tier: str) -> Micros:
        return settle_after(self.snapshot, interval, tier) + GRACE_CADENCES * self.cadences[tier] * SECOND_US


_SAMPLE = f"""
SELECT id FROM (
  SELECT s.id, row_number() OVER (PARTITION BY s.tier_id, s.interval ORDER BY random()) AS place
  FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
  WHERE {IN_SCOPE} AND {LIVES}) drawn
WHERE place <= %(most)s
"""  # noqa: S608 - made of constants; values are bound

_KNOWN = """
SELECT s.id, i.symbol, i.mic, greatest(upper(c.spans * tstzmultirange(tstzrange(NULL, %(now)s))),
                                       CASE WHEN s.answered_through <= %(now)s THEN s.answered_through END)
FROM collector_series s JOIN collector_instrument i ON i.id = s.instrument_id
LEFT JOIN LATERAL (
  SELECT c.held + c.empty AS spans FROM collector_coverage c
  WHERE c.series_id = s.id AND (c.held + c.empty) && tstzrange(NULL, %(now)s)
  ORDER BY c.session DESC LIMIT 1) c ON true
WHERE s.id = ANY(%(ids)s)
"""
