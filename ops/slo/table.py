"""How the objectives stand, as text for people and as maps for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.slo.checking import Cause, Report, Standing
from providers.market.types import Interval, Micros, from_us

_HEADER = ("tier", "interval", "objective", "sampled", "behind", "rate")
_RIGHT = {2, 3, 4, 5}
_DOING = {"filling": "being filled", "dead": "a dead letter: an operator's turn"}


def as_text(report: Report) -> list[str]:
    """A line for each tier and interval, below it the worst series; then what could not be looked at."""
    rows = [_HEADER, *map(_cells, report.standings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = [_line(rows[0], widths)] if report.standings else []
    for row, standing in zip(rows[1:], report.standings, strict=True):
        lines.append(_line(row, widths) + ("" if standing.is_met else "  MISSED"))
        lines += _worst(standing)
    lines += [f"{tier}: no active series is collected at that time" for tier in report.idle]
    return [*lines, *report.faults]


def as_json(report: Report, *, is_exact: bool) -> dict[str, Any]:
    """The same. Times are RFC 3339, UTC; shares between 0 and 1."""
    return {
        "at": _rfc3339(report.at),
        "exact": is_exact,
        "met": not report.is_missed,
        "objectives": [
            {
                "tier": one.tier,
                "interval": one.interval.value,
                "objective": one.objective,
                "sampled": one.freshness.sampled,
                "violating": one.freshness.behind,
                "rate": one.freshness.rate,
                "met": one.is_met,
                "interior_missing": one.freshness.interior_missing,
                "worst": [
                    {
                        "symbol": worst.symbol,
                        "mic": worst.mic,
                        "last": None if worst.last is None else _rfc3339(worst.last),
                        "cause": cause and cause.cause,
                        "state": cause and cause.state,
                    }
                    for worst, cause in one.worst
                ],
            }
            for one in report.standings
        ],
        "idle": list(report.idle),
        "not_looked_at": list(report.faults),
    }


def percent(share: float) -> str:
    """`0.5 %`, at most two digits behind the point."""
    return f"{round(share * 100, 2):g} %"


def _cells(one: Standing) -> tuple[str, ...]:
    seen = one.freshness
    return one.tier, one.interval.value, percent(one.objective), f"{seen.sampled:,}", f"{seen.behind:,}", percent(seen.rate)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.rjust(width) if column in _RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )


def _worst(standing: Standing) -> list[str]:
    symbols = [_symbol(one.symbol, one.mic) for one, _ in standing.worst]
    width = max(map(len, symbols), default=0)
    lines = [
        f"  {symbol.ljust(width)}  {_known(one.last, standing.interval)}{_why(cause)}"
        for symbol, (one, cause) in zip(symbols, standing.worst, strict=True)
    ]
    more = standing.freshness.behind - len(lines)
    return lines + ([f"  and {more:,} more"] if more else [])


def _symbol(symbol: str, mic: str) -> str:
    return symbol if mic == "XXXX" else f"{symbol} ({mic})"


def _known(last: Micros | None, interval: Interval) -> str:
    """The end of what is known; of daily bars the day of the newest."""
    if last is None:
        return "nothing known".ljust(28)
    if interval is Interval.D1:
        return f"known until {from_us(last - 1):%Y-%m-%d}".ljust(28)
    return f"known until {from_us(last):%Y-%m-%d %H:%M}"


def _why(cause: Cause | None) -> str:
    if cause is None:
        return ""
    doing: Mapping[str, str] = _DOING
    return f"  {cause.cause}" + (f", {doing[cause.state]}" if cause.state in doing else "")


def _rfc3339(instant: Micros) -> str:
    return from_us(instant).isoformat().replace("+00:00", "Z")
