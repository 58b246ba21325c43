"""The contract of a vendor's adapter, first kind: a request builder and a parser, both pure.

An adapter never opens a socket, reads a clock or an environment variable: `providers.http` sends what it builds and hands back what
came. It is one file in `providers/adapters/`, registered by `@register` (see `providers.registry`).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Protocol

from providers.errors import UnsupportedRequest
from providers.market.types import Adjustment, AssetClass, BarBatch, BarQuery, FeedScope, Interval


@dataclass(frozen=True, slots=True)
class Account:
    """A provider row as adapters see it: one account at one vendor. Never printed: it holds the secrets."""

    provider: str
    adapter: str
    base_url: str
    credentials: dict[str, str] = field(repr=False, default_factory=dict)
    feed_scope: FeedScope = FeedScope.CONSOLIDATED
    adjustment: Adjustment = Adjustment.RAW


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A GET. `url` is absolute, `params` are not yet encoded, secrets are in `headers` only."""

    url: str
    params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete answer. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class BarPage:
    """One page of an answer.

    `next` is the request of the following page, None on the last. `is_delayed`: the vendor says that this answer runs behind
    (it proves nothing about absent bars). `unknown_symbols`: those the vendor named as unknown while it answered for the rest.
    """

    batch: BarBatch
    next: HttpRequest | None = None
    is_delayed: bool = False
    unknown_symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What an adapter can be asked for. A request outside it is refused before it is sent."""

    intervals: frozenset[Interval]
    asset_classes: frozenset[AssetClass]
    adjustments: frozenset[Adjustment]
    max_symbols_per_call: int
    max_slots_per_call: int
    """Slots per symbol that one call (all its pages) may span."""
    history: timedelta | None = None
    """How far back bars can be had, None for no limit that we know of."""
    can_say_null_volume: bool = True
    """False where the vendor sends 0 for a volume that it does not know."""


class Adapter(Protocol):
    """What each file in `providers/adapters/` provides; stateless, one instance a process."""

    name: ClassVar[str]
    credential_names: ClassVar[tuple[str, ...]]
    """Keys that `Account.credentials` must hold, e.g. ("api_key",)."""
    default_base_url: ClassVar[str]
    limits: ClassVar[Limits]

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """The vendor's spelling of one of our symbols when the instrument's row names none."""
        ...

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """The first page's request. Raises: UnsupportedRequest."""
        ...

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """Read one page; rows outside `[query.start, query.end)` are dropped. Raises: ProviderError by meaning, not by status alone."""
        ...


def check_supported(adapter: Adapter, query: BarQuery) -> None:
    """Refuse a query outside the adapter's limits. Raises: UnsupportedRequest that names the limit and what was asked."""
    limits = adapter.limits
    if query.interval not in limits.intervals:
        offered = ", ".join(sorted(limits.intervals))
        raise UnsupportedRequest(f"{adapter.name} has no {query.interval} bars, it offers {offered}")
    if query.asset_class not in limits.asset_classes:
        offered = ", ".join(sorted(limits.asset_classes))
        raise UnsupportedRequest(f"{adapter.name} has no {query.asset_class} bars, it offers {offered}")
    if query.adjustment not in limits.adjustments:
        offered = ", ".join(sorted(limits.adjustments))
        raise UnsupportedRequest(f"{adapter.name} has no {query.adjustment} prices, it offers {offered}")
    if not 1 <= len(query.symbols) <= limits.max_symbols_per_call:
        raise UnsupportedRequest(
            f"{adapter.name} takes 1 to {limits.max_symbols_per_call} symbols a call, got {len(query.symbols)}"
        )
    if query.start >= query.end:
        raise UnsupportedRequest(f"expected start < end, got [{query.start}, {query.end})")
