"""Reads sessions from exchange_calendars into columns; the only place that touches that library or pandas.

Both are imported inside functions: they take a second, and a process that never asks for a calendar should not pay for it.
"""

import threading
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from providers.market.calendar_errors import NoExtendedHours, UnknownCalendar
from providers.market.calendar_rules import NEW_YORK, fx_schedule, with_cme_break, with_us_extended_hours
from providers.market.days import date_of, day_of
from providers.market.schedule import EARLIEST_DAY, LATEST_DAY, Schedule, Source
from providers.market.types import Hours, MicrosArray

# Venues on CME's Globex: the library's calendar for all of them trades through the daily break.
CME_NAMES = frozenset({"CME", "CBOT", "COMEX", "NYMEX"})
US_EQUITIES = "XNYS"
# The library's XKRX (4.13.2) gives the last session of whatever span is read the late open of a special date that turned out to be
# no session. So more is read than asked for, by more than any week of holidays, and cut off again.
SPARE_DAYS = 14
_one_at_a_time = threading.Lock()
"""pandas silences warnings for the whole process while it reckons holidays, and each thread that is done undoes it for the others."""


def source_of(*, name: str, hours: Hours) -> Source:
    """The source of a named calendar; an alias (`XNAS`) gives the source of the calendar it stands for (`XNYS`).

    Raises: UnknownCalendar, NoExtendedHours.
    """
    regular = _regular_source(name)
    if hours is Hours.REGULAR:
        return regular
    if regular.name != US_EQUITIES:
        raise NoExtendedHours(f"extended hours are known for US equities ({US_EQUITIES}) only, not for {name}")
    return replace(regular, load=lambda first, last: with_us_extended_hours(regular.load(first, last)))


def _regular_source(name: str) -> Source:
    if name == "FX":
        return Source(name="FX", zone=NEW_YORK, load=fx_schedule)
    if name in CME_NAMES:
        whole_days = _library_source("CMES")
        return replace(whole_days, name="CME", load=lambda first, last: with_cme_break(whole_days.load(first, last)))
    return _library_source(name)


def known_names() -> list[str]:
    """All names that `source_of` takes, aliases included."""
    import exchange_calendars

    return sorted({*exchange_calendars.get_calendar_names(include_aliases=True), *CME_NAMES, "FX"})


def _library_source(alias: str) -> Source:
    import exchange_calendars

    names = known_names()
    if alias not in names:
        raise UnknownCalendar(_unknown_message(alias, names))
    name = exchange_calendars.resolve_alias(alias)
    # Any fortnight will do: a calendar's zone and bounds are constants, which the library only shows on an instance.
    with _one_at_a_time:
        sample = exchange_calendars.get_calendar(name, start="2024-06-03", end="2024-06-14")
    lowest, highest = sample.bound_min(), sample.bound_max()
    last_known = LATEST_DAY + SPARE_DAYS if highest is None else day_of(highest.date())
    return Source(
        name=name,
        zone=sample.tz,
        load=lambda first, last: _load(name, first, min(last + SPARE_DAYS, last_known)).until(last),
        first_day=EARLIEST_DAY if lowest is None else max(EARLIEST_DAY, day_of(lowest.date())),
        last_day=min(LATEST_DAY, last_known),
        has_end=highest is not None,
    )


def _unknown_message(name: str, known: list[str]) -> str:
    close = get_close_matches(name.upper(), known, n=5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return f"no calendar is named {name!r}; {hint}known are {', '.join(known)}"


def _load(name: str, first_day: int, last_day: int) -> Schedule:
    import exchange_calendars
    from exchange_calendars.errors import NoSessionsError

    try:
        with _one_at_a_time:
            calendar = exchange_calendars.get_calendar(name, start=date_of(first_day), end=date_of(last_day))
    except NoSessionsError:
        nothing = np.empty(0, dtype=np.int64)
        return Schedule.of_whole_sessions(days=nothing.astype(np.int32), opens=nothing, closes=nothing)
    return _schedule_of(calendar)


def _schedule_of(calendar: Any) -> Schedule:
    table = calendar.schedule
    days = table.index.values.astype("datetime64[D]").astype(np.int32)
    morning_ends, afternoon_starts = _micros(table["break_start"]), _micros(table["break_end"])
    has_break = ~np.isnat(table["break_start"].values)
    # Two segments a row, of which rows without a break keep the first alone: open to close.
    opens = np.stack([_micros(table["open"]), afternoon_starts], axis=1)
    closes = np.stack([np.where(has_break, morning_ends, _micros(table["close"])), _micros(table["close"])], axis=1)
    is_real = np.stack([np.ones_like(has_break), has_break], axis=1)
    owner = np.repeat(np.arange(len(days), dtype=np.int32)[:, None], 2, axis=1)
    return Schedule(
        days=days,
        is_early_close=_is_among(table, calendar.early_closes),
        is_late_open=_is_among(table, calendar.late_opens),
        opens=opens[is_real],
        closes=closes[is_real],
        owner=owner[is_real],
    )


def _micros(column: Any) -> MicrosArray:
    """Epoch microseconds of a column of UTC times, whatever unit pandas keeps them in; NaT becomes the least integer."""
    micros: MicrosArray = column.values.astype("datetime64[us]").astype(np.int64)
    return micros


def _is_among(table: Any, special: Any) -> npt.NDArray[np.bool_]:
    among: npt.NDArray[np.bool_] = table.index.isin(special)
    return among
