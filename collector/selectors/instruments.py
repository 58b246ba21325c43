"""Pages of instruments with their series."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q

from collector.models import Instrument, Series
from collector.selectors import cursors


@dataclass(frozen=True, slots=True)
class InstrumentsPage:
    """Instruments as JSON-ready maps, and the cursor of the next page, None after the last."""

    instruments: list[dict[str, Any]]
    next: str | None


def instruments_page(
    *,
    prefix: str | None = None,
    tier: str | None = None,
    mic: str | None = None,
    asset_class: str | None = None,
    limit: int,
    after: str | None = None,
) -> InstrumentsPage:
    """One page by (symbol, MIC). `tier`: those that have a series of that tier. Raises: ApiError for a bad cursor."""
    rows = Instrument.objects.order_by("symbol", "mic").prefetch_related(
        Prefetch("series", Series.objects.order_by("interval", "hours", "adjustment"))
    )
    if prefix:
        rows = rows.filter(symbol__startswith=prefix)
    if tier:
        # A subquery, not a join: an instrument with two series of the tier is still one row.
        rows = rows.filter(pk__in=Series.objects.filter(tier=tier).values("instrument"))
    if mic:
        rows = rows.filter(mic=mic)
    if asset_class:
        rows = rows.filter(asset_class=asset_class)
    if after is not None:
        symbol, last_mic = cursors.decode(after, kind=str)
        rows = rows.filter(Q(symbol__gt=symbol) | Q(symbol=symbol, mic__gt=last_mic))
    found = list(rows[: limit + 1])
    kept = found[:limit]
    more = len(found) > limit
    return InstrumentsPage(
        instruments=[_as_json(instrument) for instrument in kept],
        next=cursors.encode((kept[-1].symbol, kept[-1].mic)) if more else None,
    )


def _as_json(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "mic": instrument.mic,
        "name": instrument.name,
        "asset_class": instrument.asset_class,
        "calendar": instrument.calendar,
        "listed_at": instrument.listed_at,
        "delisted_at": instrument.delisted_at,
        "series": [_series_as_json(series) for series in instrument.series.all()],
    }


def _series_as_json(series: Series) -> dict[str, Any]:
    return {
        "interval": series.interval,
        "hours": series.hours,
        "adjustment": series.adjustment,
        "tier": series.tier_id,
        "feed_scope": series.feed_scope or None,
        "is_active": series.is_active,
        "collect_from": series.collect_from,
        "collect_until": series.collect_until,
        "answered_through": series.answered_through,
    }
