"""The sessions of a venue as columns, and the source they are read from. Pure.

A session is a trading date with one or more segments of trading time `[open, close)`; two segments are a morning and an
afternoon around a lunch break. A session may open on the evening before its date.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from providers.market.days import Days, day_of
from providers.market.types import MINUTE_US, Micros, MicrosArray

# No source is asked outside of these: before 1950 not all zone offsets are whole minutes, and holidays far ahead are guesses.
EARLIEST_DAY = day_of(date(1950, 1, 1))
LATEST_DAY = day_of(date(2049, 12, 31))


@dataclass(frozen=True, slots=True)
class Session:
    """One trading date; `segments` are half-open spans of trading time in order."""

    date: date
    segments: tuple[tuple[Micros, Micros], ...]
    is_early_close: bool = False
    is_late_open: bool = False

    @property
    def open(self) -> Micros:
        """Start of the first trading minute."""
        return self.segments[0][0]

    @property
    def close(self) -> Micros:
        """End of the last trading minute."""
        return self.segments[-1][1]


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Sessions in order: one row a session in the first three columns, one row a segment in the others.

    `owner` is the row of `days` that a segment belongs to. Segments may touch, never overlap, and lie on whole minutes.
    Raises: ValueError when they do not; a wrong schedule must not be searched.
    """

    days: Days
    is_early_close: npt.NDArray[np.bool_]
    is_late_open: npt.NDArray[np.bool_]
    opens: MicrosArray
    closes: MicrosArray
    owner: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        if (self.opens % MINUTE_US).any() or (self.closes % MINUTE_US).any():
            raise ValueError("expected segments on whole minutes")
        if (self.opens >= self.closes).any() or (self.opens[1:] < self.closes[:-1]).any():
            raise ValueError("expected segments in order that do not overlap")
        if (np.diff(self.days) <= 0).any() or (np.diff(self.owner) < 0).any():
            raise ValueError("expected sessions in order of their dates")

    @classmethod
    def of_whole_sessions(
        cls,
        *,
        days: Days,
        opens: MicrosArray,
        closes: MicrosArray,
        is_early_close: npt.NDArray[np.bool_] | None = None,
        is_late_open: npt.NDArray[np.bool_] | None = None,
    ) -> "Schedule":
        """A schedule of sessions with one segment each."""
        ordinary = np.zeros(len(days), dtype=np.bool_)
        return cls(
            days=days,
            is_early_close=ordinary if is_early_close is None else is_early_close,
            is_late_open=ordinary if is_late_open is None else is_late_open,
            opens=opens,
            closes=closes,
            owner=np.arange(len(days), dtype=np.int32),
        )

    def until(self, last_day: int) -> "Schedule":
        """The sessions dated `last_day` or earlier."""
        sessions = int(self.days.searchsorted(last_day, "right"))
        segments = int(self.owner.searchsorted(sessions, "left"))
        return Schedule(
            days=self.days[:sessions],
            is_early_close=self.is_early_close[:sessions],
            is_late_open=self.is_late_open[:sessions],
            opens=self.opens[:segments],
            closes=self.closes[:segments],
            owner=self.owner[:segments],
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Where a calendar's sessions come from.

    `load(first_day, last_day)` gives the sessions dated in that span of day numbers, both included; it is never asked for
    days outside of the source's own. `has_end`: the source itself stops at `last_day`. A rule of our own is a function from
    schedule to schedule put around another source's `load`; closures that operators declare can be laid on top likewise.
    """

    name: str
    zone: ZoneInfo
    load: Callable[[int, int], Schedule]
    first_day: int = EARLIEST_DAY
    last_day: int = LATEST_DAY
    has_end: bool = False
