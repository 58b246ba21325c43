"""What the monitor found: the newest run, and how it went over a span of time, never more points than a chart can show."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection

from collector.models import Tier
from ops.models import SloCount, SloRun, SloSample
from ops.slo.running import PERIOD_SECONDS
from providers.api_errors import NotFound
from providers.market.types import Interval

MOST_POINTS = 720
STALE = timedelta(seconds=4 * PERIOD_SECONDS)
"""A monitor that has not run for so long says nothing of now."""


@dataclass(frozen=True, slots=True)
class Point:
    """The samples of a stretch of time, from `at` on; `highest`: the highest rate of one of them."""

    at: datetime
    sampled: int
    violating: int
    highest: float
    expected: int
    good: int
    interior_missing: int

    @property
    def rate(self) -> float:
        """The share that was behind, over all samples."""
        return self.violating / self.sampled if self.sampled else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """One tier and interval at the newest run. `objective` None: the tier is gone."""

    sample: SloSample
    objective: float | None
    count: SloCount | None

    @property
    def is_met(self) -> bool:
        """Whether no more were behind than may be."""
        return self.objective is None or self.sample.rate <= self.objective


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest run, None before the first one, and what it found, by tier and interval."""

    run: SloRun | None
    standings: list[Standing]


def newest(*, tier: str | None = None, interval: str | None = None) -> Newest:
    """How the objectives stood when the monitor ran last. Raises: ApiError for a tier that there is not."""
    objectives = dict(Tier.objects.values_list("code", "objective"))
    if tier is not None and tier not in objectives:
        raise NotFound(f"unknown tier {tier!r}", code="unknown_tier", field="tier")
    run = SloRun.objects.first()
    if run is None:
        return Newest(None, [])
    counts = {(one.tier, one.interval): one for one in SloCount.objects.all()}
    found = SloSample.objects.filter(at=run.at, **_chosen(tier, interval))
    standings = [Standing(one, objectives.get(one.tier), counts.get((one.tier, one.interval))) for one in found]
    return Newest(run, sorted(standings, key=lambda one: _order(one.sample.tier, one.sample.interval)))


def history(
    *, span: timedelta, step: timedelta, now: datetime, tier: str | None = None, interval: str | None = None
) -> dict[tuple[str, str], list[Point]]:
    """By tier and interval the stretches of a span up to now that have samples, oldest first."""
    chosen = _chosen(tier, interval)
    conditions = "".join(f" AND {name} = %({name})s" for name in chosen)
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"step": f"{step.total_seconds():.0f} s", "since": now - span, "now": now, **chosen}
        cursor.execute(_HISTORY.format(conditions=conditions), values)
        rows = sorted(cursor.fetchall(), key=lambda row: (_order(row[0], row[1]), row[2]))
    return {pair: [Point(*row[2:]) for row in of_pair] for pair, of_pair in groupby(rows, key=lambda row: (row[0], row[1]))}


def step_of(span: timedelta) -> timedelta:
    """The length of one stretch: a multiple of the monitor's period."""
    return timedelta(seconds=PERIOD_SECONDS * math.ceil(span.total_seconds() / PERIOD_SECONDS / MOST_POINTS))


def standing_as_json(one: Standing) -> dict[str, Any]:
    """Of the newest run, and the counts of all runs."""
    sample, count = one.sample, one.count
    return {
        "tier": sample.tier,
        "interval": sample.interval,
        "objective": one.objective,
        "sampled": sample.sampled,
        "violating": sample.violating,
        "rate": sample.rate,
        "met": one.is_met,
        "interior_missing": sample.interior_missing,
        "expected_slots_total": count.expected if count else 0,
        "good_slots_total": count.good if count else 0,
        "worst": sample.worst,
    }


def histories_as_json(found: Mapping[tuple[str, str], list[Point]]) -> Iterator[dict[str, Any]]:
    """One a tier and interval."""
    for (tier, interval), points in found.items():
        yield {"tier": tier, "interval": interval, "points": [_point_as_json(point) for point in points]}


def _point_as_json(one: Point) -> dict[str, Any]:
    return {
        "at": one.at,
        "rate": one.rate,
        "highest": one.highest,
        "sampled": one.sampled,
        "expected": one.expected,
        "good": one.good,
        "interior_missing": one.interior_missing,
    }


def _chosen(tier: str | None, interval: str | None) -> dict[str, str]:
    return {name: value for name, value in (("tier", tier), ("interval", interval)) if value is not None}


def _order(tier: str, interval: str) -> tuple[str, int]:
    return tier, Interval(interval).us


# A day of one pair is 2,880 rows; by the index of time.
_HISTORY = """
SELECT tier, interval, date_bin(%(step)s::interval, at, 'epoch') AS bin, sum(sampled)::bigint, sum(violating)::bigint,
       max(violating::float8 / greatest(sampled, 1)), sum(expected)::bigint, sum(good)::bigint, max(interior_missing)
FROM ops_slosample WHERE at > %(since)s AND at <= %(now)s{conditions} GROUP BY 1, 2, 3
"""
