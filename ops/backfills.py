"""Ranges that operators ask for: what one costs, asking for it, and how far it is. REST, the admin and `manage.py backfill` call nothing else.

Here it is checked who may and what can be had, and each request leaves its `AuditEntry` in the transaction of what it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction

from collector.models import Tier
from collector.selectors.asked_ranges import Windows, windows_of
from collector.selectors.gaps import find_gaps
from collector.selectors.history_cost import Cost, OutOfReach, cost_of
from collector.selectors.range_progress import RangeProgress, progress_of
from collector.selectors.scopes import Scope
from collector.selectors.series import find_instruments
from collector.services import history
from collector.services.gap_scan import Scanned
from ops.actors import Actor
from ops.audit import record
from providers.api_errors import ApiError, NotFound
from providers.market.types import Interval, to_us
from providers.services import policies

VIEW = "collector.view_backfill"
REQUEST = "collector.request_backfill"
MOST_SERIES = 1_000
"""What one request may be about: its cost is reckoned while somebody waits."""
MOST_DAYS = 1_830
"""How long a range of anything but days may be: five years of minutes around the clock are 2.6 million slots in memory."""
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is asked for: dates are sessions, both included; instants bound slots by their start. `series_ids` instead of symbols and tier."""

    start: date
    end: date
    symbols: Sequence[str] = ()
    tier: str | None = None
    mic: str | None = None
    interval: Interval | None = None
    series_ids: Sequence[int] | None = None

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        named = {
            "symbols": list(self.symbols),
            "tier": self.tier,
            "mic": self.mic,
            "interval": self.interval and self.interval.value,
            "series_ids": None if self.series_ids is None else list(self.series_ids),
            "start": str(self.start),
            "end": str(self.end),
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a range would take. `attended`: missing slots that somebody sees to already, which the cost does not count again."""

    windows: Windows
    missing: int
    cost: Cost

    @property
    def attended(self) -> int:
        return self.missing - self.cost.slots


@dataclass(frozen=True, slots=True)
class Requested:
    """What became of a request. `widened`: series of which the range was nobody's wish before."""

    estimate: Estimate
    widened: int
    scanned: Scanned


def estimate(actor: Actor, *, asked: Range, now: datetime) -> Estimate:
    """What it would take, changing nothing. Raises: ApiError (403, 404, 422) for what can't be asked or can't be had."""
    actor.require(VIEW)
    return _estimate(_windows(asked, now), asked, now)


def request(actor: Actor, *, asked: Range, now: datetime, reason: str = "") -> Requested:
    """Want the range from now on, and make jobs of what is missing. The same again makes only what nobody sees to. Raises: ApiError."""
    actor.require(REQUEST)
    windows = _windows(asked, now)
    found = _estimate(windows, asked, now)
    with transaction.atomic():
        widened = history.want(windows.within)
        _record(actor, asked, found, widened, now=now, reason=reason)
    scanned = history.make_jobs(windows.within, start=asked.start, end=asked.end, now=to_us(now), snapshot=policies.current())
    return Requested(found, widened, scanned)


def progress(actor: Actor, *, asked: Range, now: datetime) -> RangeProgress:
    """How far the wanted part of the range is. Raises: ApiError (403, 404, 422)."""
    actor.require(VIEW)
    windows = _windows(asked, now)
    return progress_of(windows.within, start=asked.start, end=asked.end, now=to_us(now), snapshot=policies.current())


def _windows(asked: Range, now: datetime) -> Windows:
    """The series and what of the range each can have. Raises: ApiError where there is none."""
    _check(asked)
    scope = _scope(asked)
    windows = windows_of(scope, start=asked.start, end=asked.end, now=to_us(now), most=MOST_SERIES + 1)
    if len(windows.within) + len(windows.outside) > MOST_SERIES:
        raise ApiError(f"expected at most {MOST_SERIES:,} series at once, these are more", code="too_many_series")
    if not windows.within and not windows.outside:
        raise NotFound("no active series fits", code="no_series")
    if not windows.within:
        raise ApiError(f"nothing to fill: {_some(windows.outside)}", code="outside_of_listing", field="start")
    return windows


def _check(asked: Range) -> None:
    start, end = asked.start, asked.end
    if isinstance(start, datetime) == isinstance(end, datetime) and end < start:
        raise ApiError(f"expected nothing before the start ({start}), got {end}", code="bad_range", field="end")
    days = _date(end) - _date(start)
    if asked.interval is not Interval.D1 and days > timedelta(days=MOST_DAYS):
        raise ApiError(
            f"expected at most {MOST_DAYS:,} days at once, or interval 1d, got {days.days:,} days",
            code="range_too_long",
            field="end",
        )
    if not asked.symbols and asked.tier is None and asked.series_ids is None:
        raise ApiError("name symbols, a tier, or both", code="no_symbols", field="symbols")
    if asked.tier is not None and not Tier.objects.filter(pk=asked.tier).exists():
        raise NotFound(f"unknown tier {asked.tier!r}", code="unknown_tier", field="tier")


def _scope(asked: Range) -> Scope:
    if asked.symbols:
        find_instruments(symbols=asked.symbols, mic=asked.mic)  # it names one that is unknown, and venues to choose from
    return Scope(
        tiers=None if asked.tier is None else [asked.tier],
        symbols=list(asked.symbols) or None,
        mic=asked.mic,
        interval=asked.interval,
        series_ids=asked.series_ids,
    )


def _estimate(windows: Windows, asked: Range, now: datetime) -> Estimate:
    """Raises: ApiError (422) where no provider can deliver what is missing."""
    snapshot, at = policies.current(), to_us(now)
    scope = Scope(series_ids=windows.series_ids, as_if_asked=True)
    gaps = partial(find_gaps, scope=scope, snapshot=snapshot, now=at, start=asked.start, end=asked.end)
    missing = sum(gap.slots for gap in gaps())
    cost = cost_of(gaps(unattended=True), snapshot=snapshot, now=at)
    if cost.out_of_reach:
        raise _out_of_reach(cost.out_of_reach, asked)
    return Estimate(windows, missing, cost)


def _out_of_reach(found: Sequence[OutOfReach], asked: Range) -> ApiError:
    """Names each provider's limit, and the part that can be had."""
    lines = []
    for one in found:
        why = "; ".join(one.reasons) or f"no provider in the policy for {one.capability} of {one.tier}"
        lines.append(f"{one.slots:,} slots of {one.capability} of {one.tier} can't be had: {why}")
    since = [one.since for one in found]
    last = _date(asked.end)
    days = [day for day in since if day is not None]
    if len(days) == len(since) and max(days) <= last:
        lines.append(f"What can be had begins at {max(days)}: ask from there on (--from {max(days)})")
        return ApiError(". ".join(lines), code="beyond_history", field="start")
    is_routed = all(one.reasons for one in found)
    return ApiError(". ".join(lines), code="beyond_history" if is_routed else "no_provider", field="start")


def _date(bound: date) -> date:
    return bound.date() if isinstance(bound, datetime) else bound


def _record(actor: Actor, asked: Range, found: Estimate, widened: int, *, now: datetime, reason: str) -> None:
    calls = {vendor.provider: vendor.requests for vendor in found.cost.vendors}
    record(
        who=actor.who,
        through=actor.through,
        action="backfill_request",
        now=now,
        about=asked.as_json(),
        counts={"series": len(found.windows.within), "widened": widened, "slots": found.cost.slots, "calls": calls},
        reason=reason,
    )


def _some(sentences: Sequence[str]) -> str:
    more = f"; and {len(sentences) - _NAMED:,} more" if len(sentences) > _NAMED else ""
    return "; ".join(sentences[:_NAMED]) + more
