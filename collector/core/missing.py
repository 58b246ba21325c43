"""Who sees to missing slots: spans that somebody claims, laid over the slots that are missing. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from collector.core.spans import Spans, inside
from providers.market.types import Micros, MicrosArray

About_co = TypeVar("About_co", covariant=True)
EVER: tuple[Micros, Micros] = (int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max))


class State(StrEnum):
    """What is being done about a missing slot."""

    FILLING = "filling"
    """An open job has it."""
    DEAD = "dead"
    """A dead job has it: an operator's turn."""
    ABANDONED = "abandoned"
    """Nobody wants it any more."""
    PENDING = "pending"
    """Nobody has it yet."""


class Wait(StrEnum):
    """Why nobody has a pending slot yet."""

    SETTLING = "settling"
    """It has just closed: the slowest provider of its route may not have it."""
    LIVE = "live"
    """Live collection still asks for it."""
    NEXT_SCAN = "next_scan"
    """Not scanned since it went missing, or without room under its cap: a later scan makes a job of it."""
    INACTIVE = "inactive"
    """The series is not collected."""


@dataclass(frozen=True, slots=True)
class Claim(Generic[About_co]):
    """Somebody's span, `[start, end)`: what is missing there is theirs."""

    start: Micros
    end: Micros
    about: About_co


@dataclass(frozen=True, slots=True)
class Part(Generic[About_co]):
    """Adjoining missing slots with one claim."""

    start: Micros
    end: Micros
    slots: int
    about: About_co


@dataclass(frozen=True, slots=True)
class Edges:
    """From which start on slots are still settling, or live collection's."""

    settled: Micros
    live: Micros

    def claims(self) -> tuple[Claim[Wait], ...]:
        """Of those whom nobody has, the weakest first."""
        return (
            Claim(*EVER, Wait.NEXT_SCAN),
            Claim(self.live, EVER[1], Wait.LIVE),
            Claim(self.settled, EVER[1], Wait.SETTLING),
        )


def parts_of(
    starts: MicrosArray, units: npt.NDArray[np.int64], step: int, claims: Sequence[Claim[About_co]]
) -> list[Part[About_co]]:
    """Missing slots cut where the claim changes, where they do not adjoin, and where the unit (session) does.

    The last claim that holds a slot's start has it; the claims together must hold all.
    """
    owner = np.full(len(starts), -1, dtype=np.int64)
    for number, claim in enumerate(claims):
        a, b = starts.searchsorted([claim.start, claim.end]).tolist()
        owner[a:b] = number
    assert (owner >= 0).all(), "a missing slot that nobody claims"
    cuts = (np.diff(starts) != step) | (np.diff(owner) != 0) | (np.diff(units) != 0)
    return [
        Part(int(starts[a]), int(starts[b - 1]) + step, b - a, claims[int(owner[a])].about)
        for a, b in _between(cuts, len(starts))
    ]


def shared_parts(starts: MicrosArray, step: int, sets: Sequence[Spans]) -> list[Part[tuple[int, ...]]]:
    """Slots cut where they do not adjoin, and where others of the `sets` hold them; each part with the positions of those that do."""
    held = np.array([inside(starts, spans) for spans in sets], dtype=bool).reshape(len(sets), len(starts))
    cuts = (np.diff(starts) != step) | (held[:, 1:] != held[:, :-1]).any(axis=0)
    return [
        Part(int(starts[a]), int(starts[b - 1]) + step, b - a, tuple(np.flatnonzero(held[:, a]).tolist()))
        for a, b in _between(cuts, len(starts))
    ]


def _between(cuts: npt.NDArray[np.bool_], count: int) -> Iterator[tuple[int, int]]:
    """First and beyond of the pieces of `count` positions."""
    return pairwise([0, *(np.flatnonzero(cuts) + 1).tolist(), count]) if count else iter(())
