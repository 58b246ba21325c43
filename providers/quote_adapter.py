"""The contract of an adapter that also has quotes: the newest one of each symbol. Pure, like `providers.adapter`.

One class is often both kinds of adapter; `quotes_of` tells. What each vendor's quotes are (scope, units of sizes, times) is in
docs/providers.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

from providers.adapter import Account, Adapter, HttpRequest, HttpResponse
from providers.errors import UnsupportedRequest
from providers.market.quotes import QuoteBatch, QuoteQuery
from providers.market.types import AssetClass, FeedScope


@dataclass(frozen=True, slots=True)
class QuotePage:
    """One page of an answer; its fields are as in `providers.adapter.BarPage`."""

    batch: QuoteBatch
    next: HttpRequest | None = None
    is_delayed: bool = False
    unknown_symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuoteLimits:
    """What quotes an adapter can be asked for. A request outside it is refused before it is sent."""

    asset_classes: frozenset[AssetClass]
    max_symbols_per_call: int
    feed_scopes: Mapping[AssetClass, frozenset[FeedScope]] = field(default_factory=dict)
    """Which scopes an account may be declared with; an asset class that is not named takes any."""
    one_at_a_time: frozenset[AssetClass] = frozenset()
    """Asset classes that are asked for one symbol a call, because an answer for several could not be told apart."""

    def symbols_per_call(self, asset_class: AssetClass) -> int:
        """How many symbols of an asset class one call may name."""
        return 1 if asset_class in self.one_at_a_time else self.max_symbols_per_call

    cost_per_call: int = 1
    cost_per_symbol: int = 0
    """As in `providers.adapter.Limits`."""


@runtime_checkable
class QuoteAdapter(Protocol):
    """What an adapter of `providers/adapters/` provides that has quotes, of whichever kind; stateless."""

    name: ClassVar[str]
    quote_limits: ClassVar[QuoteLimits]


@runtime_checkable
class HttpQuoteAdapter(QuoteAdapter, Protocol):
    """The first kind: a request builder and a parser."""

    def quotes_request(self, query: QuoteQuery, account: Account) -> HttpRequest:
        """The first page's request. Raises: UnsupportedRequest."""
        ...

    def parse_quotes(self, response: HttpResponse, query: QuoteQuery, account: Account) -> QuotePage:
        """Read one page. A symbol without a row has no quote. Raises: ProviderError by meaning, not by status alone."""
        ...


def quotes_of(adapter: Adapter) -> QuoteAdapter | None:
    """The same adapter as one that has quotes, None when it has none."""
    return adapter if isinstance(adapter, QuoteAdapter) else None


def check_quotes_supported(adapter: QuoteAdapter, query: QuoteQuery, *, account: Account | None = None) -> None:
    """Refuse a query outside the adapter's limits, which include the account's feed where given.

    Raises: UnsupportedRequest that names the limit and what was asked.
    """
    limits = adapter.quote_limits
    if query.asset_class not in limits.asset_classes:
        offered = ", ".join(sorted(limits.asset_classes))
        raise UnsupportedRequest(f"{adapter.name} has no {query.asset_class} quotes, it offers {offered}")
    most = limits.symbols_per_call(query.asset_class)
    if not 1 <= len(query.symbols) <= most:
        raise UnsupportedRequest(
            f"{adapter.name} takes 1 to {most} symbols a call for quotes of {query.asset_class}, got {len(query.symbols)}"
        )
    scopes = limits.feed_scopes.get(query.asset_class, frozenset(FeedScope))
    if account is not None and account.feed_scope not in scopes:
        raise UnsupportedRequest(
            f"{adapter.name} has no {account.feed_scope} quotes of {query.asset_class}, it offers {', '.join(sorted(scopes))}"
        )
