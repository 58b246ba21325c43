"""What the coverage page says of a slot, a span and a session. A colour never stands without its sign and its word."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from collector.core.causes import Cause
from collector.core.missing import State, Wait
from collector.models.backfills import BackfillState
from collector.selectors.coverage_states import MissingPart, SessionStates
from collector.selectors.jobs_of import Abandoned, JobNews
from collector.selectors.witnesses import Witness


class Look(StrEnum):
    """How a slot or a whole session stands, the worst first. Also the name of its style."""

    DEAD = "dead"
    FILLING = "filling"
    PENDING = "pending"
    ABANDONED = "abandoned"
    EMPTY = "empty"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Sign:
    """A mark that tells without a colour, the word for a slot, and the word for a session whose worst that is."""

    mark: str
    slot: str
    session: str


SIGNS: Mapping[Look, Sign] = {
    Look.HELD: Sign("✓", "held", "complete"),
    Look.EMPTY: Sign("○", "proven empty", "complete with empty slots"),
    Look.FILLING: Sign("↻", "being filled", "being filled"),
    Look.PENDING: Sign("…", "pending", "pending: nobody's yet"),
    Look.ABANDONED: Sign("\N{EN DASH}", "abandoned", "abandoned"),
    Look.DEAD: Sign("✕", "dead", "dead: an operator's turn"),
}
_JOB_STATES = {
    BackfillState.QUEUED: "is queued",
    BackfillState.RUNNING: "runs",
    BackfillState.RETRY_WAIT: "waits for its next try at",
    BackfillState.PARKED: "is parked until",
}
_WAITS = {
    Wait.SETTLING: "Just closed: the slowest provider of its route may not have it yet.",
    Wait.LIVE: "Live collection still asks for it.",
    Wait.NEXT_SCAN: "The next scan makes a job of it, as far as its cap has room.",
    Wait.INACTIVE: "The series is not collected.",
}


def worst_of(session: SessionStates) -> Look:
    """Of all its slots but those that are still settling: each running session has some of these at any moment."""
    counts = session.counts
    for state in (State.DEAD, State.FILLING, State.PENDING, State.ABANDONED):
        if counts[state] > (session.settling if state is State.PENDING else 0):
            return Look(state.value)
    return Look.EMPTY if session.coverage.empty else Look.HELD


def counted(session: SessionStates) -> str:
    """`380 held, 4 proven empty, 6 being filled`; what there is none of is left out."""
    numbers = {Look.HELD: session.coverage.held, Look.EMPTY: session.coverage.empty}
    numbers |= {Look(state.value): count for state, count in session.counts.items()}
    return ", ".join(f"{number} {SIGNS[look].slot}" for look, number in numbers.items() if number) or "nothing"


def share_of(session: SessionStates) -> str:
    """Held or proven empty of what should be there by now. Floored, so that 100 % means all."""
    there = session.coverage.held + session.coverage.empty
    due = session.coverage.expected - session.settling
    return "100 %" if there >= due else f"{1000 * there // due / 10:.1f} %"


def cause_of(part: MissingPart) -> str:
    """`vendor outage`; for what was abandoned the abandonment says why."""
    return "given up" if part.cause is None else words_of(part.cause)


def words_of(cause: Cause | str) -> str:
    """A cause as people read it."""
    return str(cause).replace("_", " ")


def told(part: MissingPart) -> str:
    """What is being done about it, by whom, and what was said last."""
    match part.about:
        case JobNews() as job:
            return _told_of(job)
        case Abandoned() as given_up:
            until = f" until {given_up.until:%Y-%m-%d %H:%M}" if given_up.until else ""
            return f"By {given_up.who}{until}{': ' if given_up.why else ''}{given_up.why}"
    return _WAITS[part.about]


def _told_of(job: JobNews) -> str:
    if job.means is State.DEAD:
        return f"Job {job.job_id} is dead: {job.said.message if job.said else 'nobody wrote down why'}"
    due = f" {job.due_at:%Y-%m-%d %H:%M:%S}" if job.due_at and job.state != BackfillState.QUEUED else ""
    said = f" Last said: {job.said.message}" if job.said else ""
    return f"Job {job.job_id} {_JOB_STATES[job.state]}{due}.{said}"


def named(witnesses: Iterable[Witness]) -> str:
    """`polygon (consolidated) by the rule settled`."""
    return "; ".join(f"{one.provider} ({one.feed_scope}) by the rule {one.rule}" for one in witnesses)
