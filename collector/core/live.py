"""When a plan is due and how its series become jobs. Pure."""

from collections.abc import Sequence

from providers.market.types import Interval, Micros

CLOCK_SKEW_CADENCES = 2


def boundary_of(now: Micros, *, cadence: Micros, lateness: Micros) -> Micros:
    """The newest boundary (multiple of `cadence`) that lies at least `lateness` back: slots ending by then are asked for."""
    return (now - lateness) // cadence * cadence


def is_planned(boundary: Micros, planned_through: Micros, *, cadence: Micros) -> bool:
    """Whether a plan for this boundary was made already.

    A mark somewhat ahead was set by a machine whose clock runs ahead; one far ahead by a clock that has been put right since, and
    believing it would stop collection until time catches up.
    """
    return boundary <= planned_through <= boundary + CLOCK_SKEW_CADENCES * cadence


def window_of(interval: Interval, *, cadence: Micros, least: Micros) -> Micros:
    """How far back live collection looks for a missing slot; what starts before it is a gap, and a backfill's work."""
    return max(least, 2 * interval.us, 2 * cadence)


def split(members: Sequence[tuple[str, Micros]], *, most: int) -> list[tuple[list[str], Micros]]:
    """Jobs of at most `most` symbols out of (symbol, first open slot) pairs, with the earliest slot of each job.

    Series that wait for older slots share jobs, so that stragglers widen the window of one job, not of all.
    """
    ordered = sorted(members, key=lambda member: (member[1], member[0]))
    chunks = [ordered[i : i + most] for i in range(0, len(ordered), most)]
    return [([symbol for symbol, _ in chunk], chunk[0][1]) for chunk in chunks]
