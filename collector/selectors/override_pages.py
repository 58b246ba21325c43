"""Pages of calendar overrides."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.models import CalendarOverride, OverrideKind
from collector.selectors import cursors


@dataclass(frozen=True, slots=True)
class OverridesPage:
    """Overrides as JSON-ready maps, and the cursor of the next page, None after the last."""

    overrides: list[dict[str, Any]]
    next: str | None


def overrides_page(
    *, start: datetime | None, end: datetime | None, kind: OverrideKind | None, limit: int, after: str | None
) -> OverridesPage:
    """One page in the order in which they were said, of those that touch `[start, end)`. Raises: ApiError for a bad cursor."""
    rows = CalendarOverride.objects.select_related("instrument", "provider").order_by("pk")
    if start is not None:
        rows = rows.filter(end__gt=start)
    if end is not None:
        rows = rows.filter(start__lt=end)
    if kind is not None:
        rows = rows.filter(kind=kind)
    if after is not None:
        rows = rows.filter(pk__gt=cursors.decode(after, kind=int)[1])
    found = list(rows[: limit + 1])
    kept = found[:limit]
    return OverridesPage(
        overrides=[_as_json(row) for row in kept],
        next=cursors.encode(("override", kept[-1].pk)) if len(found) > limit else None,
    )


def _as_json(row: CalendarOverride) -> dict[str, Any]:
    instrument = row.instrument
    return {
        "id": row.pk,
        "kind": row.kind,
        "calendar": row.calendar or None,
        "mic": instrument.mic if instrument else row.mic or None,
        "symbol": instrument.symbol if instrument else None,
        "provider": row.provider.name if row.provider else None,
        "start": row.start,
        "end": row.end,
        "why": row.why,
        "who": row.who,
        "created_at": row.created_at,
    }
