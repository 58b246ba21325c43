"""The objectives as the admin's dashboard shows them: a row a tier and interval, with a small picture of the last day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.models import Tier
from ops.slo.reading import STALE, Point, Standing, history, newest
from ops.slo.table import percent

SPAN, STEP = timedelta(hours=24), timedelta(minutes=20)
COLUMNS = SPAN // STEP + 1  # the first and the last one may be cut
COLUMN_WIDTH, HEIGHT, LEAST_HEIGHT = 3, 28, 1.5
TOP_OBJECTIVES = 4
"""A column of so many times the objective is as high as any: else an outage would flatten all that was missed beside it."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Column:
    """One stretch of the picture: where it stands, how high it is, in which look, and what it says."""

    x: int
    y: float
    height: float
    look: str
    title: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Rates of the last day, and where the objective's line is; `says`: the same for those who don't see it."""

    columns: Sequence[Column]
    line: float
    says: str


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One tier and interval."""

    tier: str
    interval: str
    objective: str
    rate: str
    is_met: bool
    violating: int
    sampled: int
    last_hour: str
    interior_missing: int
    worst: Sequence[str]
    picture: Picture


def board(*, now: datetime) -> dict[str, Any]:
    """What `templates/admin/ops/objectives.html` shows."""
    found = newest()
    day = history(span=SPAN, step=STEP, now=now)
    hour = history(span=HOUR, step=HOUR, now=now)
    seen = {one.sample.tier for one in found.standings}
    return {
        "run": found.run,
        "is_stale": found.run is not None and now - found.run.at > STALE,
        "rows": [_row(one, day, hour, now=now) for one in found.standings],
        "idle": [code for code in Tier.objects.values_list("code", flat=True) if code not in seen],
    }


def _row(one: Standing, day: Mapping[Any, Sequence[Point]], hour: Mapping[Any, Sequence[Point]], *, now: datetime) -> BoardRow:
    sample, pair = one.sample, (one.sample.tier, one.sample.interval)
    sampled = sum(point.sampled for point in hour.get(pair, ()))
    behind = sum(point.violating for point in hour.get(pair, ()))
    return BoardRow(
        tier=sample.tier,
        interval=sample.interval,
        objective="" if one.objective is None else percent(one.objective),
        rate=percent(sample.rate),
        is_met=one.is_met,
        violating=sample.violating,
        sampled=sample.sampled,
        last_hour=percent(behind / sampled) if sampled else "",
        interior_missing=sample.interior_missing,
        worst=[worst["symbol"] for worst in sample.worst],
        picture=picture(day.get(pair, ()), objective=one.objective or 0.0, now=now),
    )


def picture(points: Sequence[Point], *, objective: float, now: datetime) -> Picture:
    """A column for the rate over each stretch; the objective is at a quarter of the height, for every tier."""
    top = TOP_OBJECTIVES * objective or 1.0
    first = _number_of(now - SPAN)
    columns = [_column(point, first=first, top=top, objective=objective) for point in points]
    missed = sum(column.look == "bad" for column in columns)
    says = f"last 24 hours: above the objective in {missed} of {len(columns)} stretches of 20 minutes"
    return Picture(columns, round(HEIGHT - HEIGHT * objective / top, 1), says if columns else "no runs in the last 24 hours")


def _column(point: Point, *, first: int, top: float, objective: float) -> Column:
    height = max(LEAST_HEIGHT, round(HEIGHT * min(1.0, point.rate / top), 1))
    look = "bad" if point.rate > objective else "good"
    title = f"{point.at:%H:%M} UTC: {percent(point.rate)}, at the highest {percent(point.highest)}"
    return Column((_number_of(point.at) - first) * COLUMN_WIDTH, HEIGHT - height, height, look, title)


def _number_of(moment: datetime) -> int:
    """Of the stretch that holds it."""
    return int(moment.timestamp() // STEP.total_seconds())
