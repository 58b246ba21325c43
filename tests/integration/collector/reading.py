"""What the tables hold, as plain values."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import connection

from collector.core.spans import NO_SPANS, from_multirange
from collector.models import Bar, BarRevision, DailyBar, FeedBatch, Series
from providers.market.types import MINUTE_US, Micros, to_us


def held(series: Series) -> dict[Micros, Any]:
    """Held bars by start."""
    table = DailyBar if series.interval == "1d" else Bar
    return {to_us(bar.start): bar for bar in table.objects.filter(series=series).order_by("start")}


def closes(series: Series) -> dict[Micros, float]:
    """Closes by start."""
    return {start: bar.close for start, bar in held(series).items()}


def coverage(series: Series) -> tuple[list[list[Micros]], list[list[Micros]]]:
    """(held, empty) spans over all sessions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT range_agg(held), range_agg(empty) FROM collector_coverage WHERE series_id = %s", [series.pk])
        spans = [NO_SPANS if s is None else from_multirange(s) for s in cursor.fetchone()]
    return spans[0].tolist(), spans[1].tolist()


def void(series: Series) -> list[list[Micros]]:
    """Spans of rows that are there and count for nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT range_agg(void) FROM collector_coverage WHERE series_id = %s", [series.pk])
        found = cursor.fetchone()[0]
    return [] if found is None else from_multirange(found).tolist()


def messages() -> list[dict[str, Any]]:
    """Messages of all batches in the order of their rows."""
    return [m for row in FeedBatch.objects.order_by("id") for m in json.loads(bytes(row.messages))]


def counted_messages() -> Counter[tuple[str, str, int]]:
    """How often each (symbol, start, rev) was told."""
    return Counter((m["symbol"], m["start"], m["rev"]) for m in messages() if m["type"] == "bar")


def known_at(series: Series, instant: Micros) -> dict[Micros, float]:
    """Closes that were held at an instant: the held bar or the revision that was valid then."""
    known = {}
    for bar in Bar.objects.filter(series=series):
        if to_us(bar.recorded_at) <= instant:
            known[to_us(bar.start)] = bar.close
    for old in BarRevision.objects.filter(series=series):
        if to_us(old.recorded_at) <= instant < to_us(old.replaced_at):
            assert to_us(old.start) not in known
            known[to_us(old.start)] = old.close
    return known


def spans(starts: Sequence[Micros], step: Micros = MINUTE_US) -> list[list[Micros]]:
    """Spans of ascending starts, the slow way."""
    joined: list[list[Micros]] = []
    for start in starts:
        if joined and joined[-1][1] == start:
            joined[-1][1] = start + step
        else:
            joined.append([start, start + step])
    return joined
