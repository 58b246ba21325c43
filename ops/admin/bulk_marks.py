"""How far a bulk operation is, as lists and pages show it."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from collector.core.bulk import TICK_SECONDS, told_time
from ops.bulk import reading
from ops.models import BulkKind, BulkOperation, BulkState

TONES = {BulkState.RUNNING: "md-mid", BulkState.PAUSED: "md-bad", BulkState.DONE: "md-good", BulkState.CANCELLED: ""}
_CAUSES = {"gone": "no longer dead", "series_inactive": "of inactive series", "abandoned": "abandoned"}


def progress_bar(operation: BulkOperation) -> SafeString:
    """A bar of what became of the jobs, and the same in words."""
    widths = [(tone, f"{100 * count / operation.matched:.2f}") for tone, count in _parts(operation) if count]
    bar = format_html_join("", '<i class="{}" style="width: {}%"></i>', widths)
    done, *rest = _words(operation)
    return format_html(
        '<div><div class="md-bar" aria-hidden="true">{}</div><strong>{}</strong> <span class="md-faint">{}</span></div>',
        bar,
        done,
        " · ".join(rest),
    )


def throttle(operation: BulkOperation) -> str:
    """Jobs of a tick, and how long the rest takes at least."""
    seconds = reading.seconds_left(operation)
    if seconds is None:
        return "none: it has ended"
    rest = f", at least {told_time(seconds)} for the rest" if seconds else ""
    return f"{operation.chunk:,} jobs every {TICK_SECONDS} s{rest}"


def _parts(operation: BulkOperation) -> list[tuple[str, int]]:
    skipped = sum(reading.skipped_of(operation).values())
    if operation.kind == BulkKind.DISCARD:
        return [("md-bar-done", operation.done), ("md-bar-skipped", skipped)]
    return [
        ("md-bar-filled", operation.filled),
        ("md-bar-dead", operation.dead_again),
        ("md-bar-done", reading.open_of(operation)),
        ("md-bar-skipped", skipped),
    ]


def _words(operation: BulkOperation) -> list[str]:
    """Each count that is not zero; the first one always."""
    is_requeue = operation.kind == BulkKind.REQUEUE
    counts = [
        (operation.filled, "filled"),
        (operation.dead_again, "dead again"),
        (reading.open_of(operation), "still open"),
        (operation.left, "left dead" if operation.state == BulkState.CANCELLED else "left"),
        (operation.at_cap, "of them at their tier's cap"),
        *((count, _CAUSES[cause]) for cause, count in reading.skipped_of(operation).items()),
    ]
    done = f"{operation.done:,} of {operation.matched:,} {'requeued' if is_requeue else 'discarded'}"
    return [done, *(f"{count:,} {word}" for count, word in counts if count)]
