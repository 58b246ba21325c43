"""A look at the tables and what a turn did, as text for a terminal and as data for a program."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ops.care.looking import Look, State
from ops.care.periods import Size
from ops.care.rows import COUNTED
from ops.care.turn import Dropped, Turn

_HEADINGS = ("kept", "for", "rows, about", "MB", "oldest", "past its age")


def look_as_text(look: Look) -> Iterable[str]:
    """A line a kind under headings, then the partitions ahead."""
    lines = [_HEADINGS, *(_cells(state) for state in look.states)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADINGS))]
    for line in lines:
        yield "  ".join(
            cell.rjust(width) if 2 <= i <= 3 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
    lacking = f"{len(look.missing)} of them missing: {', '.join(look.missing)}" if look.missing else "all of them there"
    yield f"partitions made ahead: {look.ahead}, {lacking}"


def turn_as_text(turn: Turn) -> Iterable[str]:
    """What was made, dropped and deleted, and what is left for the next turn."""
    yield from (f"made {name}" for name in turn.made)
    if turn.fault:
        yield turn.fault
    for one in turn.dropped:
        yield from (f"dropped {size.table}, about {size.rows:,} rows" for size in one.partitions)
        if one.rows:
            yield f"deleted {one.rows:,} {one.kind}"
        if one.fault:
            yield f"{one.kind} could not be looked after: {one.fault}"
        elif not one.is_whole:
            yield f"{one.kind}: the rest waits for the next turn, its time was up or its partition is in use"


def look_as_data(look: Look) -> dict[str, Any]:
    """The same for a program."""
    return {
        "kinds": [_state_as_data(state) for state in look.states],
        "partitions_ahead": look.ahead,
        "partitions_missing": look.missing,
    }


def turn_as_data(turn: Turn) -> dict[str, Any]:
    """The same for a program."""
    return {"made": turn.made, "fault": turn.fault or None, "dropped": [_dropped_as_data(one) for one in turn.dropped]}


def _cells(state: State) -> tuple[str, ...]:
    kind = state.kind
    return (
        kind.name,
        "for ever" if kind.age is None else _age_text(state),
        f"{sum(size.rows for size in state.sizes[:1]):,}",
        f"{sum(size.bytes for size in state.sizes) / 1e6:,.1f}",
        f"{state.oldest:%Y-%m-%d %H:%M}" if state.oldest else "-",
        _due_text(state),
    )


def _age_text(state: State) -> str:
    age = state.kind.age
    assert age is not None
    said = f"{age.days} days" if age.seconds == 0 else f"{age.total_seconds() / 3600:g} hours"
    return f"{said} ({state.kind.limit.variable})" if state.kind.limit else said


def _due_text(state: State) -> str:
    if state.due:
        return f"{len(state.due)} partitions, about {sum(size.rows for size in state.due):,} rows: {_names(state.due)}"
    if state.due_rows > COUNTED:
        return f"more than {COUNTED:,} rows"
    return f"{state.due_rows:,} rows" if state.due_rows else "nothing"


def _names(sizes: list[Size]) -> str:
    names = [size.table for size in sizes]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} to {names[-1]}"


def _state_as_data(state: State) -> dict[str, Any]:
    kind = state.kind
    return {
        "kind": kind.name,
        "setting": kind.limit.variable if kind.limit else None,
        "kept_seconds": None if kind.age is None else int(kind.age.total_seconds()),
        "kept_from": _moment(state.kept_from),
        "oldest": _moment(state.oldest),
        "tables": [_size_as_data(size) for size in state.sizes],
        "due_partitions": [_size_as_data(size) for size in state.due],
        "due_rows": state.due_rows,
        "due_rows_is_least": state.due_rows > COUNTED,
    }


def _dropped_as_data(one: Dropped) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "partitions": [size.table for size in one.partitions],
        "rows": one.rows,
        "is_whole": one.is_whole,
        "fault": one.fault or None,
    }


def _size_as_data(size: Size) -> dict[str, Any]:
    return {"table": size.table, "rows_estimated": size.rows, "bytes": size.bytes}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
