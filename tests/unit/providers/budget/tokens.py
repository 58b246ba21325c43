"""A noon, an allowance, and tokens that are taken of it."""

from providers.budget import (
    Allowance,
    Budget,
    Grant,
    take,
)
from providers.lanes import Lane
from providers.market.types import SECOND_US, Micros
from tests.builders import us

NOON = us("2027-03-10 12:00")
MIDNIGHT = us("2027-03-11 00:00")
SKEW = 2 * SECOND_US
PLAIN = Allowance(per_minute=300, live_reserve_percent=0)


def taken(budget: Budget, count: int, *, allowance: Allowance = PLAIN, lane: Lane = Lane.LIVE, now: Micros = NOON) -> Budget:
    """After a block that must be granted whole."""
    budget, grant = take(budget, allowance, wanted=count, lane=lane, now=now)
    assert grant.count == count
    return budget


def could(
    budget: Budget, *, wanted: int = 10_000, allowance: Allowance = PLAIN, lane: Lane = Lane.LIVE, now: Micros = NOON
) -> Grant:
    return take(budget, allowance, wanted=wanted, lane=lane, now=now)[1]
