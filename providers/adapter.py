"""The contract of a vendor's adapter, above all of the first kind: a request builder and a parser, both pure.

An adapter never opens a socket, reads a clock or an environment variable: `providers.http` sends what it builds and hands back what
came. It is one file in `providers/adapters/`, registered by `@register` (see `providers.registry`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, ClassVar, Protocol, runtime_checkable

from providers.errors import UnsupportedRequest
from providers.market.types import (
    DAY_US,
    Adjustment,
    AssetClass,
    BarBatch,
    BarQuery,
    FeedScope,
    Interval,
    Micros,
    from_us,
    to_us,
)

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Account:
    """A provider row as adapters see it: one account at one vendor. Never printed: it holds the secrets."""

    provider: str
    adapter: str
    base_url: str
    credentials: dict[str, str] = field(repr=False, default_factory=dict)
    feed_scope: FeedScope = FeedScope.CONSOLIDATED
    adjustment: Adjustment = Adjustment.RAW
    options: Mapping[str, str] = field(default_factory=dict)
    """What only this vendor can be told; read with `providers.accounts.option`."""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of an account that only its vendor has: a value matches `pattern` as a whole, `meaning` says so to a human."""

    default: str
    pattern: str
    meaning: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A GET. `url` is absolute, `params` are not yet encoded, secrets are in `headers` only.

    `secret_params`: sent like `params`, never shown; for vendors that take the key nowhere else.
    """

    url: str
    params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(repr=False, default_factory=dict)
    secret_params: dict[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete answer. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Priced(Protocol):
    """What a request takes of the rate limit: `Limits`, or those of quotes."""

    @property
    def cost_per_call(self) -> int:
        """Whatever it asks for."""
        ...

    @property
    def cost_per_symbol(self) -> int:
        """What each of its symbols takes in addition."""
        ...


@dataclass(frozen=True, slots=True)
class RateNews:
    """What an answer says about the account's limit: so many requests (or what the vendor counts) for so many seconds more."""

    left: int
    resets_in_s: float


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
class Terms:
    """What holds for some intervals and asset classes other than for the rest; None leaves what `Limits` says.

    `intervals`, `asset_classes`: where these terms hold, None for all. `refusal`: why such bars are not to be had after all.
    """

    intervals: frozenset[Interval] | None = None
    asset_classes: frozenset[AssetClass] | None = None
    refusal: str | None = None
    adjustments: frozenset[Adjustment] | None = None
    feed_scopes: frozenset[FeedScope] | None = None
    max_slots_per_call: int | None = None
    rows_per_page: int | None = None
    span_per_call: timedelta | None = None
    month_zone: tzinfo | None = None
    history: timedelta | None = None
    since: date | None = None
    has_volume: bool | None = None

    def hold_for(self, query: BarQuery) -> bool:
        """Whether these terms are about such bars."""
        return (self.intervals is None or query.interval in self.intervals) and (
            self.asset_classes is None or query.asset_class in self.asset_classes
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What an adapter can be asked for. A request outside it is refused before it is sent.

    Sets and numbers are the widest over all that the vendor has; `terms` narrows them where it matters.
    """

    intervals: frozenset[Interval]
    asset_classes: frozenset[AssetClass]
    adjustments: frozenset[Adjustment]
    max_symbols_per_call: int
    max_slots_per_call: int
    """Slots per symbol that one call (all its pages) may span."""
    rows_per_page: int | None = None
    """Rows of all its symbols together that one page of an answer holds at most, None where an answer is one page."""
    history: timedelta | None = None
    """How far back bars can be had, None for no limit that we know of."""
    has_volume: bool = True
    """False where the vendor sends no volume at all: it is null in our bars, which says nothing about the trades."""
    can_say_null_volume: bool = True
    """False where the vendor sends 0 for a volume that it does not know."""
    feed_scopes: frozenset[FeedScope] = frozenset(FeedScope)
    """Which scopes an account may be declared with: bars carry the account's, so a wrong one would be a lie about each."""
    span_per_call: timedelta | None = None
    """The longest window of one request; longer queries are cut into several calls by `windows`."""
    month_zone: tzinfo | None = None
    """Set where a request names one calendar month of this zone; longer queries are cut at its month ends by `windows`."""
    since: date | None = None
    """The first date of the vendor's history: before it, an empty answer would say nothing."""
    terms: tuple[Terms, ...] = ()
    """Later ones win."""
    cost_per_call: int = 1
    """What one request takes of the rate limit, whatever it asks for."""
    cost_per_symbol: int = 0
    """What each of its symbols takes in addition."""

    def of(self, query: BarQuery) -> "Limits":
        """What holds for the interval and asset class of a query. Raises: UnsupportedRequest where the terms say so."""
        narrowed = self
        for terms in self.terms:
            if not terms.hold_for(query):
                continue
            if terms.refusal is not None:
                raise UnsupportedRequest(terms.refusal)
            narrowed = replace(narrowed, **{name: said for name in _NARROWED if (said := getattr(terms, name)) is not None})
        return narrowed


_NARROWED = frozenset(f.name for f in fields(Terms)) - {"intervals", "asset_classes", "refusal"}


class Adapter(Protocol):
    """What each file in `providers/adapters/` provides, of whichever kind; stateless, one instance a process."""

    name: ClassVar[str]
    credential_names: ClassVar[tuple[str, ...]]
    """Keys that `Account.credentials` must hold, e.g. ("api_key",)."""
    default_base_url: ClassVar[str]
    limits: ClassVar[Limits]

    def vendor_symbol(self, symbol: str, asset_class: AssetClass) -> str:
        """The vendor's spelling of one of our symbols when the instrument's row names none."""
        ...


@runtime_checkable
class HttpAdapter(Adapter, Protocol):
    """The first kind: a request builder and a parser, both pure. The second is `providers.client_adapter.ClientAdapter`."""

    def bars_request(self, query: BarQuery, account: Account) -> HttpRequest:
        """The first page's request. Raises: UnsupportedRequest."""
        ...

    def parse_bars(self, response: HttpResponse, query: BarQuery, account: Account) -> BarPage:
        """Read one page; rows outside `[query.start, query.end)` are dropped. Raises: ProviderError by meaning, not by status alone."""
        ...


def cost(price: Priced, *, symbols: int) -> int:
    """What one request for so many symbols takes of the vendor's rate limit."""
    return price.cost_per_call + price.cost_per_symbol * symbols


def symbols_for(price: Priced, *, tokens: int) -> int | None:
    """How many symbols one request may name for so many tokens, None for any number; 0 where they do not even pay for one."""
    left = tokens - price.cost_per_call
    if price.cost_per_symbol == 0:
        return None if left >= 0 else 0
    return max(0, left // price.cost_per_symbol)


def optional_credential_names(adapter: Adapter) -> frozenset[str]:
    """Keys that `Account.credentials` may hold as well; an adapter that has any names them in this attribute."""
    return frozenset(getattr(adapter, "optional_credential_names", ()))


def check_supported(adapter: Adapter, query: BarQuery, *, account: Account | None = None, now: Micros | None = None) -> None:
    """Refuse a query outside the adapter's limits, which include the account's feed and the history at `now` where given.

    Raises: UnsupportedRequest that names the limit and what was asked.
    """
    limits = adapter.limits
    _check_choice(adapter, "bars", query.interval, limits.intervals)
    _check_choice(adapter, "bars", query.asset_class, limits.asset_classes)
    limits = limits.of(query)
    _check_choice(adapter, f"prices of {query.asset_class} at {query.interval}", query.adjustment, limits.adjustments)
    if not 1 <= len(query.symbols) <= limits.max_symbols_per_call:
        raise UnsupportedRequest(
            f"{adapter.name} takes 1 to {limits.max_symbols_per_call} symbols a call, got {len(query.symbols)}"
        )
    if query.start >= query.end:
        raise UnsupportedRequest(f"expected start < end, got [{query.start}, {query.end})")
    if account is not None:
        _check_choice(adapter, f"feed of {query.asset_class} at {query.interval}", account.feed_scope, limits.feed_scopes)
    _check_history(adapter, limits, query, now)


def refusal_of(adapter: Adapter, query: BarQuery, *, account: Account, now: Micros) -> str | None:
    """Why such bars can't be had of this account, whichever symbols they are of; None where they can."""
    try:
        check_supported(adapter, replace(query, symbols=("-",)), account=account, now=now)
    except UnsupportedRequest as error:
        return str(error)
    return None


def earliest(adapter: Adapter, query: BarQuery, *, now: Micros) -> Micros | None:
    """The first instant of which such bars can be had at `now`, None where no bound is known. Raises: UnsupportedRequest."""
    limits = adapter.limits.of(query)
    bounds = [bound for bound in (_first_instant(limits), _kept_from(limits, now)) if bound is not None]
    return max(bounds, default=None)


def _first_instant(limits: Limits) -> Micros | None:
    return None if limits.since is None else to_us(datetime.combine(limits.since, time.min, UTC))


def _kept_from(limits: Limits, now: Micros) -> Micros | None:
    return None if limits.history is None else now - limits.history // _MICROSECOND


def _check_choice(adapter: Adapter, what: str, asked: str, offered: frozenset[Any]) -> None:
    if asked not in offered:
        raise UnsupportedRequest(f"{adapter.name} has no {asked} {what}, it offers {', '.join(sorted(offered))}")


def _check_history(adapter: Adapter, limits: Limits, query: BarQuery, now: Micros | None) -> None:
    asked = f"{query.interval} bars of {query.asset_class}"
    if (first := _first_instant(limits)) is not None and query.start < first:
        raise UnsupportedRequest(f"{adapter.name} has {asked} since {limits.since}, asked for older ones")
    kept_from = None if now is None else _kept_from(limits, now)
    if limits.history is not None and kept_from is not None and query.start < kept_from:
        raise UnsupportedRequest(f"{adapter.name} keeps {asked} for {_span_text(limits.history)}, asked for older ones")


def _span_text(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{span / timedelta(hours=1):.1f} hours"


def windows(adapter: Adapter, query: BarQuery) -> Iterator[BarQuery]:
    """A query cut into windows that one request may span, in order; the query itself where there is no such limit.

    Cuts lie at 00:00 UTC (or at the start of a month in its zone), so that no bar is asked for in halves.
    Raises: UnsupportedRequest as `check_supported`.
    """
    limits = adapter.limits.of(query)
    if limits.month_zone is not None:
        yield from _months(query, limits.month_zone)
        return
    span = limits.span_per_call
    start, step = query.start, query.end - query.start if span is None else span // _MICROSECOND
    while query.end - start > step:
        cut = (start + step) // DAY_US * DAY_US
        yield replace(query, start=start, end=cut)
        start = cut
    yield replace(query, start=start)


def _months(query: BarQuery, zone: tzinfo) -> Iterator[BarQuery]:
    start = query.start
    while (cut := _following_month(start, zone)) < query.end:
        yield replace(query, start=start, end=cut)
        start = cut
    yield replace(query, start=start)


def _following_month(moment: Micros, zone: tzinfo) -> Micros:
    local = from_us(moment).astimezone(zone)
    return to_us(datetime(local.year + local.month // 12, local.month % 12 + 1, 1, tzinfo=zone))


def check_span(adapter: Adapter, query: BarQuery) -> None:
    """Refuse a window that is longer than one request may span. Raises: UnsupportedRequest."""
    span = adapter.limits.of(query).span_per_call
    if span is not None and query.end - query.start > span // _MICROSECOND:
        raise UnsupportedRequest(f"{adapter.name} gives at most {span.days} days of {query.interval} bars a request")
