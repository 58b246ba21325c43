"""Which of two differing values of a slot is held. Pure (design 3b)."""

from collections.abc import Mapping
from dataclasses import dataclass

from providers.market.types import Micros

UNRANKED = 1_000_000
"""Rank of a provider that no longer stands in the policy: behind all that do."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says so, and when it was asked."""

    provider_id: int
    asked_at: Micros
    is_withdrawn: bool = False
    """Taken back, by its vendor or an operator, at `asked_at`."""


def replaces(new: Claim, held: Claim, *, ranks: Mapping[int, int], is_settled: bool) -> bool:
    """Whether a differing new value takes the held one's place; otherwise it is kept as an alternate.

    A withdrawn value yields to whatever was asked for after it was taken back. `ranks`: provider → its place in the routing policy, 0
    first. `is_settled`: the slot had been closed for the new provider's `settle_after` when it was asked.
    """
    if held.is_withdrawn or new.provider_id == held.provider_id:
        return new.asked_at > held.asked_at
    return is_settled and ranks.get(new.provider_id, UNRANKED) < ranks.get(held.provider_id, UNRANKED)
