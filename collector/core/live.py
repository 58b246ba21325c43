"""When a plan is due and how its series become jobs. Pure."""

from collections.abc import Sequence

from providers.market.types import Micros


def boundary_of(now: Micros, *, cadence: Micros, lateness: Micros) -> Micros:
    """The newest boundary (multiple of `cadence`) that lies at least `lateness` back: slots ending by then are asked for."""
    return (now - lateness) // cadence * cadence


def split(members: Sequence[tuple[str, Micros]], *, most: int) -> list[tuple[list[str], Micros]]:
    """Jobs of at most `most` symbols out of (symbol, first open slot) pairs, with the earliest slot of each job.

    Series that wait for older slots share jobs, so that one straggler does not widen the window of a thousand.
    """
    ordered = sorted(members, key=lambda member: (member[1], member[0]))
    chunks = [ordered[i : i + most] for i in range(0, len(ordered), most)]
    return [([symbol for symbol, _ in chunk], chunk[0][1]) for chunk in chunks]
