"""Gaps as text for people and as maps for programs. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from collector.selectors.gaps import Gap
from providers.market.types import Interval, Micros, from_us

MOST_SPANS_SHOWN = 3
_HEADER = ("tier", "symbol", "mic", "interval", "session", "slots", "spans", "missing (UTC)")
_RIGHT = {5, 6}


def as_text(gaps: Sequence[Gap], *, limit: int) -> list[str]:
    """A line for each series and session that lacks something, `limit` of them at most, and the totals."""
    rows: defaultdict[tuple[Any, ...], list[Gap]] = defaultdict(list)
    for gap in sorted(gaps, key=_order):
        rows[gap.tier, gap.symbol, gap.mic, gap.series_id, gap.session].append(gap)
    shown = [_HEADER, *(_cells(of_session) for of_session in list(rows.values())[:limit])]
    widths = [max(len(line[column]) for line in shown) for column in range(len(_HEADER))]
    lines = [
        "  ".join(c.rjust(w) if n in _RIGHT else c.ljust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in shown
    ]
    if (more := len(rows) - limit) > 0:
        lines.append(f"and {more} more lines: see --limit and --json")
    return [*lines, "", *_totals(gaps)]


def as_json(gaps: Iterable[Gap]) -> list[dict[str, Any]]:
    """All of them, by tier, symbol and time."""
    return [one_as_json(gap) for gap in sorted(gaps, key=_order)]


def one_as_json(gap: Gap) -> dict[str, Any]:
    """What names the series, the session, and the span with its slots."""
    return {
        "symbol": gap.symbol,
        "mic": gap.mic,
        "interval": gap.interval.value,
        "hours": gap.hours.value,
        "adjustment": gap.adjustment.value,
        "tier": gap.tier,
        "session": gap.session.isoformat(),
        "start": _rfc3339(gap.start),
        "end": _rfc3339(gap.end),
        "slots": gap.slots,
    }


def _order(gap: Gap) -> tuple[Any, ...]:
    return gap.tier, gap.symbol, gap.mic, gap.interval.us, gap.series_id, gap.start


def _cells(of_session: Sequence[Gap]) -> tuple[str, ...]:
    gap = of_session[0]
    spans = [_span(one) for one in of_session[:MOST_SPANS_SHOWN]]
    more = [f"and {len(of_session) - MOST_SPANS_SHOWN} more"] * (len(of_session) > MOST_SPANS_SHOWN)
    return (
        gap.tier,
        gap.symbol,
        gap.mic,
        gap.interval.value
        + f" {gap.hours.value}" * (gap.hours.value != "regular")
        + f" {gap.adjustment.value}" * (gap.adjustment.value != "raw"),
        gap.session.isoformat(),
        str(sum(one.slots for one in of_session)),
        str(len(of_session)),
        ", ".join(spans + more),
    )


def _span(gap: Gap) -> str:
    start, end = from_us(gap.start), from_us(gap.end)
    if gap.interval is Interval.D1:
        return f"{start:%Y-%m-%d} to {from_us(gap.end - 1):%Y-%m-%d}"
    day = "" if start.date() == gap.session else f"{start:%m-%d} "
    return f"{day}{start:%H:%M}-{end:%H:%M}"


def _totals(gaps: Sequence[Gap]) -> list[str]:
    of_tier: defaultdict[str, list[Gap]] = defaultdict(list)
    for gap in gaps:
        of_tier[gap.tier].append(gap)
    return [_total(tier, of_tier[tier]) for tier in sorted(of_tier)] + [_total("all", gaps)] * (len(of_tier) > 1)


def _total(tier: str, gaps: Sequence[Gap]) -> str:
    series = len({gap.series_id for gap in gaps})
    return f"{tier}: {sum(gap.slots for gap in gaps):,} slots missing in {len(gaps):,} spans of {series:,} series"


def _rfc3339(instant: Micros) -> str:
    return from_us(instant).isoformat().replace("+00:00", "Z")
