"""The one place that says which slots of its calendar a series is expected to have: in SQL for many series at once, in Python for those at hand.

Expected are slots that start in `[collect_from, collect_until)` or in `history`, within the instrument's listing and the retention
horizon, less those that calendar overrides take away.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings

from collector.core.closures import Closures, Vanished
from collector.core.expected import ALWAYS, FOREVER, Life, as_spans, life_of
from collector.core.spans import Spans, inside, minus, to_literal
from collector.models import Instrument, Series
from collector.selectors.kept import bars_kept_from
from providers.market.calendar import Calendar
from providers.market.types import DAY_US, Interval, Micros, MicrosArray, from_us, to_us


def horizon(now: Micros, interval: Interval) -> Micros | None:
    """The first instant from which a missing bar is a gap, None without such a limit; whole days (UTC), today not counted.

    Never before bars are kept at all: what was dropped would be found again.
    """
    days: int = settings.BAR_DAYS
    looked_for, kept = now // DAY_US * DAY_US - days * DAY_US if days else None, bars_kept_from(now, interval)
    return max((bound for bound in (looked_for, kept) if bound is not None), default=None)


def life(series: Series, *, now: Micros) -> Life:
    """In which time slots of a series are expected, its instrument loaded."""
    listed, delisted = listing(series.instrument)
    oldest = horizon(now, Interval(series.interval))
    collected = (to_us(series.collect_from), FOREVER if series.collect_until is None else to_us(series.collect_until))
    asked_for = ((to_us(span.lower), to_us(span.upper)) for span in series.history)
    return life_of(wanted=(collected, *asked_for), low=listed if oldest is None else max(listed, oldest), high=delisted)


def listing(instrument: Instrument) -> tuple[Micros, Micros]:
    """`[first, last)` instant at which it could trade at all."""
    listed, delisted = instrument.listed_at, instrument.delisted_at
    return ALWAYS if listed is None else to_us(listed), FOREVER if delisted is None else to_us(delisted)


Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedSlots:
    """Ascending slots of one calendar, hours and interval, and which of them are expected of a series that has these in common."""

    slots: MicrosArray
    lost: Vanished
    now: Micros
    _known: dict[tuple[Life, int | str | None], Mask] = field(default_factory=dict)

    def mask(self, series: Series) -> Mask:
        """For each slot whether it is; the instrument must be loaded. Reckoned once for all series of which the same is expected."""
        mic, instrument = series.instrument.mic, series.instrument_id
        key = life(series, now=self.now), self.lost.loser(mic=mic, instrument=instrument)
        if key not in self._known:
            gone = self.lost.of(mic=mic, instrument=instrument)
            self._known[key] = inside(self.slots, as_spans(key[0])) & ~inside(self.slots, gone)
        return self._known[key]

    def of(self, series: Series) -> MicrosArray:
        """Those that are."""
        return self.slots[self.mask(series)]


def expected_slots(
    calendar: Calendar, interval: Interval, *, slots: MicrosArray, closures: Closures, now: Micros
) -> ExpectedSlots:
    """Ascending slots of a calendar, with what the closures take away of them."""
    if not len(slots):
        return ExpectedSlots(slots, Vanished(), now)
    lost = closures.vanished(calendar, interval, start=int(slots[0]), end=int(slots[-1]) + 1)
    return ExpectedSlots(slots, lost, now)


OLDEST = "greatest(least(s.collect_from, lower(s.history)), i.listed_at)"
"""SQL: the first instant of the life of a series `s` of an instrument `i`, but for the horizon."""


def up(bound: str) -> str:
    """SQL: a bound up to the grid, since a slot belongs to the span that its start lies in. Null stays null, which is no bound."""
    return f"date_bin(%(step)s::interval, {bound} + %(rest)s::interval, 'epoch')"


def loss(name: str) -> tuple[str, str]:
    """SQL: the joins that bring what a MIC and an instrument lost, and the spans of both. Their values: `lost_values`."""
    joins = f"""
LEFT JOIN unnest(%({name}_mics)s::text[], %({name}_of_mics)s::tstzmultirange[]) AS {name}_mic(code, spans) ON {name}_mic.code = i.mic
LEFT JOIN unnest(%({name}_instruments)s::bigint[], %({name}_of_instruments)s::tstzmultirange[]) AS {name}_own(id, spans)
  ON {name}_own.id = i.id"""
    return joins, f"coalesce({name}_mic.spans, '{{}}') + coalesce({name}_own.spans, '{{}}')"


_JOINS, _LOST = loss("lost")

# What is expected of a series `s` of an instrument `i`: a lateral table `expected` of one column, `spans`. Its values: `parameters`.
EXPECTED = f"""
{_JOINS}
CROSS JOIN LATERAL (
  SELECT %(slots)s::tstzmultirange
         * (tstzmultirange(tstzrange({up("s.collect_from")}, {up("s.collect_until")}))
            + CASE WHEN %(as_if_asked)s THEN '{{(,)}}'::tstzmultirange WHEN isempty(s.history) THEN '{{}}' ELSE
                (SELECT range_agg(tstzrange({up("lower(h)")}, {up("upper(h)")})) FROM unnest(s.history) AS h) END)
         * tstzmultirange(tstzrange({up("i.listed_at")}, {up("i.delisted_at")}))
         * tstzmultirange(tstzrange(%(horizon)s::timestamptz, NULL))
         - ({_LOST}) AS spans
  OFFSET 0) expected  -- or it would be reckoned again for each place that names it
"""  # noqa: S608 - made of constants; values are bound


def parameters(*, slots: Spans, interval: Interval, now: Micros, lost: Vanished, as_if_asked: bool = False) -> dict[str, Any]:
    """What `EXPECTED` is bound to. `slots`: the calendar's, whole ones of that interval. `as_if_asked`: as if all had been asked for."""
    oldest = horizon(now, interval)
    return {
        "slots": to_literal(minus(slots, lost.of_all)),
        "as_if_asked": as_if_asked,
        "step": f"{interval.us} us",
        "rest": f"{interval.us - 1} us",
        "horizon": None if oldest is None else from_us(oldest),
        **lost_values("lost", lost),
    }


def lost_values(name: str, lost: Vanished) -> dict[str, Any]:
    """Columns of what was lost on top of what all lost."""
    return {
        f"{name}_mics": list(lost.by_mic),
        f"{name}_of_mics": [to_literal(spans) for spans in lost.by_mic.values()],
        f"{name}_instruments": list(lost.by_instrument),
        f"{name}_of_instruments": [to_literal(spans) for spans in lost.by_instrument.values()],
    }
