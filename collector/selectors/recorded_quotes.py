"""Quotes by the time they were recorded: what makes a client whole that missed a span of the feed. Read as `recorded_bars` reads."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from collector.models import Instrument
from collector.selectors.quotes import Page, QuoteRow, as_json
from collector.selectors.recorded_bars import growing_spans
from providers.api_errors import ApiError
from providers.market.types import from_us, to_us

_CURSOR = re.compile(r"(\d{1,16})\.(\d{1,18})\.(-?\d{1,16})\.(\d{1,18})", re.ASCII)
_KEY = "recorded_at, instrument_id, at, provider_id"
_ROWS = f"""
SELECT {", ".join(QuoteRow._fields)} FROM collector_quote
WHERE recorded_at >= %(since)s AND (%(until)s::timestamptz IS NULL OR recorded_at < %(until)s)
  AND ({_KEY}) > (%(recorded_at)s, %(instrument_id)s, %(at)s, %(provider_id)s)
  AND (%(ids)s::bigint[] IS NULL OR instrument_id = ANY(%(ids)s))
ORDER BY {_KEY} LIMIT %(limit)s
"""  # noqa: S608  # made of constants; values are bound


@dataclass(frozen=True, slots=True)
class RecordedQuery:
    """Quotes recorded in `[since, until)`, both aware; `until` None: to the newest. The rest are filters, None or empty: all."""

    since: datetime
    until: datetime | None = None
    symbols: tuple[str, ...] = ()
    mic: str | None = None
    limit: int = 1000
    after: str | None = None


def recorded_page(query: RecordedQuery, *, now: datetime) -> Page:
    """One page of quotes, by the time they were recorded. Raises: ApiError that names the parameter at fault."""
    if query.until is not None and query.until <= query.since:
        text = f"recorded_until: expected a time after recorded_since, {query.since.isoformat()}"
        raise ApiError(text, code="empty_range", field="recorded_until")
    rows = _rows(query, now)
    kept = rows[: query.limit]
    instruments = Instrument.objects.in_bulk({row.instrument_id for row in kept})
    return Page(quotes=as_json(kept, instruments), next=_cursor(kept[-1]) if len(rows) > query.limit else None)


def _rows(query: RecordedQuery, now: datetime) -> list[QuoteRow]:
    """One more than the page holds, if there are."""
    after, ids = _start(query), _instrument_ids(query)
    if ids == []:
        return []
    rows: list[QuoteRow] = []
    with connection.cursor() as cursor:
        for since, until in growing_spans(after["recorded_at"], query.until, now):
            most = query.limit + 1 - len(rows)
            cursor.execute(_ROWS, {**after, "ids": ids, "since": since, "until": until, "limit": most})
            rows += [QuoteRow(*row) for row in cursor.fetchall()]
            if len(rows) > query.limit:
                break
    return rows


def _instrument_ids(query: RecordedQuery) -> list[int] | None:
    """Which instruments; None when all. A symbol that there is not (yet) is no error, as in the feed's channels."""
    wanted = {"symbol__in": query.symbols or None, "mic": query.mic}
    filters: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    return list(Instrument.objects.filter(**filters).values_list("pk", flat=True)) if filters else None


def _cursor(row: QuoteRow) -> str:
    return f"{to_us(row.recorded_at)}.{row.instrument_id}.{to_us(row.at)}.{row.provider_id}"


def _start(query: RecordedQuery) -> dict[str, Any]:
    """The key behind which the page begins."""
    if query.after is None:
        return {"recorded_at": query.since, "instrument_id": 0, "at": query.since, "provider_id": 0}
    found = _CURSOR.fullmatch(query.after)
    recorded_at = None if found is None else from_us(int(found[1]))
    if (
        found is None
        or recorded_at is None
        or recorded_at < query.since
        or (query.until is not None and recorded_at >= query.until)
    ):
        raise ApiError("after: expected the `next` of an earlier page of this query", code="bad_cursor", field="after")
    return {
        "recorded_at": recorded_at,
        "instrument_id": int(found[2]),
        "at": from_us(int(found[3])),
        "provider_id": int(found[4]),
    }
