"""One session slot by slot, as rows of cells: an hour a row for minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from collector.admin.coverage_words import SIGNS, Look, cause_of
from collector.selectors.coverage_states import SessionStates
from collector.selectors.jobs_of import JobNews
from providers.market.types import DAY_US, MINUTE_US, Interval, Micros, from_us

_HOUR_US = 60 * MINUTE_US
_ROW_US = {Interval.M1: _HOUR_US, Interval.M5: 4 * _HOUR_US, Interval.M15: 12 * _HOUR_US}


@dataclass(frozen=True, slots=True)
class Cell:
    """One expected slot: how it stands, its mark, and what it says when somebody points at it."""

    look: Look
    mark: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """Neighbouring cells, None where no slot is expected or it has not closed; `label`: when the row begins."""

    label: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True, slots=True)
class Strip:
    """All rows, `width` cells each, and the words above their quarters."""

    rows: Sequence[Row]
    width: int
    quarters: Sequence[str]


def strip_of(session: SessionStates, *, interval: Interval) -> Strip:
    """Rows in which nothing is expected are left out."""
    length = _ROW_US.get(interval, DAY_US)
    cells = _cells(session, interval)
    rows = [
        Row(
            _label(begin, session.coverage.session, length),
            [cells.get(start) for start in range(begin, begin + length, interval.us)],
        )
        for begin in sorted({start // length * length for start in cells})
    ]
    quarters = [_offset(number * length // 4, length) for number in range(4)] if interval is not Interval.D1 else []
    return Strip(rows, length // interval.us, quarters)


def _cells(session: SessionStates, interval: Interval) -> dict[Micros, Cell]:
    """By start; what is neither empty nor missing is held."""
    cells = {start: _cell(Look.HELD, start) for start in session.coverage.expected_starts.tolist()}
    for empty in session.empty:
        by = ", ".join(one.provider for one in empty.by)
        cells |= {s: _cell(Look.EMPTY, s, f"by {by}" if by else "") for s in range(empty.start, empty.end, interval.us)}
    for part in session.missing:
        job = f"job {part.about.job_id}" if isinstance(part.about, JobNews) else ""
        cause = "" if part.cause is None else cause_of(part)
        more = ", ".join(filter(None, ("" if cause == part.state.value else cause, job)))
        cells |= {s: _cell(Look(part.state.value), s, more) for s in range(part.start, part.end, interval.us)}
    return cells


def _cell(look: Look, start: Micros, more: str = "") -> Cell:
    sign = SIGNS[look]
    text = f"{from_us(start):%H:%M} {sign.slot}"
    return Cell(look, "" if look is Look.HELD else sign.mark, f"{text}, {more}" if more else text)


def _label(begin: Micros, session: date, length: Micros) -> str:
    at = from_us(begin)
    if length == DAY_US:
        return f"{at:%d %b}"
    return f"{at:%H:%M}" if at.date() == session else f"{at:%a %H:%M}"


def _offset(micros: Micros, length: Micros) -> str:
    return f":{micros // MINUTE_US:02d}" if length == _HOUR_US else f"+{micros // _HOUR_US} h"
