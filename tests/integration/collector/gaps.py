"""Coverage made without vendors, and gaps as short texts."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from django.db import connection
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from collector.core.spans import spans_of, to_literal
from collector.models import Series
from collector.selectors.gaps import Gap, find_gaps
from collector.selectors.scopes import Scope
from providers.market.days import date_of
from providers.market.types import Interval, MicrosArray, from_us
from providers.policy import Snapshot
from tests.builders import moment


def cover(series: Series, starts: MicrosArray, days: Any, *, column: str = "held") -> None:
    """Add slots, each under its session, to what is held (or `empty`)."""
    bounds = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(starts)]
    parts = [(a, b) for a, b in pairwise(bounds) if a < b]
    step = Interval(series.interval).us
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO collector_coverage AS c (series_id, session, held, empty, void)
                SELECT %s, day, {"spans, '{}'" if column == "held" else "'{}', spans"}, '{{}}'
                FROM unnest(%s::date[], %s::text[]) AS given(day, literal), LATERAL (SELECT literal::tstzmultirange AS spans) s
                ON CONFLICT (series_id, session) DO UPDATE SET held = c.held + excluded.held, empty = c.empty + excluded.empty""",
            [series.pk, [date_of(int(days[a])) for a, _ in parts], [to_literal(spans_of(starts[a:b], step)) for a, b in parts]],
        )


def spans(*given: tuple[str, str]) -> Multirange[Any]:
    """A set of spans of moments (UTC), as rows hold it."""
    return Multirange([Range(moment(start), moment(end)) for start, end in given])


def gaps(*, now: Any, snapshot: Snapshot | None = None, start: Any = None, end: Any = None, **scope: Any) -> list[Gap]:
    """What a scan finds; by a policy that asks nobody unless said otherwise."""
    return list(find_gaps(scope=Scope(**scope), snapshot=snapshot or Snapshot(), now=now, start=start, end=end))


def texts(found: Iterable[Gap]) -> list[str]:
    """`AAPL 10-08 13:30 +5`: symbol, start, slots."""
    return [f"{gap.symbol} {from_us(gap.start):%m-%d %H:%M} +{gap.slots}" for gap in found]


def slots_of(found: Iterable[Gap], starts: MicrosArray) -> list[int]:
    """The expected slots that lie in gaps, with repeats."""
    return [t for gap in found for t in starts[(starts >= gap.start) & (starts < gap.end)].tolist()]
