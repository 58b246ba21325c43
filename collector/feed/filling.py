"""Where a client reads what its resume could not bring back. Pure."""

from collections.abc import Iterable
from urllib.parse import urlencode

from collector.core.symbols import is_symbol
from collector.feed.protocol import iso
from collector.feed.subscriptions import ANY
from providers.market.types import MINUTE_US, Micros

MOST_SYMBOLS = 100
"""That `GET /bars` takes."""
OVERLAP_US = 15 * MINUTE_US
"""How long a write may take from its `recorded_at` until it is published: longer than any transaction and than the sweeper's turn."""


def recorded_since(*, gap_from: Micros, oldest_kept: Micros | None, now: Micros) -> Micros:
    """Everything published at or after `gap_from` was recorded at or after this.

    `oldest_kept`: the oldest `recorded_at` of kept batches that were published then. An outage of Valkey may lie between both
    times of a batch; for batches that are not kept any more there is the overlap.
    """
    begin = max(min(gap_from, now) - OVERLAP_US, 0)
    return begin if oldest_kept is None else min(begin, oldest_kept)


def fill_url(*, channels: Iterable[str], since: Micros) -> str | None:
    """Address of all bars of these channels that were recorded since a time; None when none of them is about bars that can be.

    Some more than the channels' bars may be there: filters of an address are a product, and a wildcard or more symbols than it
    takes leave the filter out.
    """
    pairs = [channel.split(".", 2)[1:] for channel in channels if channel.startswith("bars.")]
    if not pairs:
        return None
    intervals = {interval for interval, _ in pairs}
    symbols = {symbol for _, symbol in pairs if symbol == ANY or is_symbol(symbol)}
    if not symbols:
        return None
    query = [("recorded_since", iso(since))]
    if len(intervals) == 1 and ANY not in intervals:
        query += [("interval", interval) for interval in intervals]
    if len(symbols) <= MOST_SYMBOLS and ANY not in symbols:
        query.append(("symbol", ",".join(sorted(symbols))))
    return "/bars?" + urlencode(query)
