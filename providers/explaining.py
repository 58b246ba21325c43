"""An explanation of routing as text for a terminal and as JSON for programs."""

from collections.abc import Iterator
from typing import Any

from providers.breaker import Phase
from providers.lanes import Lane
from providers.market.types import Micros, from_us
from providers.routing import PROBE_SYMBOLS, TRIAL_SYMBOLS, Use
from providers.scoring import weakest
from providers.selectors.explanations import Explained, Explanation

WORK = {Lane.LIVE: "live work", Lane.HISTORY: "history work"}
HOW = {
    Use.NORMAL: "for all that is missing",
    Use.PROBE: f"for {PROBE_SYMBOLS} symbols one by one, to see whether it is back",
    Use.TRIAL: f"for {TRIAL_SYMBOLS} symbols, so that it can earn its way back",
    Use.GENTLE: "for all that is missing, one call at a time, no more after the first failure",
}
_COLUMNS = ("provider", "H", "availability", "completeness", "freshness", "slow", "quota", "breaker", "budget")


def nobody(explanation: Explanation) -> str | None:
    """Why there is nothing to explain; None where there is."""
    if explanation.number is None:
        return "No policy version is active, so nobody is asked: manage.py reload_config makes the draft active."
    if explanation.policy is None:
        return f"No policy of version {explanation.number} is about {explanation.capability} for tier {explanation.tier}."
    return None


def as_text(explanation: Explanation) -> Iterator[str]:
    """Lines for a terminal."""
    if (why := nobody(explanation)) is not None:
        yield why
        return
    assert explanation.policy is not None
    yield (
        f"{explanation.capability} for tier {explanation.tier}, {WORK[explanation.lane]}, "
        f"by policy version {explanation.number}, at {_time(explanation.at)}"
    )
    yield f"Policy of {explanation.policy.about}: {', '.join(explanation.policy.providers)}   [{explanation.policy.source}]"
    yield first_place(explanation)
    yield f"Now: {explanation.decision.why}"
    yield ""
    yield from _asked(explanation)
    yield ""
    yield from _table(explanation)


def first_place(explanation: Explanation) -> str:
    """Who holds it by its row, since when and why it was given."""
    if explanation.first is None:
        return "First place: nobody's yet, the first job takes one"
    first = explanation.first
    return f"First place: {first.provider.name} since {first.since:%Y-%m-%d %H:%M:%S} UTC ({first.why})"


def steps(explanation: Explanation) -> list[tuple[str, Use, str]]:
    """Provider, use and what that means, in the order of asking."""
    return [(step.provider, step.use, HOW[step.use]) for step in explanation.decision.steps]


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Everything, for programs."""
    first, policy = explanation.first, explanation.policy
    return {
        "capability": explanation.capability,
        "tier": explanation.tier,
        "lane": explanation.lane,
        "at": _iso(explanation.at),
        "policy_version": None if explanation.number is None else str(explanation.number),
        "policy": None if policy is None else {"about": policy.about, "providers": policy.providers, "source": policy.source},
        "first_place": None
        if first is None
        else {"provider": first.provider.name, "since": _iso_of(first.since), "why": first.why},
        "why": nobody(explanation) or explanation.decision.why,
        "retry_at": _iso(explanation.decision.retry_at),
        "steps": [{"provider": step.provider, "use": step.use} for step in explanation.decision.steps],
        "skipped": [{"provider": one.provider, "reason": one.reason} for one in explanation.decision.skipped],
        "providers": [_provider_json(one) for one in explanation.providers],
    }


def breaker_words(one: Explained) -> tuple[str, str]:
    """The state that counts in a word or two, and more about it: how long, whose word it is."""
    standing = one.standing
    if not standing.is_enabled:
        return "switched off", ""
    if standing.isolated_reason:
        return "isolated", ""
    if one.forced is not None:
        return f"forced {standing.phase}", f"until {_time(one.forced.until)} by {one.forced.by}: {one.forced.reason}"
    if standing.phase is Phase.OPEN:
        return "open", f"until {_clock(standing.open_until)} (trip {one.trips})"
    return standing.phase.replace("_", "-"), ""


def budget_text(one: Explained) -> str:
    """What the lane could get now, or why nothing."""
    if one.room.count:
        return f"{one.room.count} requests"
    until = f" until {_clock(one.room.blocked_until)}" if one.room.blocked_until is not None else ""
    return f"nothing{until}: {one.room.reason}"


def _asked(explanation: Explanation) -> Iterator[str]:
    found = steps(explanation)
    yield "Asked, in this order:" if found else "Nobody is asked."
    for number, (provider, use, how) in enumerate(found, start=1):
        yield f"  {number}. {provider}: {use}, {how}"
    if explanation.decision.skipped:
        yield "Not asked:"
    for skipped in explanation.decision.skipped:
        yield f"  {skipped.provider}: {skipped.reason}"
    if explanation.decision.retry_at is not None:
        yield f"This may change by itself at {_time(explanation.decision.retry_at)}"


def _table(explanation: Explanation) -> Iterator[str]:
    rows = [_COLUMNS, *(_row(one) for one in explanation.providers)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield "Two numbers: of the last minute or so, and of the last ten; H is what the worse of both leaves"


def _row(one: Explained) -> tuple[str, ...]:
    score = one.standing.score
    return (
        one.provider,
        f"{score.value:.2f} ({weakest(score)})",
        f"{score.availability_fast:.2f} {score.availability_slow:.2f}",
        f"{score.completeness_fast:.2f} {score.completeness_slow:.2f}",
        f"{score.freshness_fast:.2f} {score.freshness_slow:.2f}",
        f"{score.slowness_fast:.2f} {score.slowness_slow:.2f}",
        f"{score.quota:.2f}",
        " ".join(breaker_words(one)).strip(),
        budget_text(one),
    )


def _provider_json(one: Explained) -> dict[str, Any]:
    standing, forced = one.standing, one.forced
    return {
        "provider": one.provider,
        "rank": standing.rank,
        "uses": one.uses,
        "reason": one.reason,
        "score": round(standing.score.value, 4),
        "parts": standing.score.to_json(),
        "good_since": _iso(standing.good_since),
        "used_at": _iso(standing.used_at),
        "phase": standing.phase,
        "open_until": _iso(standing.open_until),
        "trips": one.trips,
        "forced": None if forced is None else {"until": _iso(forced.until), "reason": forced.reason, "by": forced.by},
        "isolated": standing.isolated_reason,
        "refusal": standing.refusal,
        "budget": {
            "requests": one.room.count,
            "retry_at": _iso(one.room.retry_at),
            "blocked_until": _iso(one.room.blocked_until),
            "reason": one.room.reason,
            "quota_left": round(one.room.quota_share, 4),
        },
    }


def _time(at: Micros) -> str:
    return f"{from_us(at):%Y-%m-%d %H:%M:%S} UTC"


def _clock(at: Micros | None) -> str:
    return "an unknown time" if at is None else f"{from_us(at):%H:%M:%S} UTC"


def _iso(at: Micros | None) -> str | None:
    return None if at is None else _iso_of(from_us(at))


def _iso_of(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))
