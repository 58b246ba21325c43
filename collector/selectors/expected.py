"""The one place that says which slots of its calendar a series is expected to have: in SQL for many series at once, in Python for those at hand.

expected = slots that start in (([collect_from, collect_until) and history) within the listing) and within the retention horizon
"""

from typing import Any

from django.conf import settings

from collector.core.expected import ALWAYS, FOREVER, Life, life_of
from collector.core.spans import Spans, to_literal
from collector.models import Instrument, Series
from providers.market.types import DAY_US, Interval, Micros, from_us, to_us


def horizon(now: Micros) -> Micros | None:
    """The first instant from which a missing bar is a gap, None without such a limit; whole days (UTC), today not counted."""
    days: int = settings.BAR_DAYS
    return now // DAY_US * DAY_US - days * DAY_US if days else None


def life(series: Series, *, now: Micros) -> Life:
    """In which time slots of a series are expected, its instrument loaded."""
    listed, delisted = listing(series.instrument)
    oldest = horizon(now)
    collected = (to_us(series.collect_from), FOREVER if series.collect_until is None else to_us(series.collect_until))
    asked_for = ((to_us(span.lower), to_us(span.upper)) for span in series.history)
    return life_of(wanted=(collected, *asked_for), low=listed if oldest is None else max(listed, oldest), high=delisted)


def listing(instrument: Instrument) -> tuple[Micros, Micros]:
    """`[first, last)` instant at which it could trade at all."""
    listed, delisted = instrument.listed_at, instrument.delisted_at
    return ALWAYS if listed is None else to_us(listed), FOREVER if delisted is None else to_us(delisted)


OLDEST = "greatest(least(s.collect_from, lower(s.history)), i.listed_at)"
"""SQL: the first instant of the life of a series `s` of an instrument `i`, but for the horizon."""


def up(bound: str) -> str:
    """SQL: a bound up to the grid, since a slot belongs to the span that its start lies in. Null stays null, which is no bound."""
    return f"date_bin(%(step)s::interval, {bound} + %(rest)s::interval, 'epoch')"


# The life of a series `s` of an instrument `i` as expected time: a lateral table `expected` of one column, `spans`. Its values: `parameters`.
EXPECTED = f"""
CROSS JOIN LATERAL (
  SELECT %(slots)s::tstzmultirange
         * (tstzmultirange(tstzrange({up("s.collect_from")}, {up("s.collect_until")}))
            + CASE WHEN %(as_if_asked)s THEN '{{(,)}}'::tstzmultirange WHEN isempty(s.history) THEN '{{}}' ELSE
                (SELECT range_agg(tstzrange({up("lower(h)")}, {up("upper(h)")})) FROM unnest(s.history) AS h) END)
         * tstzmultirange(tstzrange({up("i.listed_at")}, {up("i.delisted_at")}))
         * tstzmultirange(tstzrange(%(horizon)s::timestamptz, NULL)) AS spans
  OFFSET 0) expected  -- or it would be reckoned again for each place that names it
"""  # noqa: S608 - made of constants; values are bound


def parameters(*, slots: Spans, interval: Interval, now: Micros, as_if_asked: bool = False) -> dict[str, Any]:
    """What `EXPECTED` is bound to. `slots`: the calendar's, whole ones of that interval. `as_if_asked`: as if all had been asked for."""
    oldest = horizon(now)
    return {
        "slots": to_literal(slots),
        "as_if_asked": as_if_asked,
        "step": f"{interval.us} us",
        "rest": f"{interval.us - 1} us",
        "horizon": None if oldest is None else from_us(oldest),
    }
