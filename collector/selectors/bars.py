"""Pages of bars for the REST API and the admin's browser view."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.core.aggregation import DERIVED, Anchor
from collector.models import Series
from collector.selectors import cursors, derived_bars
from collector.selectors.bar_rows import BarRow, Position, read_rows
from collector.selectors.series import find_series
from providers.api_errors import ApiError
from providers.market.types import Adjustment, Hours, Interval, from_us, to_us
from providers.models import Provider

INSTANT = timedelta(microseconds=1)
"""Resolution of a cursor: a page goes on one instant after the last bar."""


@dataclass(frozen=True, slots=True)
class BarsQuery:
    """What bars are asked for: `[start, end)`, both aware; `source` None means derived where an interval can be."""

    symbols: tuple[str, ...]
    interval: Interval
    start: datetime
    end: datetime
    mic: str | None = None
    hours: Hours | None = None
    adjustment: Adjustment | None = None
    source: str | None = None
    anchor: Anchor = Anchor.SESSION
    as_of: datetime | None = None
    withdrawn: bool = False
    limit: int = 1000
    after: str | None = None

    @property
    def is_derived(self) -> bool:
        """Whether bars are made from 1m on read. Raises: ApiError for an interval that is never derived."""
        if self.source == "derived" and self.interval not in DERIVED:
            offered = ", ".join(DERIVED)
            raise ApiError(
                f"source: derived bars exist for {offered}, not for {self.interval}", code="not_derived", field="source"
            )
        return self.source != "native" and self.interval in DERIVED


@dataclass(frozen=True, slots=True)
class Page:
    """Bars as JSON-ready maps, and the cursor of the next page, None after the last."""

    bars: list[dict[str, Any]]
    next: str | None


def bars_page(query: BarsQuery) -> Page:
    """One page of bars, by symbol and time. Raises: ApiError that names the parameter at fault."""
    if query.start >= query.end:
        raise ApiError(f"end: expected a time after start, {query.start.isoformat()}", code="empty_range", field="end")
    series = find_series(
        symbols=query.symbols,
        mic=query.mic,
        interval=Interval.M1 if query.is_derived else query.interval,
        hours=query.hours,
        adjustment=query.adjustment,
    )
    positions = _positions(series, query)
    by_id = {s.pk: s for s in series}
    if query.is_derived:
        return _derived_page(positions, by_id, query)
    rows = read_rows(
        positions=positions,
        interval=query.interval,
        start=query.start,
        end=query.end,
        limit=query.limit + 1,
        as_of=query.as_of,
        with_withdrawn=query.withdrawn,
    )
    more = len(rows) > query.limit
    kept = rows[: query.limit]
    return Page(
        bars=as_json(rows=kept, series=by_id),
        next=cursors.encode((by_id[kept[-1].series_id].instrument.symbol, to_us(kept[-1].start))) if more else None,
    )


def _derived_page(positions: list[Position], by_id: dict[int, Series], query: BarsQuery) -> Page:
    names = provider_names()
    bars: list[dict[str, Any]] = []
    budget = derived_bars.Budget()
    for position in positions:
        series = by_id[position.series_id]
        found = derived_bars.derive(
            series=series,
            interval=query.interval,
            anchor=query.anchor,
            since=position.since,
            end=query.end,
            as_of=query.as_of,
            most=query.limit - len(bars),
            budget=budget,
        )
        bars += derived_bars.as_json(found=found, series=series, interval=query.interval, names=names)
        if found.given_through is not None:
            return Page(bars=bars, next=cursors.encode((series.instrument.symbol, found.given_through)))
    return Page(bars=bars, next=None)


def _positions(series: Sequence[Series], query: BarsQuery) -> list[Position]:
    """Where each series is read from, those before the cursor left out."""
    if query.after is None:
        return [Position(series_id=s.pk, since=query.start) for s in series]
    symbol, through = cursors.decode(query.after, kind=int)
    at = next((i for i, s in enumerate(series) if s.instrument.symbol == symbol), None)
    if at is None or not isinstance(through, int) or not to_us(query.start) <= through + 1 <= to_us(query.end):
        raise ApiError("after: this cursor belongs to another query", code="bad_cursor", field="after")
    following = [Position(series_id=s.pk, since=query.start) for s in series[at + 1 :]]
    return [Position(series_id=series[at].pk, since=from_us(through) + INSTANT), *following]


def as_json(*, rows: Sequence[BarRow], series: dict[int, Series]) -> list[dict[str, Any]]:
    """Held bars as the REST API shows them."""
    names = provider_names()
    return [
        {
            "symbol": series[row.series_id].instrument.symbol,
            "mic": series[row.series_id].instrument.mic,
            "interval": series[row.series_id].interval,
            "hours": series[row.series_id].hours,
            "adjustment": series[row.series_id].adjustment,
            "start": row.start,
            "open": row.open,
            "high": row.high,
            "low": row.low,
            "close": row.close,
            "volume": row.volume,
            "vwap": row.vwap,
            "trade_count": row.trade_count,
            "provider": names.get(row.provider_id),
            "rev": row.rev,
            "received_at": row.received_at,
            "recorded_at": row.recorded_at,
            "complete": True,
            "withdrawn": row.withdrawn_by is not None,
        }
        for row in rows
    ]


def provider_names() -> dict[int, str]:
    """Names of all providers by id."""
    return dict(Provider.objects.values_list("pk", "name"))
