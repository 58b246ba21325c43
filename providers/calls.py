"""How many requests a question takes before it is asked: the chunks, windows and pages that `providers.fetching` makes of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from providers.accounts import symbols_per_call
from providers.adapter import cost, windows
from providers.budget import most_at_once
from providers.lanes import Lane
from providers.market.types import AssetClass, BarQuery
from providers.quote_adapter import quotes_of
from providers.selectors import Candidate
from providers.tolls import affordable


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests, and what they take of the account's allowance."""

    requests: int = 0
    tokens: int = 0

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(self.requests + other.requests, self.tokens + other.tokens)


def symbols_a_call(candidate: Candidate, *, tokens: int | None) -> int:
    """How many symbols one call for bars names. `tokens`: the most that one request can get, None where nobody counts."""
    most = symbols_per_call(candidate.adapter, candidate.account)
    return affordable(most, price=candidate.adapter.limits, tokens=tokens)


def symbols_a_quote_call(candidate: Candidate, asset_class: AssetClass, *, tokens: int | None) -> int:
    """How many symbols one call for quotes names; otherwise as `symbols_a_call`."""
    adapter = quotes_of(candidate.adapter)
    price = candidate.adapter.limits if adapter is None else adapter.quote_limits
    most = adapter.quote_limits.symbols_per_call(asset_class) if adapter is not None else None
    return affordable(symbols_per_call(candidate.adapter, candidate.account, most=most), price=price, tokens=tokens)


def calls_for(candidate: Candidate, query: BarQuery, *, symbols: int, slots: int, lane: Lane) -> Calls:
    """What bars of so many symbols take when each has one in each of the window's `slots`; `query.symbols` is ignored.

    Raises: UnsupportedRequest where the vendor has no such bars.
    """
    size = symbols_a_call(candidate, tokens=most_at_once(candidate.allowance, lane=lane))
    parts = [window.end - window.start for window in windows(candidate.adapter, query)]
    whole, rest = divmod(symbols, size)
    one = _chunk(candidate, query, parts, symbols=size, slots=slots)
    calls = Calls(one.requests * whole, one.tokens * whole)
    return calls + _chunk(candidate, query, parts, symbols=rest, slots=slots) if rest else calls


def _chunk(candidate: Candidate, query: BarQuery, parts: Sequence[int], *, symbols: int, slots: int) -> Calls:
    """Each window's pages, its rows reckoned by its share of the time."""
    limits = candidate.adapter.limits
    page, span = limits.of(query).rows_per_page, sum(parts)
    requests = sum(1 if page is None else max(1, -(-symbols * slots * part // (span * page))) for part in parts)
    return Calls(requests, requests * cost(limits, symbols=symbols))
