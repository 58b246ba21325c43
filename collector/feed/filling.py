"""Where a client reads what its resume could not bring back. Pure."""

from collections.abc import Iterable
from urllib.parse import urlencode

from collector.core.messages import iso
from collector.core.symbols import is_symbol
from collector.feed.subscriptions import ANY
from providers.market.types import MINUTE_US, Micros

MOST_SYMBOLS = 100
"""That `GET /bars` and `GET /quotes` take."""
OVERLAP_US = 15 * MINUTE_US
"""How long a write may take from its `recorded_at` until it is published: longer than any transaction and than the sweeper's turn."""


def recorded_since(*, gap_from: Micros, oldest_kept: Micros | None, now: Micros) -> Micros:
    """Everything published at or after `gap_from` was recorded at or after this.

    `oldest_kept`: the oldest `recorded_at` of kept batches that were published then or have no stamp yet. An outage of Valkey may
    lie between both times of a batch; for batches that are not kept any more there is the overlap.
    """
    begin = max(min(gap_from, now) - OVERLAP_US, 0)
    return begin if oldest_kept is None else min(begin, oldest_kept)


def fill_urls(*, channels: Iterable[str], since: Micros) -> tuple[str, ...]:
    """Addresses of everything of these channels that was recorded since a time: of bars, of quotes; none of a kind that can't be.

    Some more than the channels' may be there: filters of an address are a product, and a wildcard or more symbols than it takes
    leave the filter out.
    """
    bars = [channel.split(".", 2)[1:] for channel in channels if channel.startswith("bars.")]
    quotes = {channel.partition(".")[2] for channel in channels if channel.startswith("quotes.")}
    intervals = {interval for interval, _ in bars}
    of_interval = [("interval", one) for one in intervals] if len(intervals) == 1 and ANY not in intervals else []
    found = (
        _url("/bars", since, {symbol for _, symbol in bars}, of_interval),
        _url("/quotes", since, quotes, []),
    )
    return tuple(url for url in found if url is not None)


def _url(path: str, since: Micros, symbols: Iterable[str], filters: Iterable[tuple[str, str]]) -> str | None:
    known = {symbol for symbol in symbols if symbol == ANY or is_symbol(symbol)}
    if not known:
        return None
    query = [("recorded_since", iso(since)), *filters]
    if len(known) <= MOST_SYMBOLS and ANY not in known:
        query.append(("symbol", ",".join(sorted(known))))
    return f"{path}?{urlencode(query)}"
