"""What a range costs and how far it is, as lines for people and as maps for programs. Pure."""

from collections.abc import Iterator
from typing import Any

from collector.selectors.history_cost import Cost
from collector.selectors.range_progress import RangeProgress
from collector.services.gap_scan import Scanned
from providers.market.types import SECOND_US, Micros

_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def cost_as_text(cost: Cost) -> Iterator[str]:
    """A line a provider, what all takes, and who is passed over."""
    if not cost.slots:
        return
    rows = [("provider", "slots", "calls", "at least")]
    rows += [(vendor.provider, f"{vendor.slots:,}", f"{vendor.requests:,}", time_text(vendor.time)) for vendor in cost.vendors]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *numbers in rows:
        yield "  ".join([name.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True))])
    yield from cost.notes


def cost_as_json(cost: Cost) -> dict[str, Any]:
    """Everything."""
    return {
        "slots": cost.slots,
        "jobs": cost.gaps,
        "seconds": _seconds(cost.time),
        "vendors": [
            {
                "provider": vendor.provider,
                "slots": vendor.slots,
                "calls": vendor.requests,
                "tokens": vendor.tokens,
                "seconds": _seconds(vendor.time),
            }
            for vendor in cost.vendors
        ],
        "notes": list(cost.notes),
    }


def progress_as_text(progress: RangeProgress) -> str:
    """One line that can be drawn over itself."""
    parts = [f"{progress.share:6.1%}", f"{progress.held:,} held", f"{progress.empty:,} empty", f"{progress.missing:,} missing"]
    parts += [f"{progress.open:,} jobs open"] if progress.open else []
    parts += [f"{progress.unattended:,} slots without a job yet"] if progress.unattended else []
    parts += [f"{progress.dead:,} jobs dead"] if progress.dead else []
    return ", ".join(parts)


def progress_as_json(progress: RangeProgress) -> dict[str, Any]:
    """Everything."""
    return {
        "expected": progress.expected,
        "held": progress.held,
        "empty": progress.empty,
        "missing": progress.missing,
        "unattended": progress.unattended,
        "jobs": dict(progress.jobs),
        "said": progress.said or None,
        "is_over": progress.is_over,
    }


def scanned_as_text(scanned: Scanned) -> str:
    """What a request made."""
    waiting = f"; {scanned.dropped:,} gaps wait for room in the lane" if scanned.dropped else ""
    return f"{scanned.enqueued:,} new jobs, {scanned.merged:,} gaps added to jobs that wait{waiting}"


def time_text(time: Micros | None) -> str:
    """`3 minutes`, rounded up; `for ever` where all of a budget is kept for live work."""
    if time is None:
        return "for ever: all of its budget is kept for live work"
    seconds = -(-time // SECOND_US)
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{-(-seconds // size):,} {unit}"
    return f"{seconds} s"


def _seconds(time: Micros | None) -> int | None:
    return None if time is None else -(-time // SECOND_US)
