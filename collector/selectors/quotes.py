"""Quotes as the REST API and the admin show them: the newest of each instrument, and pages by instrument and time."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q

from collector.models import Instrument, LatestQuote, Quote
from collector.selectors.bars import provider_names
from collector.selectors.series import find_instruments
from providers.api_errors import ApiError
from providers.market.types import from_us, to_us

_CURSOR = re.compile(r"(\d{1,18})\.(-?\d{1,16})\.(\d{1,18})", re.ASCII)


class QuoteRow(NamedTuple):
    """One quote as its table has it."""

    instrument_id: int
    at: datetime
    provider_id: int
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    size_unit: str
    is_crossed: bool
    is_locked: bool
    has_vendor_time: bool
    rev: int
    received_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class QuotesQuery:
    """Quotes whose `at` lies in `[start, end)`, both aware."""

    symbols: tuple[str, ...]
    start: datetime
    end: datetime
    mic: str | None = None
    limit: int = 1000
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Quotes as JSON-ready maps, and the cursor of the next page, None after the last."""

    quotes: list[dict[str, Any]]
    next: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    """The last quote of the page before."""

    instrument_id: int
    at: datetime
    provider_id: int


def latest_quotes(*, symbols: Sequence[str], mic: str | None) -> list[dict[str, Any]]:
    """The newest quote of each symbol that has one, by symbol. Raises: ApiError for a symbol that there is not."""
    instruments = find_instruments(symbols=symbols, mic=mic)
    rows = LatestQuote.objects.filter(instrument__in=instruments).order_by("instrument__symbol", "instrument__mic")
    return as_json((QuoteRow(*row) for row in rows.values_list(*QuoteRow._fields)), {one.pk: one for one in instruments})


def quotes_page(query: QuotesQuery) -> Page:
    """One page of quotes, by symbol, time and provider. Raises: ApiError that names the parameter at fault."""
    if query.start >= query.end:
        raise ApiError(f"end: expected a time after start, {query.start.isoformat()}", code="empty_range", field="end")
    instruments = find_instruments(symbols=query.symbols, mic=query.mic)
    place = _place(query, instruments)
    begun = [one.pk for one in instruments].index(place.instrument_id) if place else 0
    rows: list[QuoteRow] = []
    for instrument in instruments[begun:]:
        rows += _read(instrument, query, place, most=query.limit + 1 - len(rows))
        place = None
        if len(rows) > query.limit:
            break
    kept = rows[: query.limit]
    last = kept[-1] if len(rows) > query.limit else None
    return Page(
        quotes=as_json(kept, {one.pk: one for one in instruments}),
        next=f"{last.instrument_id}.{to_us(last.at)}.{last.provider_id}" if last else None,
    )


def _read(instrument: Instrument, query: QuotesQuery, place: _Place | None, *, most: int) -> list[QuoteRow]:
    """One index range of an instrument; partitions outside of it are pruned."""
    rows = Quote.objects.filter(instrument=instrument, at__gte=query.start, at__lt=query.end)
    if place is not None:
        rows = rows.filter(Q(at__gt=place.at) | Q(provider__gt=place.provider_id), at__gte=place.at)
    return [QuoteRow(*row) for row in rows.order_by("at", "provider").values_list(*QuoteRow._fields)[:most]]


def _place(query: QuotesQuery, instruments: Iterable[Instrument]) -> _Place | None:
    if query.after is None:
        return None
    found = _CURSOR.fullmatch(query.after)
    place = None if found is None else _Place(int(found[1]), from_us(int(found[2])), int(found[3]))
    if place is None or place.instrument_id not in {one.pk for one in instruments} or not query.start <= place.at < query.end:
        raise ApiError("after: expected the `next` of an earlier page of this query", code="bad_cursor", field="after")
    return place


def as_json(rows: Iterable[QuoteRow], instruments: Mapping[int, Instrument]) -> list[dict[str, Any]]:
    """Quotes as the REST API shows them."""
    names = provider_names()
    return [
        {
            "symbol": instruments[row.instrument_id].symbol,
            "mic": instruments[row.instrument_id].mic,
            "at": row.at,
            "bid": row.bid,
            "ask": row.ask,
            "bid_size": row.bid_size,
            "ask_size": row.ask_size,
            "size_unit": row.size_unit or None,
            "crossed": row.is_crossed,
            "locked": row.is_locked,
            "has_vendor_time": row.has_vendor_time,
            "provider": names.get(row.provider_id),
            "rev": row.rev,
            "received_at": row.received_at,
            "recorded_at": row.recorded_at,
        }
        for row in rows
    ]
