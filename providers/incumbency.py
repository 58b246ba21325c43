"""Who holds the first place: kept while it is good enough, taken for a reason, given back only after a while. Pure.

Without memory two vendors of nearly the same score would take turns with every call.
"""

from collections.abc import Sequence

from providers.market.types import Micros
from providers.scoring import weakest
from providers.standing import HOLD_US, LEAD, LEAD_CALLS, Standing, Thresholds


def first_place(
    standings: Sequence[Standing], *, incumbent: str | None, thresholds: Thresholds, now: Micros
) -> tuple[str | None, str]:
    """The provider that holds the first place from now on, and why; None when nobody can hold it.

    A fair incumbent (at or above demote) stays, unless a better placed provider has been good (at or above promote) for
    `HOLD_US`, or the incumbent is not good and another leads by `LEAD`. While it is good no lead counts: else the policy's
    first choice would lose its place to a slightly better one and get it back at once.
    """
    able = sorted((s for s in standings if s.can_be_first), key=lambda s: s.rank)
    current = next((s for s in able if s.provider == incumbent), None)
    if not able:
        return None, "no provider of this policy can be asked as usual"
    if current is None:
        successor = _successor(able, thresholds)
        return successor.provider, _succession(successor, incumbent, standings)
    if (returning := _returning(able, current, thresholds, now)) is not None:
        held = HOLD_US // 60_000_000
        return returning.provider, (
            f"{returning.provider} is first again before {current.provider}: at or above {thresholds.promote:.2f} for {held} minutes"
        )
    if current.score.value < thresholds.demote:
        successor = _successor(able, thresholds)
        if successor.score.value >= thresholds.demote:
            return successor.provider, (
                f"{successor.provider} is first instead of {current.provider}: "
                f"H {current.score.value:.2f} is below {thresholds.demote:.2f} ({weakest(current.score)})"
            )
    if current.score.value < thresholds.promote and (leader := _leader(able, current)) is not None:
        return leader.provider, (
            f"{leader.provider} is first instead of {current.provider}: "
            f"H {leader.score.value:.2f} leads {current.score.quota * current.score.slow:.2f} of the last minutes"
            f" ({weakest(current.score)})"
        )
    return current.provider, f"{current.provider} stays first: H {current.score.value:.2f}"


def _successor(able: Sequence[Standing], thresholds: Thresholds) -> Standing:
    """The best placed of the good ones, else of the fair ones, else the best of a bad lot."""
    for least in (thresholds.promote, thresholds.demote):
        if (found := next((s for s in able if s.score.value >= least), None)) is not None:
            return found
    return max(able, key=lambda s: (s.score.value, -s.rank))


def _returning(able: Sequence[Standing], current: Standing, thresholds: Thresholds, now: Micros) -> Standing | None:
    return next(
        (
            s
            for s in able
            if s.rank < current.rank
            and s.score.value >= thresholds.promote
            and s.good_since is not None
            and now - s.good_since >= HOLD_US
        ),
        None,
    )


def _leader(able: Sequence[Standing], current: Standing) -> Standing | None:
    """The best placed that leads the incumbent's slow window: its trend, not the moment after one failed call."""
    mark = current.score.quota * current.score.slow + LEAD
    return next((s for s in able if s.score.calls >= LEAD_CALLS and s.score.value >= mark), None)


def _succession(successor: Standing, incumbent: str | None, standings: Sequence[Standing]) -> str:
    before = next((s for s in standings if s.provider == incumbent), None)
    if before is None:
        return f"{successor.provider} is first: the best placed at H {successor.score.value:.2f}"
    return f"{successor.provider} is first instead of {before.provider}, which can't be asked as usual"
