"""What a provider's score was: samples, oldest first, never more than a chart can show."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from providers.market.types import SECOND_US
from providers.services.sampling import PERIOD_US

LAST = 60
MOST_POINTS = 2_000
_PERIOD_SECONDS = PERIOD_US // SECOND_US

# Both walk an index of one provider, or of one at one capability, from its end: 60 ticks cost what they hold. An array is compared
# by its first element first, so the lowest score of a tick or of a stretch brings the id of its row along.
_LAST = """
SELECT h.at, h.score, h.phase, h.parts, h.capability FROM (
    SELECT min(ARRAY[score, id]) AS lowest FROM providers_healthsample
    WHERE provider_id = %(provider)s {of_capability} GROUP BY at ORDER BY at DESC LIMIT %(count)s
) tick JOIN providers_healthsample h ON h.id = tick.lowest[2]::bigint ORDER BY h.at
"""
_SINCE = """
SELECT h.at, h.score, h.phase, h.parts, h.capability FROM (
    SELECT min(ARRAY[score, id]) AS lowest FROM providers_healthsample
    WHERE provider_id = %(provider)s {of_capability} AND at >= %(since)s AND at <= %(now)s
    GROUP BY floor(extract(epoch FROM at) / %(step)s)
) stretch JOIN providers_healthsample h ON h.id = stretch.lowest[2]::bigint ORDER BY h.at
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """The score at one moment, with its parts and the phase that counted then."""

    at: datetime
    score: float
    phase: str
    parts: Mapping[str, float]
    capability: str


def last_samples(*, provider_id: int, capability: str | None = None, count: int = LAST) -> list[Sample]:
    """The last samples, oldest first. Without a capability the worst one of each tick of 10 s."""
    return _read(_LAST, capability, {"provider": provider_id, "count": count})


def samples_since(*, provider_id: int, capability: str | None = None, span: timedelta, now: datetime) -> list[Sample]:
    """The samples of a span up to now, oldest first, `MOST_POINTS` at most.

    A longer span is cut into stretches of equal length, of each of which the lowest sample is kept: a dip is never thinned out.
    """
    values = {"provider": provider_id, "since": now - span, "now": now, "step": step_seconds(span)}
    return _read(_SINCE, capability, values)


def step_seconds(span: timedelta) -> int:
    """The length of one stretch: a multiple of the sampling period. The first and the last stretch may be cut, hence the 1."""
    return _PERIOD_SECONDS * math.ceil(span.total_seconds() / _PERIOD_SECONDS / (MOST_POINTS - 1))


def _read(sql: str, capability: str | None, values: dict[str, Any]) -> list[Sample]:
    of_capability = "" if capability is None else "AND capability = %(capability)s"
    with connection.cursor() as cursor:
        cursor.execute(sql.format(of_capability=of_capability), {**values, "capability": capability})
        rows = cursor.fetchall()
    return [Sample(at, value, phase, json.loads(parts), of) for at, value, phase, parts, of in rows]
